"""Company: whose encounters overlap in the same video."""

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import I64

_PAIRS = {"first": pl.String, "second": pl.String, "first_encounter": pl.String, "second_encounter": pl.String, "video_id": pl.String}
_COUNTS = {"first": pl.String, "second": pl.String, "times": pl.Int64}


def overlaps(encounters: pl.DataFrame) -> pl.DataFrame:
    """Pairs of encounters of different people that overlap in a video.

    Args:
        encounters: encounter_id, video_id, person_id, started_at, ended_at; one row per encounter and video.

    Returns:
        first, second (person ids, first < second), first_encounter, second_encounter, video_id; unsorted.
    """
    ordered = encounters.sort("video_id", "started_at", "encounter_id")
    left, right = _overlapping(ordered)
    sides = ordered.select("person_id", "encounter_id", "video_id")
    a, b = sides[left], sides[right]
    pairs = pl.DataFrame(
        {"a": a["person_id"], "b": b["person_id"], "m": a["encounter_id"], "n": b["encounter_id"], "video_id": a["video_id"]}
    )
    flipped = pl.col("a") > pl.col("b")
    found = pairs.filter(pl.col("a") != pl.col("b")).select(
        pl.when(flipped).then("b").otherwise("a").alias("first"),
        pl.when(flipped).then("a").otherwise("b").alias("second"),
        pl.when(flipped).then("n").otherwise("m").alias("first_encounter"),
        pl.when(flipped).then("m").otherwise("n").alias("second_encounter"),
        "video_id",
    )
    return found.cast(_PAIRS)  # type: ignore[arg-type]


def pairs_seen_together(encounters: pl.DataFrame) -> pl.DataFrame:
    """Pairs of people whose encounters overlap in a video.

    Args:
        encounters: as for `overlaps`.

    Returns:
        first, second (person ids, first < second), times (number of pairs of encounters); the most frequent first.
        Two encounters that overlap in several videos count once.
    """
    pairs = overlaps(encounters).drop("video_id").unique()
    counted = pairs.group_by("first", "second").agg(pl.len().cast(pl.Int64).alias("times"))
    return counted.sort(["times", "first", "second"], descending=[True, False, False]).cast(_COUNTS)  # type: ignore[arg-type]


def with_company(encounters: pl.DataFrame) -> pl.DataFrame:
    """Add `seen_with`: sorted ids of the people whose encounters overlap in the same video; an empty list if there are none."""
    pairs = overlaps(encounters)
    sides = [
        pairs.select(pl.col(f"{me}_encounter").alias("encounter_id"), "video_id", pl.col(other).alias("other"))
        for me, other in (("first", "second"), ("second", "first"))
    ]
    company = pl.concat(sides).group_by("encounter_id", "video_id").agg(pl.col("other").unique().sort().alias("seen_with"))
    nobody = pl.lit([], pl.List(pl.String))
    joined = encounters.join(company, on=["encounter_id", "video_id"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("seen_with").fill_null(nobody))


def _overlapping(ordered: pl.DataFrame) -> tuple[I64, I64]:
    """Row numbers of overlapping pairs: same video, and the second starts before the first ends; `ordered` by video and start."""
    begins = ordered["started_at"].to_physical().to_numpy()
    ends = ordered["ended_at"].to_physical().to_numpy()
    rows = np.arange(ordered.height, dtype=np.int64)
    following = np.zeros(ordered.height, np.int64)
    lengths = ordered["video_id"].rle().struct.field("len").to_numpy().astype(np.int64)
    for start, end in zip(np.cumsum(lengths) - lengths, np.cumsum(lengths), strict=True):
        if end - start > 1:
            following[start:end] = np.searchsorted(begins[start:end], ends[start:end], side="right") + start - rows[start:end] - 1
    left = np.repeat(rows, following)
    right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(following) - following, following)
    return left, right
