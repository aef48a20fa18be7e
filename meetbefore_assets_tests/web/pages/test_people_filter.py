"""Which people are listed: what a query asks for, and who is found."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.web.pages.people_filter import SORTS, WHO, Filter, filter_of, filtered, places_of

ROWS: list[tuple[str, str | None, str | None, str | None, int, int]] = [
    # person, name, role, proposed role, encounters, day of March on which seen last
    ("p1", "Ann", None, None, 5, 20),
    ("p2", None, "companion", None, 9, 10),
    ("p3", None, None, "companion", 3, 12),
    ("p4", None, "ignored", None, 7, 14),
    ("p5", "bob", "me", None, 8, 15),
    ("p6", None, None, None, 2, 30),
    ("p7", None, None, None, 1, 31),
]
PEOPLE = pl.DataFrame(
    [(*row[:5], dt.datetime(2025, 3, 1), dt.datetime(2025, 3, row[5])) for row in ROWS],
    schema=["person_id", "name", "role", "proposed_role", "encounters", "first_seen", "last_seen"],
    orient="row",
)
# Mondays at 23:30 UTC, which are Tuesdays in Berlin.
MET = pl.DataFrame(
    {
        "person_id": ["p1", "p6", "p6"],
        "encounter_id": ["e1", "e2", "e3"],
        "started_at": [dt.datetime(2025, 3, 3, 23, 30), dt.datetime(2025, 3, 5, 12), dt.datetime(2025, 4, 1, 12)],
        "latitude": [48.137, None, 48.1409],
        "longitude": [11.571, None, 11.5803],
    }
)


def found(wanted: Filter, zone: str = "UTC") -> list[str]:
    return filtered(PEOPLE, MET, wanted, zone)["person_id"].to_list()


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("strangers", ["p1", "p6"]),
        ("companions", ["p2", "p3"]),
        ("named", ["p1", "p5"]),
        ("ignored", ["p4"]),
        ("everybody", ["p1", "p2", "p3", "p4", "p5", "p6", "p7"]),
    ],
)
def test_a_kind_of_people(who: str, expected: list[str]) -> None:
    assert found(Filter(who=who)) == expected


@pytest.mark.parametrize(("text", "expected"), [("BO", ["p5"]), ("p6", ["p6"]), ("6", []), ("nobody", []), ("[", [])])
def test_a_name_or_the_beginning_of_an_id_is_found_among_everybody(text: str, expected: list[str]) -> None:
    assert found(filter_of({"find": text})) == expected


def test_weekdays_and_days_are_local() -> None:
    assert found(Filter(weekday=0)) == ["p1"]
    assert found(Filter(weekday=1), "Europe/Berlin") == ["p1", "p6"]
    assert found(Filter(since=dt.date(2025, 4, 1))) == ["p6"]
    assert found(Filter(since=dt.date(2025, 4, 2))) == []


def test_a_place_is_about_a_kilometre_wide() -> None:
    places = places_of(MET)
    assert [(place.latitude, place.longitude, place.encounters) for place in places] == [(48.14, 11.57, 1), (48.14, 11.58, 1)]
    assert found(Filter(place=(48.14, 11.58))) == ["p6"]


@pytest.mark.parametrize(("sort", "first"), [("score", "p1"), ("last", "p7"), ("encounters", "p2"), ("name", "p1"), ("first", "p1")])
def test_the_order(sort: str, first: str) -> None:
    assert found(Filter(who="everybody", sort=sort))[0] == first


@pytest.mark.parametrize(
    "query",
    [
        {"who": "nobody"},
        {"weekday": "7"},
        {"weekday": "-1"},
        {"place": "x,y"},
        {"place": "91,0"},
        {"place": "nan,0"},
        {"since": "yesterday"},
        {"sort": "drop table"},
        {"layout": "pie"},
        {"page": "0"},
        {"page": "-3"},
        {"page": "²"},
    ],
)
def test_what_makes_no_sense_is_left_out(query: dict[str, str]) -> None:
    assert filter_of(query) == Filter()


@given(
    st.builds(
        Filter,
        who=st.sampled_from(WHO),
        find=st.text(alphabet="abc &=ü", max_size=5).map(str.strip),
        weekday=st.none() | st.integers(0, 6),
        place=st.none() | st.just((48.14, -11.57)),
        since=st.none() | st.dates(dt.date(1990, 1, 1), dt.date(2090, 1, 1)),
        sort=st.sampled_from(SORTS),
        layout=st.sampled_from(("grid", "list")),
        page=st.integers(1, 10**6),
    )
)
def test_an_address_says_what_is_wanted(wanted: Filter) -> None:
    from urllib.parse import parse_qsl

    assert filter_of(dict(parse_qsl(wanted.query()))) == wanted
