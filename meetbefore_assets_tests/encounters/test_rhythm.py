"""What keeps being the same about meeting somebody, and when that says nothing."""

import datetime as dt

import polars as pl
import pytest

from meetbefore_assets.encounters.rhythm import rhythm
from meetbefore_assets.publishing.page.evidence import rhythm_phrase

MONDAY = dt.datetime(2025, 3, 3)
BERLIN, HAMBURG = (52.52, 13.405), (53.55, 9.993)


def encounters(*begins: tuple[int, float], places: list[tuple[float, float] | None] | None = None) -> pl.DataFrame:
    """Encounters by days since a Monday and hour of the day, UTC."""
    where = places or [None] * len(begins)
    rows = [
        (f"e{number}", MONDAY + dt.timedelta(days=day, hours=hour), *(place or (None, None)))
        for number, ((day, hour), place) in enumerate(zip(begins, where, strict=True))
    ]
    schema = {"encounter_id": pl.String, "started_at": pl.Datetime("us"), "latitude": pl.Float64, "longitude": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def told(*begins: tuple[int, float], zone: str = "UTC", places: list[tuple[float, float] | None] | None = None) -> str:
    phrase = rhythm_phrase(encounters(*begins, places=places), zone)
    return phrase.en if phrase else ""


def test_the_same_hour_on_working_days_near_the_same_place() -> None:
    near = (BERLIN[0] + 0.001, BERLIN[1])
    line = told((0, 8.1), (1, 8.25), (4, 8.15), places=[BERLIN, near, BERLIN])
    assert line == "always around 08:10 on weekdays near 52.5200, 13.4050"
    phrase = rhythm_phrase(encounters((0, 8.1), (1, 8.25), (4, 8.15)), "UTC")
    assert phrase is not None
    assert phrase.zh == "总是在工作日 08:10 左右"


@pytest.mark.parametrize(
    ("begins", "expected"),
    [
        (((0, 8.0), (7, 8.1)), "around 08:05 on Mondays"),  # twice is not always
        (((0, 8.0), (7, 8.1), (14, 8.0)), "always around 08:00 on Mondays"),
        (((0, 8.0), (7, 8.1), (9, 8.0)), "always around 08:00 on weekdays"),
        (((5, 8.0), (6, 15.0), (12, 22.0)), "at weekends"),
        (((0, 8.0), (1, 9.4), (2, 8.0)), "around 08:30 on weekdays"),
        (((0, 8.0), (7, 14.0), (6, 20.0)), "mostly on Mondays (2 of 3 days)"),
        (((0, 23.9), (1, 0.1), (2, 23.8)), "always around 23:55 on weekdays"),  # midnight is no jump
        (((0, 8.0), (1, 14.0), (6, 20.0)), ""),
        (((0, 8.0), (0, 8.1), (0, 8.2)), ""),  # one day is no rhythm
    ],
)
def test_what_is_told(begins: tuple[tuple[int, float], ...], expected: str) -> None:
    assert told(*begins) == expected


def test_days_and_hours_are_local() -> None:
    assert told((0, 23.5), (1, 23.5), (2, 23.5)) == "always around 23:30 on weekdays"
    assert told((3, 23.5), (4, 23.5), (10, 23.5), zone="Asia/Shanghai") == "always around 07:30 mostly on Fridays (2 of 3 days)"


def test_a_place_that_changes_or_is_known_of_few_is_not_told() -> None:
    assert told((0, 8.0), (7, 14.0), places=[BERLIN, HAMBURG]) == "on Mondays"
    assert told((0, 8.0), (7, 14.0), (14, 20.0), places=[BERLIN, None, None]) == "on Mondays"
    assert told((0, 8.0), (7, 14.0), (14, 20.0), (21, 2.0), places=[BERLIN, BERLIN, BERLIN, HAMBURG]) == "on Mondays near 52.5200, 13.4050"


def test_an_encounter_in_two_videos_is_one() -> None:
    twice = pl.concat([encounters((0, 8.0)), encounters((0, 9.0)), encounters((7, 8.0)).with_columns(pl.lit("e1").alias("encounter_id"))])
    found = rhythm(twice, "UTC")
    assert found is not None
    assert found.hour == pytest.approx(8.0)
    assert rhythm(encounters(), "UTC") is None
