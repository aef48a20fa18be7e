"""The frame around every page: navigation, answers and videos being processed, the last correction."""

from dataclasses import dataclass

from starlette.requests import Request

from meetbefore_assets.core.schema.recordings import FAILURES, SOURCES
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.web.pages.correction_notice import CorrectionNotice, correction_notice
from meetbefore_assets.web.pages.reading import home_of, live_of, state_of
from meetbefore_assets.web.words import Language


@dataclass(frozen=True)
class PendingWork:
    """A sentence about the answers or videos being processed; "" where the tables are up to date. `is_trouble`: the last run failed."""

    text: str
    is_busy: bool = False
    is_trouble: bool = False


@dataclass(frozen=True)
class Frame:
    """What surrounds a page.

    Attributes:
        version: of everything the page shows; the script asks whether it is still the same.
        pending: what is being processed.
        notice: the corrections just made, with their undo; None if there were none.
        failed: videos that could not be used.
        has_dagster: whether Dagster's UI is served beside the app.
    """

    version: str
    pending: PendingWork
    notice: CorrectionNotice | None
    failed: int
    has_dagster: bool


def frame_of(request: Request, language: Language) -> Frame:
    """The frame of the page that is asked for."""
    home = home_of(request)
    return Frame(
        version=version_of(request),
        pending=pending_of(request, language),
        notice=correction_notice(request.query_params.get("said", ""), state_of(request), language),
        failed=len(home.store.keys(FAILURES.name)),
        has_dagster=bool(getattr(request.app.state, "has_dagster", False)),
    )


def version_of(request: Request) -> str:
    """Version of everything that pages show; it changes whenever any of it may have."""
    home = home_of(request)
    counts = (len(home.store.keys(asset)) for asset in (SOURCES.name, FAILURES.name))
    return "-".join([live_of(request).view().version, *map(str, counts)])


def pending_of(request: Request, language: Language) -> PendingWork:
    """Describe what is being processed: answers first, then videos."""
    applier = getattr(request.app.state, "applier", None)
    applying = applier.state() if applier else None
    if applying and applying.kind == "failed":
        return PendingWork(language.say("pending.error", reason=applying.reason), is_trouble=True)
    if waiting := live_of(request).view().waiting:
        return PendingWork(language.say("pending.answers", answers=language.count(waiting, "answer")), is_busy=True)
    if applying and applying.kind == "running":
        return PendingWork(language.say("pending.running"), is_busy=True)
    home = home_of(request)
    known = set(home.store.keys(SOURCES.name))
    left = known - set(matched_videos(home)) - set(home.store.keys(FAILURES.name))
    if left:
        return PendingWork(language.say("pending.processing", done=len(known) - len(left), of=len(known)), is_busy=True)
    return PendingWork("")
