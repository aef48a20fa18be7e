"""How remarkable it is to meet somebody again.

    score = log2(encounters) + 2 * log2(days) + log2(1 + span in days)

Encounters are counted, days are the distinct local days on which one begins, and the span runs from the beginning of the
first encounter to that of the last. One encounter scores 0. Twice as many encounters are worth one point; twice as many
days two, because meeting on another day is what cannot be one long meeting; the logarithm of the span tells an acquaintance
of years from one of a week without letting it outweigh the meetings. Frames, faces and length of presence do not enter, so a
passenger who sat opposite for an hour ranks no higher than one who passed by.
"""

import polars as pl


def _score(encounters: pl.Expr, days: pl.Expr, span_s: pl.Expr) -> pl.Expr:
    return encounters.log(2.0) + 2.0 * days.log(2.0) + (1.0 + span_s / 86400.0).log(2.0)


def score_encounters(encounters: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Add `score`: of the person, up to and with each encounter.

    Args:
        encounters: as `identities_to_encounters.encounters` gives them.
        zone: IANA name of the zone in which days are counted.
    """
    whole = encounters.group_by("person_id", "encounter_id").agg(pl.col("started_at").min()).sort("person_id", "started_at", "encounter_id")
    day = pl.col("started_at").dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.date()
    ranked = whole.with_columns(day.alias("day")).with_columns(
        pl.int_range(1, pl.len() + 1).over("person_id").cast(pl.Float64).alias("n"),
        (pl.col("day") != pl.col("day").shift(1).over("person_id"))
        .fill_null(True)
        .cast(pl.Float64)
        .cum_sum()
        .over("person_id")
        .alias("days"),
        (pl.col("started_at") - pl.col("started_at").first().over("person_id")).dt.total_microseconds().alias("span_us"),
    )
    scored = ranked.select("encounter_id", _score(pl.col("n"), pl.col("days"), pl.col("span_us") / 1e6).alias("score"))
    return encounters.join(scored, on="encounter_id", how="left", maintain_order="left")


def people(scored: pl.DataFrame, sightings: pl.DataFrame, zone: str) -> pl.DataFrame:
    """One row a person, the most remarkable first.

    Args:
        scored: as `score_encounters` gives them.
        sightings: columns person_id, video_id, face_id, seen_at, quality.
        zone: IANA name of the zone in which days are counted.

    Returns:
        The columns of schema.PEOPLE but name, role and proposed_role.
    """
    day = pl.col("started_at").dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.date()
    begins = scored.group_by("person_id", "encounter_id").agg(pl.col("started_at").min())
    counted = begins.group_by("person_id").agg(pl.len().cast(pl.Int64).alias("encounters"), day.n_unique().cast(pl.Int64).alias("days"))
    seen = sightings.group_by("person_id").agg(
        pl.col("seen_at").min().alias("first_seen"),
        pl.col("seen_at").max().alias("last_seen"),
        pl.len().cast(pl.Int64).alias("faces"),
        pl.col("video_id").n_unique().cast(pl.Int64).alias("videos"),
        pl.col("face_id").sort_by([-pl.col("quality"), "face_id"]).first().alias("best_face_id"),
    )
    totals = scored.group_by("person_id").agg(pl.col("seconds_visible").sum(), pl.col("score").max())
    return (
        seen.join(counted, on="person_id")
        .join(totals, on="person_id")
        .with_columns(
            ((pl.col("last_seen") - pl.col("first_seen")).dt.total_microseconds() / 3.6e9).alias("span_h"),
        )
        .sort(["score", "first_seen", "person_id"], descending=[True, False, False])
    )
