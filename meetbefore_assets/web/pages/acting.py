"""Writes a correction and redirects to a page that shows it."""

from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.identities.corrections import Correction
from meetbefore_assets.web.pages.rendering import go_to

# An address holds some thousand letters; whoever says more at once undoes it on the page of corrections.
MOST_TOLD = 100


def acted(
    request: Request, say: Callable[[], Sequence[Correction]], back: Callable[[], str], again: Callable[[MeetbeforeError], Response]
) -> Response:
    """Write corrections, then redirect to the page that the form came from.

    Args:
        request: a POST.
        say: puts corrections on record.
        back: path of the page to go back to, with its query, asked for when everything was said; one that is no path of ours is
            not followed.
        again: that page with the reason, where nothing could be said.
    """
    try:
        corrections = say()
    except MeetbeforeError as error:
        return again(error)
    correction_saved(request)
    return go_to(request, with_query(own_path(back()), said=",".join(one.correction_id for one in corrections[:MOST_TOLD])))


def correction_saved(request: Request) -> None:
    """Schedule the run that applies new corrections to the tables, once no more of them come in."""
    applier = getattr(request.app.state, "applier", None)
    if applier:
        applier.correction_saved()


def own_path(text: str) -> str:
    """A path of this server with its query; the first page if the form names anything else."""
    is_ours = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if is_ours else "/people"


def with_query(path: str, **fields: str) -> str:
    """A path with some fields of its query replaced."""
    base, _, query = path.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query) if name not in fields]
    return f"{base}?{urlencode([*kept, *fields.items()])}"
