"""Who is seen together, against the plain definition."""

from datetime import datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.encounters.company import overlaps, pairs_seen_together, with_company

MONDAY = datetime(2025, 3, 3, 8)
SCHEMA = {
    "encounter_id": pl.String,
    "video_id": pl.String,
    "person_id": pl.String,
    "started_at": pl.Datetime("us"),
    "ended_at": pl.Datetime("us"),
}
# person, video, begins, length
SPANS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("vw"), st.integers(0, 30), st.integers(0, 8)), max_size=14)
Row = tuple[str, str, str, datetime, datetime]


def table(rows: list[tuple[str, str, int, int]]) -> pl.DataFrame:
    """Every third part of a person is of one encounter."""
    made = [
        (f"e{number % 9}{person}", video, person, MONDAY + timedelta(seconds=begin), MONDAY + timedelta(seconds=begin + length))
        for number, (person, video, begin, length) in enumerate(rows)
    ]
    return pl.DataFrame(made, schema=SCHEMA, orient="row")


def overlapping(rows: list[Row]) -> list[tuple[Row, Row]]:
    """Both orders of every pair."""
    return [
        (one, other)
        for one in rows
        for other in rows
        if one[1] == other[1] and one[2] != other[2] and one[3] <= other[4] and other[3] <= one[4]
    ]


@given(SPANS)
def test_pairs_are_those_of_the_plain_definition(spans: list[tuple[str, str, int, int]]) -> None:
    encounters = table(spans)
    expected: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for one, other in overlapping(encounters.rows()):
        if one[2] < other[2]:
            expected.setdefault((one[2], other[2]), set()).add((one[0], other[0]))
    assert {(first, second): times for first, second, times in pairs_seen_together(encounters).rows()} == {
        pair: len(found) for pair, found in expected.items()
    }


@given(SPANS)
def test_every_encounter_names_its_company(spans: list[tuple[str, str, int, int]]) -> None:
    encounters = table(spans).unique(["encounter_id", "video_id"], maintain_order=True)
    expected: dict[tuple[str, str], set[str]] = {(row[0], row[1]): set() for row in encounters.rows()}
    for one, other in overlapping(encounters.rows()):
        expected[one[0], one[1]].add(other[2])
    found = with_company(encounters)
    assert found.drop("seen_with").equals(encounters)
    assert {(row[0], row[1]): row[-1] for row in found.rows()} == {key: sorted(who) for key, who in expected.items()}


def test_nobody_is_seen_with_themselves_or_in_another_video() -> None:
    encounters = table([("a", "v", 0, 5), ("a", "v", 2, 5), ("b", "w", 0, 5)])
    assert overlaps(encounters).is_empty()
    assert with_company(encounters)["seen_with"].to_list() == [[], [], []]


def test_no_encounters_have_no_company() -> None:
    empty = table([])
    assert pairs_seen_together(empty).is_empty()
    assert with_company(empty).schema["seen_with"] == pl.List(pl.String)
