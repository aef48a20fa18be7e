"""Who is seen while somebody else is: encounters that overlap in the same video."""

import numpy as np
import polars as pl

_PAIRS = {"first": pl.String, "second": pl.String, "first_encounter": pl.String, "second_encounter": pl.String, "video_id": pl.String}
_COUNTS = {"first": pl.String, "second": pl.String, "times": pl.Int64}


def overlaps(encounters: pl.DataFrame) -> pl.DataFrame:
    """Pairs of encounters of two people that overlap in a video.

    Args:
        encounters: encounter_id, video_id, person_id, started_at, ended_at; a row per encounter and video.

    Returns:
        first, second (person ids, first < second), first_encounter, second_encounter, video_id; in no order.
    """
    parts = [_of_video(str(video_id), rows) for (video_id,), rows in encounters.group_by("video_id") if rows.height > 1]
    return pl.concat(parts) if parts else pl.DataFrame(schema=_PAIRS)


def together(encounters: pl.DataFrame) -> pl.DataFrame:
    """Pairs of people whose encounters overlap in a video.

    Args:
        encounters: as `overlaps` takes them.

    Returns:
        first, second (person ids, first < second), times: in how many pairs of encounters; the most frequent first.
        Two encounters that overlap in several videos count once.
    """
    pairs = overlaps(encounters).drop("video_id").unique()
    counted = pairs.group_by("first", "second").agg(pl.len().cast(pl.Int64).alias("times"))
    return counted.sort(["times", "first", "second"], descending=[True, False, False]).cast(_COUNTS)  # type: ignore[arg-type]


def with_company(encounters: pl.DataFrame) -> pl.DataFrame:
    """Add `seen_with`: ids of the people whose encounter overlaps in the same video, sorted; an empty list if there are none."""
    pairs = overlaps(encounters)
    sides = [
        pairs.select(pl.col(f"{me}_encounter").alias("encounter_id"), "video_id", pl.col(other).alias("other"))
        for me, other in (("first", "second"), ("second", "first"))
    ]
    company = pl.concat(sides).group_by("encounter_id", "video_id").agg(pl.col("other").unique().sort().alias("seen_with"))
    nobody = pl.lit([], pl.List(pl.String))
    joined = encounters.join(company, on=["encounter_id", "video_id"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("seen_with").fill_null(nobody))


def _of_video(video_id: str, rows: pl.DataFrame) -> pl.DataFrame:
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
        pl.lit(video_id).alias("video_id"),
    )
