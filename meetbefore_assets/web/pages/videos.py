"""Videos: how many are processed, which failed and why, which files are away; tries failed ones again and looks for new ones."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.publishing.database import failure_rows
from meetbefore_assets.publishing.page.phrases import clock
from meetbefore_assets.recordings.intake import known_videos
from meetbefore_assets.web.background_run import BackgroundRun
from meetbefore_assets.web.pages.reading import home_of, state_of
from meetbefore_assets.web.pages.rendering import field, go_to, page

MOST_MISSING = 200


def videos(request: Request, problem: MeetbeforeError | None = None) -> Response:
    """The videos that need a look, and where recordings come from."""
    home, zone = home_of(request), state_of(request).zone
    known, failures, matched = known_videos(home), failure_rows(home), set(matched_videos(home))
    missing = sorted(video.names[0] for key, video in known.items() if key not in failures and not home.is_present(video.uris))
    failed = [
        {
            "file": known[key].names[0],
            "message": str(row["message"]),
            "when": clock(row["failed_at"], zone),  # type: ignore[arg-type]
            "attempts": row["attempts"],
        }
        for key, row in failures.items()
        if key in known
    ]
    return page(
        request,
        "videos.html.jinja",
        back="/videos",
        problem=problem,
        status=409 if problem else 200,
        failed=sorted(failed, key=lambda one: str(one["file"])),
        missing=missing[:MOST_MISSING],
        missing_count=len(missing),
        done=len(matched & known.keys()),
        waiting=len(known.keys() - matched - failures.keys()),
        sources=[str(source) for source in home.sources()],
        is_running=_background(request).is_running,
        trouble=_background(request).trouble,
    )


def process(request: Request) -> Response:
    """Look for new recordings; with `retry` try the failed ones again, too."""
    try:
        _background(request).start(retry_failed=bool(field(request, "retry")))
    except MeetbeforeError as error:
        return videos(request, error)
    return go_to(request, "/videos")


def _background(request: Request) -> BackgroundRun:
    found: BackgroundRun | None = getattr(request.app.state, "background_run", None)
    if found is None:
        found = request.app.state.background_run = BackgroundRun(home_of(request).folder)
    return found


ROUTES = [Route("/videos", videos), Route("/videos/process", process, methods=["POST"])]
