"""The news of the last import, for the first page."""

from starlette.requests import Request

from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.core.schema.encounters import FIRST_ON_RECORD, PEOPLE
from meetbefore_assets.encounters.news import first_on_record, since
from meetbefore_assets.publishing.news import lines
from meetbefore_assets.publishing.page.phrases import Phrase
from meetbefore_assets.web.pages.reading import home_of, state_of

# Of one kind so many lines: the page is about people.
_LISTED = 3


def latest(request: Request) -> list[Phrase]:
    """The news in words, the heading first; empty if all videos are new, or none is."""
    home, app = home_of(request), request.app.state
    stamps = (home.store.stamp(table.name, WHOLE) for table in (FIRST_ON_RECORD, PEOPLE))
    version = tuple(stamp.data_version if stamp else "" for stamp in stamps)
    known: tuple[tuple[str, ...], list[Phrase]] | None = getattr(app, "news", None)
    if known is None or known[0] != version:
        found = since(home)
        is_news = not found.is_empty and found.videos < first_on_record(home).height
        known = app.news = (version, lines(found, state_of(request).zone, _LISTED) if is_news else [])
    return known[1]
