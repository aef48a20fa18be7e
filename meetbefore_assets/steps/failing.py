"""Remembering why a video could not be used, until its file, the settings or the program change."""

import datetime as dt

from meetbefore_assets.domain.ports import Stamp
from meetbefore_assets.schema import FAILURES, check
from meetbefore_assets.steps.intake import known_videos
from meetbefore_assets.steps.status import video_status
from meetbefore_assets.workbench import Workbench

LONGEST_PAUSE_DAYS = 32


def remember_failure(bench: Workbench, video_id: str, stage: str, message: str) -> None:
    """Write down that a video failed; a further failure of the same kind counts as another attempt."""
    settings = bench.settings()
    status = video_status(bench, video_id, known_videos(bench)[video_id], settings, bench.models(settings))
    before = bench.store.stamp(FAILURES.name, video_id)
    attempts = int(before.facts["attempts"]) + 1 if before and before.data_version == status.failure_version else 1
    row = {
        "video_id": video_id,
        "stage": stage,
        "message": message,
        "failed_at": dt.datetime.now(dt.UTC).replace(tzinfo=None),
        "attempts": attempts,
    }
    stamp = Stamp(status.failure_version, {}, {"stage": stage, "attempts": str(attempts)}, 1)
    bench.store.put(FAILURES.name, video_id, check(FAILURES, FAILURES.frame([row])), stamp)


def due_failures(bench: Workbench, now: dt.datetime | None = None) -> set[str]:
    """Videos that failed and are worth another try unasked: a day after the first attempt, two after the second, and so on.

    Args:
        now: naive UTC.
    """
    moment = now or dt.datetime.now(dt.UTC).replace(tzinfo=None)
    readable = [key for key in bench.store.keys(FAILURES.name) if bench.store.stamp(FAILURES.name, key) is not None]
    rows = bench.store.scan(FAILURES.name, readable, ["video_id", "failed_at", "attempts"]).rows() if readable else []
    return {video_id for video_id, failed_at, attempts in rows if moment >= failed_at + _pause(attempts)}


def _pause(attempts: int) -> dt.timedelta:
    # An hour less than whole days: a failure of one night is due at the same time of a later one.
    return dt.timedelta(days=min(2 ** (attempts - 1), LONGEST_PAUSE_DAYS)) - dt.timedelta(hours=1)


def forget_failure(bench: Workbench, video_id: str) -> None:
    """A video that came through is no failure any more."""
    bench.store.drop(FAILURES.name, video_id)
