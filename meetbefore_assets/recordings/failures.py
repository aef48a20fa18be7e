"""The table failures: why a video could not be used, until its file, the settings or the program change."""

import datetime as dt

from meetbefore_assets.core.errors import VideoError
from meetbefore_assets.core.ports import Stamp
from meetbefore_assets.core.schema.recordings import FAILURES
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record import journal
from meetbefore_assets.home.record.versions import parameters
from meetbefore_assets.recordings.intake import known_videos
from meetbefore_assets.recordings.open_video import open_video
from meetbefore_assets.recordings.status import video_status

LONGEST_PAUSE_DAYS = 32
_CLOCK_SLACK = dt.timedelta(hours=1)  # between the clocks of several machines


def record_failure(home: Home, video_id: str, stage: str, message: str) -> None:
    """Record that a video failed; another failure with the same file, settings and program counts as another attempt."""
    settings = home.settings()
    status = video_status(home, video_id, known_videos(home, [video_id])[video_id], parameters(settings, home.models(settings)))
    before = home.store.stamp(FAILURES.name, video_id)
    attempts = int(before.facts["attempts"]) + 1 if before and before.data_version == status.failure_version else 1
    row = {
        "video_id": video_id,
        "stage": stage,
        "message": message,
        "failed_at": dt.datetime.now(dt.UTC).replace(tzinfo=None),
        "attempts": attempts,
    }
    stamp = Stamp(status.failure_version, {}, {"stage": stage, "attempts": str(attempts)}, 1)
    home.store.put(FAILURES.name, video_id, check(FAILURES, FAILURES.frame([row])), stamp)


def refuse_unreadable(home: Home, video_id: str) -> str:
    """Open a recording; if that fails, record the failure and return why, else "".

    Checked before Dagster starts a run, which costs a hundred times as much: a folder may hold thousands of files that are no video.
    """
    with home.lock(f"video-{video_id}"):
        try:
            open_video(home, video_id)[0].close()
        except VideoError as error:
            journal.log_event(home, "failed", level="error", video_id=video_id, asset="videos", message=str(error))
            record_failure(home, video_id, "videos", str(error))
            return str(error)
    return ""


def due_failures(home: Home, now: dt.datetime | None = None) -> set[str]:
    """Failed videos that are due for another try: a day after the first attempt, then 2, 4, 8 … days.

    Args:
        now: naive UTC.
    """
    moment = now or dt.datetime.now(dt.UTC).replace(tzinfo=None)
    readable = [key for key in home.store.keys(FAILURES.name) if home.store.stamp(FAILURES.name, key) is not None]
    rows = home.store.scan(FAILURES.name, readable, ["video_id", "failed_at", "attempts"]).rows() if readable else []
    # A failure in the future was recorded by a wrong clock: it would wait for years.
    return {
        video_id for video_id, failed_at, attempts in rows if moment >= failed_at + _pause(attempts) or failed_at > moment + _CLOCK_SLACK
    }


def _pause(attempts: int) -> dt.timedelta:
    # An hour less than whole days, so that a failure of one night is due at the same time in a later night.
    return dt.timedelta(days=min(2 ** (attempts - 1), LONGEST_PAUSE_DAYS)) - dt.timedelta(hours=1)


def clear_failure(home: Home, video_id: str) -> None:
    """Remove the failure of a video that was processed."""
    home.store.drop(FAILURES.name, video_id)
