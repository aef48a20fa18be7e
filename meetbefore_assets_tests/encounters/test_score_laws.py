"""The laws of the score, over any history of encounters."""

import datetime as dt
import math
import random
from itertools import pairwise
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from meetbefore_assets.encounters.encounters import encounters
from meetbefore_assets.encounters.score import people, score_encounters, score_parts

START = dt.datetime(2025, 3, 3)
GAP_MIN = 30
MONTH_MIN = 60 * 24 * 31
SIGHTINGS = {"person_id": pl.String, "video_id": pl.String, "face_id": pl.String, "seen_at": pl.Datetime("us"), "portrait": pl.Float32}
ENCOUNTERS = {
    "encounter_id": pl.String,
    "video_id": pl.String,
    "person_id": pl.String,
    "started_at": pl.Datetime("us"),
    "ended_at": pl.Datetime("us"),
    "faces": pl.Int64,
    "seconds_visible": pl.Float64,
}
Span = tuple[int, int]  # begins and ends, minutes after START
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Shanghai", "America/St_Johns"])


@st.composite
def histories(draw: st.DrawFn, most: int = 8) -> list[Span]:
    """Encounters of a person in order, more than the gap apart; some are long, many are near midnight."""
    times = sorted(draw(st.lists(st.integers(0, MONTH_MIN), min_size=2, max_size=2 * most, unique=True)))
    spans = list(zip(times[::2], times[1::2], strict=False))
    kept = [spans[0]]
    for span in spans[1:]:
        if span[0] - kept[-1][1] > GAP_MIN:
            kept.append(span)
    return kept


def table(spans: list[Span], faces: int = 1) -> pl.DataFrame:
    rows = [
        (f"e{begins}", "v", "a", START + dt.timedelta(minutes=begins), START + dt.timedelta(minutes=ends), faces, float(faces))
        for begins, ends in spans
    ]
    return pl.DataFrame(rows, schema=ENCOUNTERS, orient="row")


def score(spans: list[Span], zone: str = "UTC") -> float:
    return float(score_encounters(table(spans), zone)["score"].max())  # type: ignore[arg-type]


def slow_days(spans: list[Span], zone: str) -> int:
    """The fewest days such that every encounter touches one, by trying all."""
    touched = []
    for span in spans:
        first, last = (
            ((START + dt.timedelta(minutes=at)).replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone))).date().toordinal() for at in span
        )
        touched.append(set(range(first, last + 1)))
    chosen: list[set[int]] = [set()]
    while not any(all(days & one for one in touched) for days in chosen):
        chosen = [days | {day} for days in chosen for day in set().union(*touched)]
    return min(len(days) for days in chosen if all(days & one for one in touched))


def seen(minutes: list[float]) -> pl.DataFrame:
    rows = [("a", "v", f"f{number:04}", START + dt.timedelta(minutes=at), 0.5) for number, at in enumerate(minutes)]
    return pl.DataFrame(rows, schema=SIGHTINGS, orient="row")


def score_of_sightings(minutes: list[float], interval_s: float = 1.0) -> float:
    return float(score_encounters(encounters(seen(minutes), GAP_MIN, interval_s), "UTC")["score"].max())  # type: ignore[arg-type]


@given(histories(), ZONES)
def test_the_score_is_the_sum_of_its_parts(spans: list[Span], zone: str) -> None:
    between_s = 60.0 * max(0, spans[-1][0] - spans[0][1])
    days = people_days(spans, zone)
    assert score(spans, zone) == pytest.approx(score_parts(len(spans), days, between_s).score)


def people_days(spans: list[Span], zone: str) -> int:
    ranked = people(score_encounters(table(spans), zone), seen([float(begins) for begins, _ in spans]), zone)
    return int(ranked["days"][0])


@given(histories(most=4), ZONES)
def test_days_are_the_fewest_that_account_for_all_encounters(spans: list[Span], zone: str) -> None:
    spans = [(begins, min(ends, begins + 60 * 30)) for begins, ends in spans]
    assert people_days(spans, zone) == slow_days(spans, zone)


@given(st.integers(0, MONTH_MIN), st.integers(0, MONTH_MIN), ZONES)
def test_one_encounter_scores_nothing_however_long(begins: int, length: int, zone: str) -> None:
    assert score([(begins, begins + length)], zone) == 0


@given(histories(), histories(), ZONES)
def test_more_encounters_never_lower_the_score(spans: list[Span], others: list[Span], zone: str) -> None:
    apart = [span for span in others if all(span[0] - one[1] > GAP_MIN or one[0] - span[1] > GAP_MIN for one in spans)]
    assert score(sorted(spans + apart), zone) >= score(spans, zone)


@given(histories(), ZONES)
def test_one_more_encounter_raises_it(spans: list[Span], zone: str) -> None:
    later = spans[-1][1] + GAP_MIN + 1
    assert score([*spans, (later, later)], zone) > score(spans, zone)


@given(st.integers(2, 30), st.integers(1, 29), st.floats(0, 1e8))
def test_one_more_day_raises_it(number: int, days: int, span_s: float) -> None:
    assume(days < number)
    assert score_parts(number, days + 1, span_s).score > score_parts(number, days, span_s).score


@given(histories(), st.integers(1, MONTH_MIN))
def test_a_longer_span_never_lowers_it(spans: list[Span], more: int) -> None:
    """The last encounter moves away by whole days, so that no two share a day that did not before."""
    assume(len(spans) > 1)
    begins, ends = spans[-1]
    away = -(-more // 1440) * 1440
    assert score([*spans[:-1], (begins + away, ends + away)]) >= score(spans)


@given(histories(), st.lists(st.integers(0, 2000), min_size=16, max_size=16), ZONES)
def test_longer_presence_never_raises_it(spans: list[Span], more: list[int], zone: str) -> None:
    """Each encounter begins earlier and ends later, as far as the gap allows."""
    rooms = [0] + [(after[0] - before[1] - GAP_MIN - 1) // 2 for before, after in pairwise(spans)] + [2000]
    rooms[0] = 2000
    longer = [
        (begins - min(more[2 * place], rooms[place]), ends + min(more[2 * place + 1], rooms[place + 1]))
        for place, (begins, ends) in enumerate(spans)
    ]
    assert score(longer, zone) <= score(spans, zone)


@given(histories(), st.integers(1, 100))
def test_faces_and_seconds_do_not_enter(spans: list[Span], faces: int) -> None:
    many = score_encounters(table(spans, faces), "UTC")["score"]
    assert many.to_list() == score_encounters(table(spans), "UTC")["score"].to_list()


# Whole seconds: a float half a microsecond beyond the gap is beyond it.
SECONDS = st.lists(st.integers(0, 5 * 86400), min_size=1, max_size=10)
NEARBY = st.lists(st.tuples(st.integers(0, 9), st.integers(-60 * GAP_MIN, 60 * GAP_MIN)), max_size=10)


@given(SECONDS, NEARBY)
def test_more_pictures_within_the_gap_never_raise_it(seconds: list[int], more: list[tuple[int, int]]) -> None:
    nearby = [seconds[place % len(seconds)] + apart for place, apart in more]
    before, after = (score_of_sightings([at / 60 for at in some]) for some in (seconds, seconds + nearby))
    assert after <= before + 1e-9


@given(histories(), st.randoms())
def test_the_order_of_encounters_does_not_matter(spans: list[Span], shuffler: random.Random) -> None:
    mixed = spans.copy()
    shuffler.shuffle(mixed)
    known = dict(score_encounters(table(spans), "UTC").select("encounter_id", "score").rows())
    assert dict(score_encounters(table(mixed), "UTC").select("encounter_id", "score").rows()) == known


@given(st.lists(st.floats(0, MONTH_MIN), min_size=1, max_size=12), st.floats(0.05, 60))
def test_the_sampling_interval_does_not_enter(minutes: list[float], interval_s: float) -> None:
    assert score_of_sightings(minutes, interval_s) == score_of_sightings(minutes, 1.0)


@given(histories())
def test_it_never_falls_from_one_encounter_to_the_next(spans: list[Span]) -> None:
    scores = score_encounters(table(spans), "UTC").sort("started_at")["score"].to_list()
    assert scores[0] == 0
    assert all(before < after for before, after in pairwise(scores))


def test_a_meeting_past_midnight_and_one_the_day_after_are_one_day() -> None:
    evening, morning = (23 * 60, 24 * 60 + 10), (24 * 60 + 480, 24 * 60 + 490)
    assert people_days([evening, morning], "UTC") == 1
    assert people_days([(23 * 60, 23 * 60 + 50), morning], "UTC") == 2


def test_numbers_to_remember() -> None:
    tuesday = [(60 * 24 * 7 * week, 60 * 24 * 7 * week) for week in range(4)]
    assert score(tuesday) == pytest.approx(2 + 4 + math.log2(22))


# ---- encounters that may be with somebody else

CHANCES = st.floats(0, 1)


def score_of(spans: list[Span], same: list[float | None], zone: str = "UTC") -> float:
    weighed = table(spans).with_columns(pl.Series("same_person", same, pl.Float64))
    return float(score_encounters(weighed, zone)["score"].max())  # type: ignore[arg-type]


@given(histories(most=1), CHANCES)
def test_one_encounter_scores_nothing_however_sure(spans: list[Span], same: float) -> None:
    assert score_of(spans, [same]) == 0


@given(histories(), st.data(), ZONES)
def test_sure_people_score_what_they_always_did(spans: list[Span], data: st.DataObject, zone: str) -> None:
    same = data.draw(st.lists(st.one_of(st.none(), st.floats(0.95, 1)), min_size=len(spans), max_size=len(spans)))
    assert score_of(spans, same, zone) == pytest.approx(score(spans, zone), abs=1e-9)


@given(histories(), st.data(), ZONES)
def test_another_encounter_never_lowers_the_score_however_dubious(spans: list[Span], data: st.DataObject, zone: str) -> None:
    same: list[float | None] = list(data.draw(st.lists(CHANCES, min_size=len(spans), max_size=len(spans))))
    assert score_of(spans[:-1] or spans, same[: max(1, len(spans) - 1)], zone) <= score_of(spans, same, zone) + 1e-9


@given(histories(), st.data(), ZONES)
def test_a_surer_encounter_never_lowers_the_score(spans: list[Span], data: st.DataObject, zone: str) -> None:
    same: list[float | None] = list(data.draw(st.lists(CHANCES, min_size=len(spans), max_size=len(spans))))
    row = data.draw(st.integers(0, len(spans) - 1))
    surer = [*same[:row], 1.0, *same[row + 1 :]]
    assert score_of(spans, same, zone) <= score_of(spans, surer, zone) + 1e-9


@given(histories(), st.data(), ZONES)
def test_the_score_is_the_best_of_those_at_least_as_sure(spans: list[Span], data: st.DataObject, zone: str) -> None:
    steps = data.draw(st.lists(st.integers(0, 19), min_size=len(spans), max_size=len(spans)))
    wanted = max(
        step / 20 * (score([span for span, other in zip(spans, steps, strict=True) if other >= step], zone)) for step in set(steps)
    )
    same: list[float | None] = [0.95 * (step + 0.5) / 20 for step in steps]
    assert score_of(spans, same, zone) == pytest.approx(wanted, abs=1e-9)


def test_dubious_encounters_alone_rank_below_fewer_sure_ones() -> None:
    day = 24 * 60
    dubious, sure = [(at * day, at * day + 1) for at in range(5)], [(at * day, at * day + 1) for at in range(3)]
    assert score_of(dubious, [0.5] * 5) < score_of(sure, [0.99] * 3)
