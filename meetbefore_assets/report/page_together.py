"""Who is seen while somebody else is: encounters that overlap in the same video."""

import numpy as np
import polars as pl

_SCHEMA = {"first": pl.String, "second": pl.String, "times": pl.Int64}


def together(encounters: pl.DataFrame) -> pl.DataFrame:
    """Pairs of people whose encounters overlap in a video.

    Args:
        encounters: encounter_id, video_id, person_id, started_at, ended_at; a row per encounter and video.

    Returns:
        first, second (person ids, first < second), times: in how many pairs of encounters; the most frequent first.
        Two encounters that overlap in several videos count once.
    """
    parts = [_overlaps(rows) for _, rows in encounters.group_by("video_id", maintain_order=True) if rows.height > 1]
    if not parts:
        return pl.DataFrame(schema=_SCHEMA)
    pairs = pl.concat(parts).unique()
    counted = pairs.group_by("first", "second").agg(pl.len().cast(pl.Int64).alias("times"))
    return counted.sort(["times", "first", "second"], descending=[True, False, False])


def _overlaps(rows: pl.DataFrame) -> pl.DataFrame:
    """Overlapping encounters of one video: each begins before the other ends."""
    ordered = rows.sort("started_at", "encounter_id")
    begins = ordered["started_at"].to_physical().to_numpy()
    ends = ordered["ended_at"].to_physical().to_numpy()
    following = np.searchsorted(begins, ends, side="right") - np.arange(len(begins)) - 1
    left = np.repeat(np.arange(len(begins)), following)
    right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(following) - following, following)
    sides = [ordered.select("person_id", "encounter_id")[side] for side in (left, right)]
    pairs = pl.DataFrame(
        {"a": sides[0]["person_id"], "b": sides[1]["person_id"], "m": sides[0]["encounter_id"], "n": sides[1]["encounter_id"]}
    )
    flipped = pl.col("a") > pl.col("b")
    return pairs.filter(pl.col("a") != pl.col("b")).select(
        pl.when(flipped).then("b").otherwise("a").alias("first"),
        pl.when(flipped).then("a").otherwise("b").alias("second"),
        pl.when(flipped).then("n").otherwise("m").alias("first_encounter"),
        pl.when(flipped).then("m").otherwise("n").alias("second_encounter"),
    )
