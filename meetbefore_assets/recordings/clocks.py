"""The clock of each recording, derived from its files and the settings; not stored, so that a correction decodes nothing again."""

import datetime as dt
import json
from collections.abc import Callable
from functools import lru_cache
from zoneinfo import ZoneInfo

import polars as pl

from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings.sections import ClockCorrection, TimeSettings
from meetbefore_assets.recordings.clock_sources import Clock, correction_for, resolve_clock

SCHEMA = {
    "video_id": pl.String(),
    "started_at": pl.Datetime("us"),
    "timezone": pl.String(),
    "clock_source": pl.String(),
    "is_certain": pl.Boolean(),
    "warning": pl.String(),
}

# (file name, mtime in ns) of a video's files, its tags, sidecar_start and duration_s -> its clock.
_Resolve = Callable[[tuple[tuple[str, int], ...], str, str, float], Clock]


def clock_of(home: Home, video_id: str) -> Clock:
    """The clock of one video that has a row in `videos`."""
    return _clock_of(home, video_id, _resolver(home))


def _clock_of(home: Home, video_id: str, resolve: _Resolve) -> Clock:
    sources = home.store.get("sources", video_id, ["file_name", "mtime_ns"])
    facts = home.store.get("videos", video_id, ["tags", "sidecar_start", "duration_s"])
    return resolve(tuple(sources.rows()), *facts.row(0))


def camera_clock(home: Home, video_id: str, zone: str | None = None) -> Clock:
    """What the files of one video say, without an offset.

    Args:
        home: the home.
        video_id: has a row in `videos`.
        zone: IANA name of the zone its camera was set to; "" for that of the settings (`time.zone`); None for the one in force.
    """
    settings, machine_zone = home.settings(), home.adapters.recordings.machine_zone()
    names = tuple(home.store.get("sources", video_id, ["file_name"])["file_name"])
    used = correction_for(names, settings.clocks)
    in_force = used.zone if used else None
    plain = ClockCorrection(files="*", zone=in_force if zone is None else zone or None)
    return _clock_of(home, video_id, _resolver_for(settings.time, (plain,), machine_zone))


def _resolver(home: Home) -> _Resolve:
    settings = home.settings()
    return _resolver_for(settings.time, settings.clocks, home.adapters.recordings.machine_zone())


@lru_cache(maxsize=4)
def _resolver_for(time: TimeSettings, clocks: tuple[ClockCorrection, ...], machine_zone: str) -> _Resolve:
    # One run asks for all clocks a dozen times: 0.3 s for two thousand videos without the cache.
    @lru_cache(maxsize=16_384)
    def resolve(files: tuple[tuple[str, int], ...], tags: str, sidecar_start: str, duration_s: float) -> Clock:
        return resolve_clock(
            sorted(name for name, _ in files),
            json.loads(tags),
            sidecar_start=sidecar_start,
            mtime_s=min(mtime_ns for _, mtime_ns in files) / 1e9,
            duration_s=duration_s,
            time=time,
            clocks=clocks,
            machine_zone=machine_zone,
        )

    return resolve


def clock_table(home: Home, video_ids: list[str]) -> pl.DataFrame:
    """The clocks of some videos, one row each, in the order given (columns of SCHEMA)."""
    if not video_ids:
        return pl.DataFrame(schema=SCHEMA)
    files = home.store.scan("sources", video_ids, ["video_id", "file_name", "mtime_ns"]).rows_by_key("video_id")
    facts = home.store.scan("videos", video_ids, ["video_id", "tags", "sidecar_start", "duration_s"]).rows_by_key("video_id", unique=True)
    resolve = _resolver(home)
    rows = []
    for video_id in video_ids:
        clock = resolve(tuple(files[video_id]), *facts[video_id])
        rows.append((video_id, clock.started_at, clock.timezone, clock.clock_source, clock.is_certain, clock.warning))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def undated_videos(home: Home, video_ids: list[str]) -> list[str]:
    """Those of some videos whose only date is that of their file, often the day it was copied."""
    read = [video_id for video_id in video_ids if home.store.stamp("videos", video_id) is not None]
    return clock_table(home, read).filter(pl.col("clock_source") == "mtime")["video_id"].to_list()


def started_at(home: Home, video_id: str, *, local: bool = False) -> dt.datetime | None:
    """Start of one recording, naive, in UTC or in the user's zone."""
    start = clock_of(home, video_id).started_at
    return to_local(start, home.zone()) if local and start else start


def to_local(moment: dt.datetime, zone: str) -> dt.datetime:
    """Naive UTC -> naive local time."""
    return moment.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
