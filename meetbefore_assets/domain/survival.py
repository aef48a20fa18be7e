"""Over which thresholds a meeting holds: how far one could go before it falls apart."""

import numpy as np
import polars as pl

from meetbefore_assets.domain.ports import F64

# (up to so many tracks, step, steps below, steps above): grouping anew is cheap for few, and takes seconds for many.
_LADDERS = ((5_000, 0.01, 10, 20), (20_000, 0.02, 5, 10), (10_000_000_000, 0.05, 2, 2))


def ladder(threshold: float, tracks: int) -> F64:
    """Thresholds around the one in force, rising, the one in force among them: more of them for few tracks."""
    _, step, below, above = next(entry for entry in _LADDERS if tracks <= entry[0])
    steps = np.arange(-below, above + 1) * step
    return np.unique(np.clip(np.round(threshold + steps, 6), -1.0, 1.0))


def survival(tracks: pl.DataFrame, groups: pl.DataFrame, thresholds: F64, threshold: float) -> pl.DataFrame:
    """The range of thresholds over which each meeting holds.

    A meeting is an encounter that is not a person's first. It holds at a threshold if one of its tracks is there in a group with
    a track of an earlier encounter of the person. The range is what lies without a gap around the threshold in force; it
    ends where the thresholds that were tried end.

    Args:
        tracks: columns person_id, encounter_id, begins (any order within a person), track_id.
        groups: columns track_id, groups: list of the group of the track at each of `thresholds`.
        thresholds: (k,) rising.
        threshold: the one in force, one of them.

    Returns:
        Columns encounter_id, holds_from, holds_to; first encounters, and those that do not hold at the threshold in force
        (a must-link between other tracks made them), are left out.
    """
    order = pl.struct("begins", "encounter_id").rank("dense").over("person_id").alias("number")
    rows = tracks.with_columns(order).join(groups, on="track_id").with_columns(pl.int_ranges(len(thresholds)).alias("step"))
    rows = rows.explode("groups", "step")
    begins = pl.col("number").min().over("person_id", "step", "groups")
    held = rows.filter(begins < pl.col("number")).select("encounter_id", "step").unique().sort("encounter_id", "step")
    now = int(np.argmin(np.abs(thresholds - threshold)))
    # Steps without a gap between them have the same difference to their rank.
    runs = held.with_columns((pl.col("step") - pl.int_range(pl.len()).over("encounter_id")).alias("run"))
    mine = runs.filter((pl.col("step") == now).any().over("encounter_id", "run"))
    ends = mine.group_by("encounter_id", maintain_order=True).agg(pl.col("step").min().alias("low"), pl.col("step").max().alias("high"))
    scale = pl.Series(thresholds)
    return ends.select("encounter_id", scale.gather(ends["low"]).alias("holds_from"), scale.gather(ends["high"]).alias("holds_to"))
