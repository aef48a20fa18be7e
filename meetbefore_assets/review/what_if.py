"""Computes what other thresholds would change, from the tracks on record; writes nothing."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import F64, I64
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.edges import ComparedEdges
from meetbefore_assets.identities.grouping_input import GroupingInput, group, read_grouping_input
from meetbefore_assets.identities.policy import policy, usable_tracks
from meetbefore_assets.identities.vectors import dot_pairs
from meetbefore_assets.recordings.clocks import clock_table
from meetbefore_assets.review.meeting_changes import Difference, difference

EXAMPLES = 3


@dataclass(frozen=True)
class VideoMoment:
    """A moment in a video, and the face that is seen there."""

    file_name: str
    time_s: float
    video_id: str
    face_id: str


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


@dataclass(frozen=True)
class ThresholdTrials:
    """An archive that is grouped at one threshold after another. Safe to call from threads.

    Attributes:
        given: the tracks.
        file_names: video_id -> file name.
        first_s, last_s: (m,) wall-clock seconds of the first and last face of each track.
        gap_s: longest time without a sighting within one encounter, seconds.
        threshold: the one to compare with.
        now: (m,) the groups at it.
    """

    given: GroupingInput
    file_names: dict[str, str]
    first_s: F64
    last_s: F64
    gap_s: float
    threshold: float
    now: I64
    _compared: ComparedEdges
    _known: dict[tuple[float, int], WhatIf] = field(default_factory=dict)

    def at(self, threshold: float, examples: int = EXAMPLES) -> WhatIf:
        """What a threshold would change.

        Args:
            threshold: a cosine.
            examples: most meetings gained, and most lost, that are shown.
        """
        key = threshold, examples
        if key not in self._known:
            self._known[key] = self._grouped(threshold, examples)
        return self._known[key]

    def _grouped(self, threshold: float, examples: int) -> WhatIf:
        then = self.now if threshold == self.threshold else group(self.given, threshold, self._compared)
        change = difference(self.first_s, self.last_s, self.now, then, self.gap_s)
        sure = self.given.model.sureness(threshold) if self.given.model else None
        gained, lost = (self._examples(pairs, examples) for pairs in (change.gained, change.lost))
        return WhatIf(threshold, sure, change, gained, lost)

    def _examples(self, pairs: I64, count: int) -> list[Example]:
        """The most similar pairs, the most similar first."""
        similarity = dot_pairs(self.given.stored, self.given.held[pairs])
        chosen = np.argsort(-similarity, kind="stable")[:count]
        return [
            Example(self._moment(int(a), "last_time_s", -1), self._moment(int(b), "first_time_s", 0), float(similarity[at]))
            for at, (a, b) in zip(chosen, pairs[chosen], strict=True)
        ]

    def _moment(self, row: int, time: str, face: int) -> VideoMoment:
        track = self.given.tracks.row(row, named=True)
        return VideoMoment(self.file_names[track["video_id"]], float(track[time]), track["video_id"], track["face_ids"][face])


def threshold_trials(home: Home, now: float | None = None) -> ThresholdTrials:
    """Read what grouping at any threshold needs: seconds for a large archive.

    Args:
        home: the home.
        now: the threshold to compare with; None: the one in force.

    Raises:
        UsageError: there are no tracks yet.
    """
    decided = policy(home)
    videos = sorted(usable_tracks(home, decided.recogniser_id))
    given = read_grouping_input(home, videos)
    if not given.tracks.height:
        raise UsageError("nothing is processed yet.", remedy="Import recordings: meetbefore run FOLDER")
    names = dict(home.store.scan("videos", videos, ["video_id", "file_name"]).rows())
    gap_s = home.settings().encounters.gap_min * 60
    compared = ComparedEdges(given.ordered.vectors.take())
    threshold = decided.threshold if now is None else now
    groups = group(given, threshold, compared)
    return ThresholdTrials(given, names, *_wall_clock(home, videos, given.tracks), gap_s, threshold, groups, compared)


def what_if(home: Home, thresholds: list[float]) -> tuple[float, list[WhatIf]]:
    """Return the threshold in force, and what each of the given ones would change.

    Raises:
        UsageError: there are no tracks yet.
    """
    trials = threshold_trials(home)
    return trials.threshold, [trials.at(threshold) for threshold in thresholds]


def _wall_clock(home: Home, videos: list[str], tracks: pl.DataFrame) -> tuple[F64, F64]:
    clocks = clock_table(home, videos).select("video_id", pl.col("started_at").dt.epoch("us").alias("start_us"))
    timed = tracks.select("video_id", "first_time_s", "last_time_s").join(clocks, on="video_id", how="left", maintain_order="left")
    start_s = timed["start_us"].to_numpy() / 1e6
    return start_s + timed["first_time_s"].to_numpy(), start_s + timed["last_time_s"].to_numpy()
