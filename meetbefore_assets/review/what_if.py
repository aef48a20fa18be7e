"""Computes what other thresholds would change, from the tracks on record; writes nothing."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import F64, I64
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.grouping_input import GroupingInput, group, read_grouping_input
from meetbefore_assets.identities.policy import policy, usable_tracks
from meetbefore_assets.identities.vectors import dot_pairs
from meetbefore_assets.recordings.clocks import clock_table
from meetbefore_assets.review.meeting_changes import Difference, difference

EXAMPLES = 3


@dataclass(frozen=True)
class VideoMoment:
    """A moment in a video."""

    file_name: str
    time_s: float


@dataclass(frozen=True)
class Example:
    """Two sightings that become, or no longer are, the same person; with the cosine of their tracks."""

    earlier: VideoMoment
    later: VideoMoment
    similarity: float


@dataclass(frozen=True)
class WhatIf:
    """One threshold, and what it would change compared with the one in force.

    Attributes:
        threshold: that was asked for.
        sureness: how surely two groups are one person that it just joins, 0..1; None: nobody measured the recogniser.
        change: what it would change.
        gained, lost: examples.
    """

    threshold: float
    sureness: float | None
    change: Difference
    gained: list[Example]
    lost: list[Example]


def what_if(home: Home, thresholds: list[float]) -> tuple[float, list[WhatIf]]:
    """Return the threshold in force, and what each of the given ones would change.

    Raises:
        UsageError: there are no tracks yet.
    """
    decided = policy(home)
    videos = sorted(usable_tracks(home, decided.recogniser_id))
    given = read_grouping_input(home, videos)
    tracks = given.tracks
    if not tracks.height:
        raise UsageError("nothing is processed yet.", remedy="Import recordings: meetbefore run FOLDER")
    first_s, last_s = _wall_clock(home, videos, tracks)
    gap_s = home.settings().encounters.gap_min * 60
    now = group(given, decided.threshold)
    names = dict(home.store.scan("videos", videos, ["video_id", "file_name"]).rows())
    results = []
    for threshold in thresholds:
        change = difference(first_s, last_s, now, group(given, threshold), gap_s)
        sure = given.model.sureness(threshold) if given.model else None
        results.append(WhatIf(threshold, sure, change, _examples(given, names, change.gained), _examples(given, names, change.lost)))
    return decided.threshold, results


def _wall_clock(home: Home, videos: list[str], tracks: pl.DataFrame) -> tuple[F64, F64]:
    clocks = clock_table(home, videos).select("video_id", pl.col("started_at").dt.epoch("us").alias("start_us"))
    timed = tracks.select("video_id", "first_time_s", "last_time_s").join(clocks, on="video_id", how="left", maintain_order="left")
    start_s = timed["start_us"].to_numpy() / 1e6
    return start_s + timed["first_time_s"].to_numpy(), start_s + timed["last_time_s"].to_numpy()


def _examples(given: GroupingInput, names: dict[str, str], pairs: I64) -> list[Example]:
    """Return the most similar pairs as examples, the most similar first."""
    tracks, similarity = given.tracks, dot_pairs(given.vectors, pairs)
    chosen = np.argsort(-similarity, kind="stable")[:EXAMPLES]

    def sight(row: int, column: str) -> VideoMoment:
        return VideoMoment(names[tracks["video_id"][row]], float(tracks[column][row]))

    return [
        Example(sight(int(a), "last_time_s"), sight(int(b), "first_time_s"), float(similarity[at]))
        for at, (a, b) in zip(chosen, pairs[chosen], strict=True)
    ]
