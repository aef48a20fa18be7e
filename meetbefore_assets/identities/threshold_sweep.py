"""The table regroupings: the groups of all tracks at neighbouring thresholds, for scores, checks and suggestions."""

import json
from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import F64, I64, WHOLE, Stamp
from meetbefore_assets.core.schema.identities import REGROUPINGS
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.grouping_input import GroupingInput, group
from meetbefore_assets.identities.threshold_survival import survival, threshold_ladder

ASSET = REGROUPINGS.name


@dataclass(frozen=True)
class ThresholdResult:
    """One threshold: people, and the tracks of the largest group as a share of all."""

    threshold: float
    people: int
    largest_share: float


def write_regroupings(home: Home, given: GroupingInput, threshold: float, labels: I64, version: str) -> None:
    """Group at the thresholds around the one in force, and put that on record.

    Args:
        home: the home.
        given: what was grouped.
        threshold: in force.
        labels: (m,) the groups at it.
        version: of the decision that this belongs to.
    """
    thresholds = threshold_ladder(threshold, given.tracks.height)
    found = np.stack([labels if abs(at - threshold) < 1e-9 else group(given, float(at)) for at in thresholds], axis=1)
    results = [[float(at), *_size(found[:, step])] for step, at in enumerate(thresholds)]
    table = pl.DataFrame({"track_id": given.tracks["track_id"], "groups": list(found.astype(np.int64))}, schema=REGROUPINGS.dtypes)
    facts = {"threshold": str(threshold), "rungs": json.dumps(results)}
    home.store.put(ASSET, WHOLE, check(REGROUPINGS, table), Stamp(version, {}, facts, table.height))


def _size(labels: I64) -> tuple[int, float]:
    sizes = np.bincount(labels)
    return len(sizes), float(sizes.max() / sizes.sum()) if len(sizes) else 0.0


def threshold_results(home: Home) -> tuple[float, list[ThresholdResult]]:
    """The threshold of the last decision, and what neighbouring ones would give; none before the first."""
    stamp = home.store.stamp(ASSET, WHOLE)
    if stamp is None:
        return 0.0, []
    return float(stamp.facts["threshold"]), [ThresholdResult(*entry) for entry in json.loads(stamp.facts["rungs"])]


def with_threshold_range(home: Home, encounters: pl.DataFrame, sightings: pl.DataFrame) -> pl.DataFrame:
    """`encounters` with holds_from and holds_to: the range of thresholds over which a meeting holds; null for first ones.

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
