"""The table failures: why a video could not be used, until its file, the settings or the program change."""

import datetime as dt

from meetbefore_assets.core.ports import Stamp
from meetbefore_assets.core.schema.recordings import FAILURES
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.versions import parameters
from meetbefore_assets.recordings.intake import known_videos
from meetbefore_assets.recordings.status import video_status

LONGEST_PAUSE_DAYS = 32


def record_failure(home: Home, video_id: str, stage: str, message: str) -> None:
    """Write down that a video failed; a further failure of the same kind counts as another attempt."""
    settings = home.settings()
    status = video_status(home, video_id, known_videos(home)[video_id], parameters(settings, home.models(settings)))
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


def due_failures(home: Home, now: dt.datetime | None = None) -> set[str]:
    """Videos that failed and are worth another try unasked: a day after the first attempt, two after the second, and so on.

    Args:
        now: naive UTC.
    """
    moment = now or dt.datetime.now(dt.UTC).replace(tzinfo=None)
    readable = [key for key in home.store.keys(FAILURES.name) if home.store.stamp(FAILURES.name, key) is not None]
    rows = home.store.scan(FAILURES.name, readable, ["video_id", "failed_at", "attempts"]).rows() if readable else []
    return {video_id for video_id, failed_at, attempts in rows if moment >= failed_at + _pause(attempts)}


def _pause(attempts: int) -> dt.timedelta:
    # An hour less than whole days: a failure of one night is due at the same time of a later one.
    return dt.timedelta(days=min(2 ** (attempts - 1), LONGEST_PAUSE_DAYS)) - dt.timedelta(hours=1)


def clear_failure(home: Home, video_id: str) -> None:
    """A video that came through is no failure any more."""
    home.store.drop(FAILURES.name, video_id)
