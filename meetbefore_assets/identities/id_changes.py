"""Compares two assignments, to tell what happened to people's ids."""

import polars as pl


def identity_events(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Where the faces of each former person went, for people whose faces did not all stay.

    Args:
        before, after: columns face_id, person_id.

    Returns:
        Columns person_id (before), event, other_person_id, faces; one row for each other person that got faces, sorted. joined: most
        faces of an id that is no longer used went to somebody who also has faces of others; renumbered: they went to a new id that has
        nobody else's; split: a smaller part of the faces went there; gone: no face is left.
    """
    moved = before.rename({"person_id": "old"}).join(after.rename({"person_id": "new"}), on="face_id", how="left")
    counts = moved.group_by("old", "new").len("faces").with_columns(pl.col("faces").cast(pl.Int64))
    mixed = counts.drop_nulls().group_by("new").agg((pl.len() > 1).alias("is_mixed"))
    counts = counts.join(mixed, on="new", how="left").sort("old", -pl.col("faces"), "new")
    kept = pl.col("old").is_in(after["person_id"].unique().implode())
    was_known = pl.col("new").is_in(before["person_id"].unique().implode())
    is_most = pl.col("new") == pl.col("new").drop_nulls().first().over("old")
    event = (
        pl.when(pl.col("new").is_null())
        .then(pl.lit("gone"))
        .when(kept | ~is_most)
        .then(pl.lit("split"))
        .when(pl.col("is_mixed") | was_known)
        .then(pl.lit("joined"))
        .otherwise(pl.lit("renumbered"))
    )
    is_gone_for_good = pl.col("new").is_null() & pl.col("new").is_null().all().over("old")
    changed = counts.with_columns(event.alias("event")).filter(
        (pl.col("new").is_not_null() & (pl.col("new") != pl.col("old"))) | is_gone_for_good
    )
    return changed.select(pl.col("old").alias("person_id"), "event", pl.col("new").fill_null("").alias("other_person_id"), "faces").sort(
        "person_id", -pl.col("faces"), "other_person_id"
    )
