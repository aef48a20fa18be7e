"""Weekdays and times of day."""

import datetime as dt
import math
import zoneinfo

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from meetbefore_assets.encounters.person_facts import habits

MONDAY = dt.datetime(2025, 3, 3)


def table(moments: list[dt.datetime], person: str = "a") -> pl.DataFrame:
    rows = [(person, f"e{number:03}", moment) for number, moment in enumerate(moments)]
    return pl.DataFrame(rows, schema={"person_id": pl.String, "encounter_id": pl.String, "started_at": pl.Datetime("us")}, orient="row")


def of(moments: list[dt.datetime], zone: str = "UTC") -> dict[str, float | None]:
    return habits(table(moments), zone).drop("person_id").row(0, named=True)


def at(day: int, hour: float) -> dt.datetime:
    return MONDAY + dt.timedelta(days=day, hours=hour)


def test_the_same_bus_three_tuesdays_and_once_on_a_monday() -> None:
    found = of([at(0, 9), at(1, 8.5), at(8, 8.5), at(15, 8)])
    assert (found["usual_weekday"], found["weekday_share"]) == (1, 0.75)
    assert found["usual_hour"] == pytest.approx(8.5)
    assert found["hour_spread_h"] == pytest.approx(math.sqrt(0.5 / 4), rel=0.01)


def test_three_meetings_on_one_sunday_are_one_sunday() -> None:
    found = of([at(6, 9), at(6, 12), at(6, 18), at(8, 9)])
    assert (found["usual_weekday"], found["weekday_share"]) == (1, 0.5)


def test_midnight_lies_between_eleven_and_one() -> None:
    found = of([at(0, 23), at(2, 1)])
    assert found["usual_hour"] == pytest.approx(0, abs=1e-9) or found["usual_hour"] == pytest.approx(24)
    assert found["hour_spread_h"] == pytest.approx(1, rel=0.02)


def test_opposite_hours_have_no_middle() -> None:
    assert of([at(0, 6), at(1, 18)])["hour_spread_h"] == 12


def test_weekday_and_hour_are_those_of_the_zone() -> None:
    assert of([at(0, 17), at(7, 17)], "Asia/Shanghai") == pytest.approx({**of([at(1, 1), at(8, 1)])})


def test_of_equals_the_earlier_weekday_is_taken() -> None:
    assert of([at(3, 8), at(2, 8)])["usual_weekday"] == 2


def test_one_day_is_no_habit() -> None:
    assert of([at(6, 9), at(6, 12), at(6, 18)])["usual_weekday"] is None
    twice = pl.concat([table([at(0, 8)]), table([at(0, 8.1)])])
    assert habits(twice, "UTC").drop("person_id").row(0) == (None, None, None, None)


def test_nobody_has_no_habits() -> None:
    assert habits(table([]), "UTC").columns == ["person_id", "usual_weekday", "weekday_share", "usual_hour", "hour_spread_h"]


@given(st.lists(st.integers(0, 60 * 24 * 400), min_size=2, max_size=12), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Shanghai"]))
def test_as_told_one_by_one(minutes: list[int], zone: str) -> None:
    moments = [MONDAY + dt.timedelta(minutes=minute) for minute in minutes]
    there = [moment.replace(tzinfo=dt.UTC).astimezone(zoneinfo.ZoneInfo(zone)) for moment in moments]
    weekdays = [day.weekday() for day in {moment.date() for moment in there}]
    assume(len(weekdays) > 1)
    turns = [2 * math.pi * (moment.hour + moment.minute / 60) / 24 for moment in there]
    x, y = (sum(part(turn) for turn in turns) / len(turns) for part in (math.cos, math.sin))
    found = of(moments, zone)
    most = max(weekdays.count(day) for day in weekdays)
    assert found["usual_weekday"] == min(day for day in weekdays if weekdays.count(day) == most)
    assert found["weekday_share"] == pytest.approx(most / len(weekdays))
    assert 0 <= (found["usual_hour"] or 0) <= 24
    assert 0 <= (found["hour_spread_h"] or 0) <= 12
    if math.hypot(x, y) > 1e-3:
        difference = ((found["usual_hour"] or 0) - math.atan2(y, x) * 12 / math.pi + 12) % 24 - 12
        assert difference == pytest.approx(0, abs=1e-6)


def test_the_order_of_rows_does_not_change_the_last_bit() -> None:
    rng = np.random.default_rng(1)
    rows = [(f"p{rng.integers(50)}", f"e{number}", MONDAY + dt.timedelta(seconds=int(rng.integers(10**7)))) for number in range(3000)]
    encounters = pl.DataFrame(rows, schema=table([]).schema, orient="row")
    expected = habits(encounters, "UTC")
    for seed in range(5):
        assert habits(encounters.sample(fraction=1.0, shuffle=True, seed=seed), "UTC").equals(expected)
