"""Retention: which strangers met once have expired (`privacy.single_sightings_days`).

Days count from the sighting or the import, whichever is later, so that after importing old footage there is as much time to name people or
correct a clock. If the clock of a video cannot be right, it is unknown when somebody was seen, and nobody in it expires.
"""

import datetime as dt
from dataclasses import dataclass

import polars as pl

from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.core.words import count
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.run_history import all_runs
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.recordings.clocks import clock_table
from meetbefore_assets.upkeep.plausibility import doubtful_clock


@dataclass(frozen=True)
class Expiry:
    """Expired strangers.

    Attributes:
        people: ids of strangers to forget.
        spared: a sentence about strangers who stay because a clock cannot be right; "" if there are none.
    """

    people: list[str]
    spared: str = ""


def expiry(home: Home, now: dt.datetime) -> Expiry:
    """People without name or role who were met once and have expired at `now` (naive UTC)."""
    days = home.settings().privacy.single_sightings_days
    if not days or home.store.stamp("people", WHOLE) is None:
        return Expiry([])
    people = home.store.get("people", WHOLE)
    is_stranger = (pl.col("encounters") == 1) & pl.col("name").is_null() & pl.col("role").is_null()
    strangers = people.filter(is_stranger).select("person_id", "last_seen")
    videos = matched_videos(home)
    if not strangers.height or not videos:
        return Expiry([])
    assigned = home.store.scan("identity_assignments", videos, ["person_id", "video_id"]).unique()
    seen = strangers.join(assigned, on="person_id").join(_imports(home), on="video_id", how="left")
    doubts = _doubtful_clocks(home, sorted(set(seen["video_id"])), now)
    is_doubtful = pl.col("video_id").is_in(list(doubts))
    # A video without a recorded import may have been imported just now.
    counted = seen.group_by("person_id", "last_seen").agg(
        pl.col("imported_at").max(), pl.col("imported_at").is_null().any().alias("is_unknown"), is_doubtful.any().alias("is_doubtful")
    )
    is_over = pl.max_horizontal("last_seen", "imported_at") < now - dt.timedelta(days=days)
    over = counted.filter(~pl.col("is_unknown") & ~pl.col("is_doubtful") & is_over)["person_id"].sort().to_list()
    return Expiry(over, _spared(counted.filter(pl.col("is_doubtful")).height, doubts))


def _imports(home: Home) -> pl.DataFrame:
    """When each video was first processed: video_id, imported_at (UTC)."""
    return all_runs(home).group_by("video_id").agg(pl.col("started_at").min().alias("imported_at"))


def _doubtful_clocks(home: Home, videos: list[str], now: dt.datetime) -> dict[str, str]:
    """video_id -> why its clock cannot be right."""
    lengths = dict(home.store.scan("videos", videos, ["video_id", "duration_s"]).rows())
    found: dict[str, str] = {}
    for video_id, started_at, source in clock_table(home, videos).select("video_id", "started_at", "clock_source").rows():
        for doubt in doubtful_clock(started_at, lengths[video_id], source, now):
            found[video_id] = doubt
    return found


def _spared(strangers: int, doubts: dict[str, str]) -> str:
    if not strangers:
        return ""
    video_id, doubt = min(doubts.items())
    more = f" and {len(doubts) - 1} more" if len(doubts) > 1 else ""
    who = f"{count(strangers, 'stranger')} met once {'stays' if strangers == 1 else 'stay'}"
    return f"{who}: the clock of {video_id}{more} cannot be right: {doubt} The setting `clocks` corrects it."
