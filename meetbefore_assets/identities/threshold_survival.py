"""Survival of meetings over thresholds, and the cliff below which the largest group grows suddenly."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import F64

# (most tracks, step, steps below, steps above): grouping again is cheap for few tracks, and takes seconds for many.
_LADDERS = ((5_000, 0.01, 10, 20), (20_000, 0.02, 5, 10), (10_000_000_000, 0.05, 2, 2))

# It is a cliff if a step down makes the largest group larger by this factor, and by at least one in fifty of all tracks.
GROWTH = 1.5
LEAST_SHARE = 0.02
# How far below the threshold a cliff is looked for.
REACH = 0.05


def threshold_ladder(threshold: float, tracks: int) -> F64:
    """Thresholds around and including the one in force, rising; more of them for few tracks."""
    _, step, below, above = next(entry for entry in _LADDERS if tracks <= entry[0])
    steps = np.arange(-below, above + 1) * step
    return np.unique(np.clip(np.round(threshold + steps, 6), -1.0, 1.0))


def survival(tracks: pl.DataFrame, groups: pl.DataFrame, thresholds: F64, threshold: float) -> pl.DataFrame:
    """The range of thresholds over which each meeting holds.

    A meeting is an encounter that is not a person's first. It holds at a threshold if one of its tracks is grouped there with a track of an
    earlier encounter of the person. The range is the contiguous one around the threshold in force, limited to the thresholds that
    were tried.

    Args:
        tracks: columns person_id, encounter_id, begins (start of the encounter), track_id.
        groups: columns track_id, groups (list of the track's group at each of `thresholds`).
        thresholds: (k,) rising.
        threshold: the one in force, one of them.

    Returns:
        Columns encounter_id, holds_from, holds_to; without first encounters, and those that do not hold at the threshold in force (because
        a must-link between other tracks made them).
    """
    order = pl.struct("begins", "encounter_id").rank("dense").over("person_id").alias("number")
    rows = tracks.with_columns(order).join(groups, on="track_id").with_columns(pl.int_ranges(len(thresholds)).alias("step"))
    rows = rows.explode("groups", "step")
    begins = pl.col("number").min().over("person_id", "step", "groups")
    held = rows.filter(begins < pl.col("number")).select("encounter_id", "step").unique().sort("encounter_id", "step")
    now = int(np.argmin(np.abs(thresholds - threshold)))
    # Consecutive steps have the same difference between step and rank.
    runs = held.with_columns((pl.col("step") - pl.int_range(pl.len()).over("encounter_id")).alias("run"))
    mine = runs.filter((pl.col("step") == now).any().over("encounter_id", "run"))
    ends = mine.group_by("encounter_id", maintain_order=True).agg(pl.col("step").min().alias("low"), pl.col("step").max().alias("high"))
    scale = pl.Series(thresholds)
    return ends.select("encounter_id", scale.gather(ends["low"]).alias("holds_from"), scale.gather(ends["high"]).alias("holds_to"))


def cliff_below(threshold: float, tried: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """The nearest lower threshold at which the largest group jumps, and its share of all tracks there; None if there is none.

    Args:
        threshold: the one in force.
        tried: (threshold, share of all tracks in the largest group), the one in force among them.
    """
    shares = dict(tried)
    now = shares.get(threshold)
    if now is None:
        return None
    before = now
    for at in sorted((at for at in shares if threshold - REACH - 1e-9 <= at < threshold), reverse=True):
        if shares[at] > GROWTH * before and shares[at] - now >= LEAST_SHARE:
            return at, shares[at]
        before = max(before, shares[at])
    return None
