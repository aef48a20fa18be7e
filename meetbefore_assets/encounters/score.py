"""The score: how remarkable it is to meet somebody again.

    score = log2(encounters) + 2 * log2(days) + log2(1 + span in days)

Days are local days, and the span runs from the end of the first encounter to the start of the last. One encounter scores 0. Twice as
many encounters are worth one point, and twice as many days two, because another day cannot be one long meeting. The logarithm of the
span distinguishes an acquaintance of years from one of a week without outweighing the meetings. Frames, faces and length of presence do
not count, so a passenger who sat opposite for an hour ranks no higher than one who passed by. That is why the span is the time between
the encounters, and why an encounter past midnight counts on the one of its days that makes fewer days in all: staying longer can only
bring two encounters, or two days, closer together.

Encounters that may be with somebody else count by their probability (`same_person`): for each level of it, the encounters that are at
least as probable are scored, the score is multiplied by the level, and the best product counts. So nobody ranks high on doubtful
encounters alone, and doubtful ones never lower the score of sure ones. From SURE on an encounter counts fully.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

SECONDS_A_DAY = 86400.0
# Probability from which an encounter counts fully, and the steps of the levels below it.
SURE, STEP = 0.95, 0.05


@dataclass(frozen=True)
class ScoreParts:
    """The three terms of the score."""

    encounters: float
    days: float
    span: float

    @property
    def score(self) -> float:
        return self.encounters + self.days + self.span


def score_parts(encounters: int, days: int, span_s: float) -> ScoreParts:
    """The terms for 1 or more encounters on 1 or more days; `span_s` from the end of the first to the start of the last, seconds."""
    return ScoreParts(math.log2(encounters), 2.0 * math.log2(days), math.log2(1.0 + span_s / SECONDS_A_DAY))


def score_encounters(encounters: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Add `score`: the person's score up to and including each encounter.

    Args:
        encounters: from `encounters.encounters`, with same_person (0..1; null or a missing column: certain).
        zone: IANA name of the zone in which days are counted.
    """
    if "same_person" not in encounters.columns:
        encounters = encounters.with_columns(pl.lit(None, pl.Float64).alias("same_person"))
    sure = (pl.col("same_person").fill_null(1.0) / SURE).clip(0, 1)
    weighed = encounters.with_columns((((sure + 1e-9) / STEP).floor() * STEP).round(9).clip(0, 1).alias("_sure"))
    scored = _wholes(encounters, zone).select("person_id", "encounter_id", "n").with_columns(pl.lit(0.0).alias("score"))
    for least in weighed["_sure"].unique().sort(descending=True).to_list():
        # A person without an encounter at exactly this level scores no more with it than with a higher one.
        asked = weighed.filter((pl.col("_sure") == least).any().over("person_id") & (pl.col("_sure") >= least))
        found = _wholes(asked, zone).select("encounter_id", (pl.col("score") * least).alias("_these"))
        scored = scored.join(found, on="encounter_id", how="left", maintain_order="left").sort("person_id", "n")
        upto = pl.col("_these").fill_null(0.0).cum_max().over("person_id")
        scored = scored.with_columns(pl.max_horizontal("score", upto).alias("score")).drop("_these")
    return encounters.join(scored.select("encounter_id", "score"), on="encounter_id", how="left", maintain_order="left")


def _wholes(encounters: pl.DataFrame, zone: str) -> pl.DataFrame:
    """One row per encounter, sorted by person and time: person_id, encounter_id, n, days, score (all up to and including it)."""
    whole = encounters.group_by("person_id", "encounter_id").agg(pl.col("started_at").min(), pl.col("ended_at").max())
    whole = whole.sort("person_id", "started_at", "encounter_id")
    days = _days(whole["person_id"].to_list(), *(_local_days(whole[name], zone) for name in ("started_at", "ended_at")))
    between = pl.col("started_at") - pl.col("ended_at").first().over("person_id")
    counted = whole.with_columns(
        pl.int_range(1, pl.len() + 1).over("person_id").alias("n"),
        pl.Series("days", days, pl.Int64),
        between.dt.total_microseconds().clip(0).alias("span_us"),
    )
    terms = pl.col("n").log(2.0) + 2.0 * pl.col("days").log(2.0) + (1.0 + pl.col("span_us") / 1e6 / SECONDS_A_DAY).log(2.0)
    return counted.select("person_id", "encounter_id", "n", "days", terms.alias("score"))


def _local_days(moments: pl.Series, zone: str) -> list[int]:
    """Local days, counted from 1970."""
    return moments.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.date().to_physical().to_list()


def _days(person: Sequence[str], first: Sequence[int], last: Sequence[int]) -> list[int]:
    """The fewest days that account for a person's encounters up to each one.

    A person's encounters do not overlap. Going through them by time, an encounter that does not touch the day chosen last needs a new day,
    and its own last day is the best choice: later encounters are most likely to touch it.

    Args:
        person: the person of each encounter; a person's rows are adjacent, by time.
        first, last: local days on which the encounter starts and ends.
    """
    counts: list[int] = []
    who, chosen, count = None, 0, 0
    for here, begins, ends in zip(person, first, last, strict=True):
        if here != who:
            who, chosen, count = here, ends, 1
        elif begins > chosen:
            chosen, count = ends, count + 1
        counts.append(count)
    return counts


def people(scored: pl.DataFrame, sightings: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Rank people: one row per person, highest score first.

    Args:
        scored: from `score_encounters`.
        sightings: columns person_id, video_id, face_id, seen_at, portrait (how good a portrait the face makes).
        zone: IANA name of the zone in which days are counted.

    Returns:
        Columns of schema.PEOPLE that follow from encounters and sightings; no names, roles, habits or chance.
    """
    counted = _wholes(scored, zone).group_by("person_id").agg(pl.col("n").max().cast(pl.Int64).alias("encounters"), pl.col("days").max())
    seen = sightings.group_by("person_id").agg(
        pl.col("seen_at").min().alias("first_seen"),
        pl.col("seen_at").max().alias("last_seen"),
        pl.len().cast(pl.Int64).alias("faces"),
        pl.col("video_id").n_unique().cast(pl.Int64).alias("videos"),
        pl.col("face_id").sort_by([-pl.col("portrait"), "face_id"]).first().alias("best_face_id"),
    )
    sure = scored.unique("encounter_id").group_by("person_id").agg(pl.col("same_person").mean())
    totals = scored.group_by("person_id").agg(pl.col("seconds_visible").sum(), pl.col("score").max()).join(sure, on="person_id")
    return (
        seen.join(counted, on="person_id")
        .join(totals, on="person_id")
        .with_columns(
            ((pl.col("last_seen") - pl.col("first_seen")).dt.total_microseconds() / 3.6e9).alias("span_h"),
        )
        .sort(["score", "first_seen", "person_id"], descending=[True, False, False])
    )
