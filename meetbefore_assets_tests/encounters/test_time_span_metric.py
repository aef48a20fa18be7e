"""AreWeMeetBefore's measure, against its procedure step by step."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.encounters.person_facts import time_span_metric

MONDAY = dt.datetime(2025, 3, 3, 8)
# pictures, minutes from the first to the last
PEOPLE = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 5000)), max_size=12)


def table(rows: list[tuple[int, int]]) -> pl.DataFrame:
    made = [(faces, MONDAY, MONDAY + dt.timedelta(minutes=minutes)) for faces, minutes in rows]
    return pl.DataFrame(made, schema={"faces": pl.Int64, "first_seen": pl.Datetime("us"), "last_seen": pl.Datetime("us")}, orient="row")


def step_by_step(rows: list[tuple[int, int]]) -> list[float | None]:
    kept = {number: row for number, row in enumerate(rows) if row[0] > 1}
    faces, spans = [row[0] for row in kept.values()], [row[1] for row in kept.values()]
    metric: list[float | None] = [None] * len(rows)
    for number, (count, span) in kept.items():
        if max(faces) == min(faces) or max(spans) == min(spans):
            continue
        normal_span = (span - min(spans)) / (max(spans) - min(spans))
        normal_count = (count - min(faces)) / (max(faces) - min(faces))
        if normal_count > 0:
            metric[number] = normal_span / normal_count
    return metric


@given(PEOPLE)
def test_as_step_by_step(rows: list[tuple[int, int]]) -> None:
    found = time_span_metric(table(rows)).to_list()
    expected = step_by_step(rows)
    assert [value is None for value in found] == [value is None for value in expected]
    assert [value for value in found if value is not None] == pytest.approx([value for value in expected if value is not None])


def test_seconds_are_real_across_an_hour() -> None:
    """The original counts 12:59:59 to 13:00:00 as 4,041 'seconds'."""
    assert time_span_metric(table([(2, 0), (3, 1), (5, 100)])).to_list() == [None, pytest.approx(0.01 / (1 / 3)), 1.0]


def test_who_was_pictured_once_or_least_is_left_out() -> None:
    assert time_span_metric(table([(1, 9000), (2, 50), (3, 100)])).to_list() == [None, None, 1.0]
    assert time_span_metric(table([])).to_list() == []
