"""Merges sightings of a person into encounters: those less than a gap apart, across videos."""

import polars as pl

from meetbefore_assets.core.short_ids import short_id


def encounters(sightings: pl.DataFrame, gap_min: float, interval_s: float) -> pl.DataFrame:
    """Merge sightings into encounters.

    Args:
        sightings: columns person_id, video_id, face_id, seen_at (UTC); one row per face.
        gap_min: longest wall-clock gap between two sightings of one encounter, minutes.
        interval_s: time between sampled frames, seconds; each frame in which a person is seen counts as this long.

    Returns:
        Columns encounter_id, video_id, person_id, started_at, ended_at, faces, seconds_visible, gap_before_h: one row per encounter and
        video, sorted by person, time and video. gap_before_h is null for a person's first encounter.
    """
    ordered = sightings.sort("person_id", "seen_at", "face_id")
    apart = pl.col("seen_at").diff().over("person_id") > pl.duration(microseconds=round(gap_min * 60e6))
    numbered = ordered.with_columns(apart.fill_null(False).cum_sum().over("person_id").alias("number"))
    whole = (
        numbered.group_by("person_id", "number", maintain_order=True)
        .agg(pl.col("face_id").first().alias("first_face"), pl.col("seen_at").min().alias("begins"), pl.col("seen_at").max().alias("ends"))
        .with_columns(
            pl.col("first_face").map_elements(lambda face: short_id("e", face), pl.String).alias("encounter_id"),
            ((pl.col("begins") - pl.col("ends").shift(1).over("person_id")).dt.total_microseconds() / 3.6e9).alias("gap_before_h"),
        )
    )
    parts = numbered.group_by("person_id", "number", "video_id").agg(
        pl.col("seen_at").min().alias("started_at"),
        pl.col("seen_at").max().alias("ended_at"),
        pl.len().cast(pl.Int64).alias("faces"),
        (pl.col("seen_at").n_unique() * interval_s).cast(pl.Float64).alias("seconds_visible"),
    )
    return (
        parts.join(whole.select("person_id", "number", "encounter_id", "gap_before_h"), on=["person_id", "number"])
        .sort("person_id", "number", "started_at", "video_id")
        .select("encounter_id", "video_id", "person_id", "started_at", "ended_at", "faces", "seconds_visible", "gap_before_h")
    )
