"""The table `runs`: how long each table of a video took, each time it was computed."""

import datetime as dt
from collections.abc import Mapping

import polars as pl

from meetbefore_assets.core.ports import Stamp
from meetbefore_assets.core.schema.recordings import RUNS
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home


def record_run(home: Home, video_id: str, asset: str, run_id: str, started_at: dt.datetime, made: Mapping[str, object]) -> None:
    """Add a row to the run history of a video; the caller holds the lock of the video.

    Args:
        started_at: naive UTC.
        made: `seconds`, `rows`, and the facts of the table; empty if it failed.
    """
    elapsed_s = (dt.datetime.now(dt.UTC).replace(tzinfo=None) - started_at).total_seconds()
    seconds = float(str(made.get("seconds", max(elapsed_s, 0.0))))  # less than 0: the clock was set back meanwhile
    row = {
        "video_id": video_id,
        "asset": asset,
        "run_id": run_id,
        "started_at": started_at,
        "seconds": seconds,
        "rows": int(str(made.get("rows", 0))),
        "moments_per_s": made.get("moments_per_s"),
        "faces_per_s": round(int(str(made["faces"])) / seconds, 1) if asset == "embeddings" and made and seconds > 0 else None,
        "device": made.get("device"),
        "outcome": "done" if made else "failed",
    }
    history = check(RUNS, pl.concat([run_history(home, video_id), RUNS.frame([row])]).unique(RUNS.key, keep="last", maintain_order=True))
    version = f"{history.height}-{run_id}-{asset}-{row['outcome']}"
    home.store.put(RUNS.name, video_id, history, Stamp(version, {}, {}, history.height))


def run_history(home: Home, video_id: str) -> pl.DataFrame:
    """The run history of one video, oldest first; columns of RUNS."""
    return RUNS.empty() if home.store.stamp(RUNS.name, video_id) is None else home.store.get(RUNS.name, video_id)


def all_runs(home: Home) -> pl.DataFrame:
    """The run history of all videos, oldest first; columns of RUNS."""
    readable = [key for key in home.store.keys(RUNS.name) if home.store.stamp(RUNS.name, key) is not None]
    return home.store.scan(RUNS.name, readable).sort("started_at", "video_id", "asset") if readable else RUNS.empty()
