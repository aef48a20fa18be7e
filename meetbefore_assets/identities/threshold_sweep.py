"""The table `regroupings`: the groups of all tracks at neighbouring thresholds, for scores and checks."""

import json
from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import F64, I64, WHOLE, Stamp
from meetbefore_assets.core.schema.identities import REGROUPINGS
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.edges import ComparedEdges
from meetbefore_assets.identities.grouping_input import GroupingInput, group
from meetbefore_assets.identities.threshold_survival import survival, threshold_ladder

ASSET = REGROUPINGS.name


@dataclass(frozen=True)
class ThresholdResult:
    """The result of one threshold.

    Attributes:
        threshold: the threshold.
        people: number of people.
        largest_share: tracks of the largest group, as a share of all, 0..1.
        sureness: probability from which on it joins two groups, 0..1; None: the recogniser was not measured.
    """

    threshold: float
    people: int
    largest_share: float
    sureness: float | None = None


def write_regroupings(home: Home, given: GroupingInput, threshold: float, labels: I64, version: str) -> None:
    """Group at the thresholds around the one in force, and write the result.

    Args:
        home: the home.
        given: the tracks.
        threshold: the one in force.
        labels: (m,) groups at it.
        version: data version of the identities.
    """
    thresholds = threshold_ladder(threshold, given.tracks.height)
    compared = ComparedEdges(given.ordered.vectors.take())
    found = np.stack([labels if abs(at - threshold) < 1e-9 else group(given, float(at), compared) for at in thresholds], axis=1)
    sure = given.model.sureness if given.model else lambda _: None
    results = [[float(at), *_size(found[:, step]), sure(float(at))] for step, at in enumerate(thresholds)]
    table = pl.DataFrame({"track_id": given.tracks["track_id"], "groups": list(found.astype(np.int64))}, schema=REGROUPINGS.dtypes)
    facts = {"threshold": str(threshold), "rungs": json.dumps(results)}
    home.store.put(ASSET, WHOLE, check(REGROUPINGS, table), Stamp(version, {}, facts, table.height))


def _size(labels: I64) -> tuple[int, float]:
    sizes = np.bincount(labels)
    return len(sizes), float(sizes.max() / sizes.sum()) if len(sizes) else 0.0


def threshold_results(home: Home) -> tuple[float, list[ThresholdResult]]:
    """The threshold of the last match, and the results of neighbouring ones; an empty list before the first."""
    stamp = home.store.stamp(ASSET, WHOLE)
    if stamp is None:
        return 0.0, []
    return float(stamp.facts["threshold"]), [ThresholdResult(*entry) for entry in json.loads(stamp.facts["rungs"])]


def sureness_of_thresholds(home: Home) -> dict[float, float]:
    """Threshold -> probability from which on it joins two groups, 0..1; empty if the recogniser was not measured."""
    return {rung.threshold: rung.sureness for rung in threshold_results(home)[1] if rung.sureness is not None}


def with_threshold_range(home: Home, encounters: pl.DataFrame, sightings: pl.DataFrame) -> pl.DataFrame:
    """Add holds_from and holds_to to encounters: the range of thresholds over which a meeting holds; null for first ones.

    Args:
        home: the home.
        encounters: columns encounter_id, video_id, person_id, started_at, ended_at.
        sightings: columns person_id, video_id, track_id, seen_at.
    """
    threshold, tried = threshold_results(home)
    if not tried or not encounters.height:
        nothing = pl.lit(None, pl.Float64)
        return encounters.with_columns(nothing.alias("holds_from"), nothing.alias("holds_to"))
    thresholds: F64 = np.array([rung.threshold for rung in tried])
    parts = encounters.select("encounter_id", "video_id", "person_id", "started_at", "ended_at")
    seen = sightings.join(parts, on=["person_id", "video_id"]).filter(pl.col("seen_at").is_between("started_at", "ended_at"))
    begins = pl.col("started_at").min().over("encounter_id").alias("begins")
    tracks = seen.with_columns(begins).select("person_id", "encounter_id", "begins", "track_id").unique()
    ranges = survival(tracks, home.store.get(ASSET, WHOLE), thresholds, threshold)
    return encounters.join(ranges, on="encounter_id", how="left", maintain_order="left")
