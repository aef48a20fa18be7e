"""The score: how remarkable it is to meet somebody again.

    score = log2(encounters) + 2 * log2(days) + log2(1 + span in days)

Encounters are counted, days are local days, and the span runs from the end of the first encounter to the beginning of the last.
One encounter scores 0. Twice as many encounters are worth one point; twice as many days two, because meeting on another day is
what cannot be one long meeting; the logarithm of the span tells an acquaintance of years from one of a week without letting it
outweigh the meetings. Frames, faces and length of presence do not enter, so a passenger who sat opposite for an hour ranks no
higher than one who passed by. That is why the span is the time between the encounters, and why an encounter that goes past
midnight counts on the one of its days that makes fewer: staying longer can only bring two encounters, or two days, nearer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

SECONDS_A_DAY = 86400.0


@dataclass(frozen=True)
class ScoreParts:
    """The terms of the score: what comes from the number of encounters, from the days, and from the span."""

    encounters: float
    days: float
    span: float

    @property
    def score(self) -> float:
        return self.encounters + self.days + self.span


def score_parts(encounters: int, days: int, span_s: float) -> ScoreParts:
    """The terms for 1 or more encounters on 1 or more days, `span_s` seconds from the end of the first to the beginning of the last."""
    return ScoreParts(math.log2(encounters), 2.0 * math.log2(days), math.log2(1.0 + span_s / SECONDS_A_DAY))


def score_encounters(encounters: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Add `score`: of the person, up to and with each encounter.

    Args:
        encounters: as `encounters.encounters` gives them.
        zone: IANA name of the zone in which days are counted.
    """
    scored = _wholes(encounters, zone).select("encounter_id", "score")
    return encounters.join(scored, on="encounter_id", how="left", maintain_order="left")


def _wholes(encounters: pl.DataFrame, zone: str) -> pl.DataFrame:
    """A row an encounter, by person and time: person_id, encounter_id, n, days, score (all up to and with it)."""
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
    """Days since 1970, local."""
    return moments.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.date().to_physical().to_list()


def _days(person: Sequence[str], first: Sequence[int], last: Sequence[int]) -> list[int]:
    """The fewest days that account for the encounters of a person up to each one.

    A person's encounters follow each other without overlap. Going through them by time, one that does not touch the day chosen last
    needs a new one, and its last day is the best choice: it is the one that later encounters are likeliest to touch.

    Args:
        person: whose encounter it is; a person's rows lie together, by time.
        first, last: local days on which the encounter begins and ends.
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
    """One row a person, the most remarkable first.

    Args:
        scored: as `score_encounters` gives them.
        sightings: columns person_id, video_id, face_id, seen_at, quality.
        zone: IANA name of the zone in which days are counted.

    Returns:
        The columns of schema.PEOPLE but name, role and proposed_role.
    """
    counted = _wholes(scored, zone).group_by("person_id").agg(pl.col("n").max().cast(pl.Int64).alias("encounters"), pl.col("days").max())
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
