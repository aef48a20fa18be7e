"""Over which thresholds meetings hold, what happened to ids, and which questions are worth asking."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.identities.id_changes import identity_events
from meetbefore_assets.identities.threshold_survival import survival, threshold_ladder

LADDER = np.array([0.3, 0.4, 0.5, 0.6])


@pytest.mark.parametrize("tracks", [0, 300, 5_000, 5_001, 20_000, 20_001, 10**6])
def test_the_ladder_rises_and_has_the_threshold_in_force(tracks: int) -> None:
    for threshold in (-1.0, 0.0, 0.363, 0.4, 1.0):
        steps = threshold_ladder(threshold, tracks)
        assert (np.diff(steps) > 0).all()
        assert np.abs(steps - threshold).min() < 1e-9
        assert steps.min() >= -1
        assert steps.max() <= 1


def held(groups: dict[str, list[int]], encounters: list[list[str]], threshold: float = 0.4) -> dict[str, tuple[float, float]]:
    """Ranges of one person's encounters e0, e1, …, each a list of tracks."""
    start = dt.datetime(2025, 3, 7)
    rows = [("p", f"e{day}", start + dt.timedelta(days=day), track) for day, tracks in enumerate(encounters) for track in tracks]
    tracks = pl.DataFrame(rows, ["person_id", "encounter_id", "begins", "track_id"], orient="row")
    table = pl.DataFrame({"track_id": list(groups), "groups": list(groups.values())})
    return {one: (low, high) for one, low, high in survival(tracks, table, LADDER, threshold).rows()}


def test_a_meeting_holds_as_long_as_its_tracks_are_with_an_earlier_encounter() -> None:
    assert held({"a": [0, 0, 0, 0], "b": [0, 0, 0, 1]}, [["a"], ["b"]]) == {"e1": (0.3, 0.5)}


def test_first_encounters_are_no_meetings() -> None:
    assert held({"a": [0, 0, 0, 0]}, [["a"]]) == {}


def test_one_track_of_an_encounter_is_enough() -> None:
    assert held({"a": [0, 0, 0, 0], "b": [0, 0, 1, 1], "c": [0, 0, 0, 2]}, [["a"], ["b", "c"]]) == {"e1": (0.3, 0.5)}


def test_any_earlier_encounter_will_do() -> None:
    groups = {"a": [0, 0, 0, 0], "b": [0, 0, 1, 1], "c": [0, 0, 0, 0]}
    assert held(groups, [["a"], ["b"], ["c"]]) == {"e1": (0.3, 0.4), "e2": (0.3, 0.6)}


def test_the_range_has_no_gaps_and_holds_the_threshold_in_force() -> None:
    assert held({"a": [0, 0, 0, 0], "b": [0, 0, 1, 0]}, [["a"], ["b"]]) == {"e1": (0.3, 0.4)}
    assert held({"a": [0, 0, 0, 0], "b": [0, 0, 1, 0]}, [["a"], ["b"]], 0.6) == {"e1": (0.6, 0.6)}
    assert held({"a": [0, 0, 0, 0], "b": [0, 1, 1, 0]}, [["a"], ["b"]]) == {}


@given(st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(0, 2), min_size=4, max_size=4)), min_size=1, max_size=8))
def test_ranges_are_those_of_the_slow_way(tracks: list[tuple[int, list[int]]]) -> None:
    groups = {f"t{row}": labels for row, (_, labels) in enumerate(tracks)}
    days = sorted({day for day, _ in tracks})
    encounters = [[f"t{row}" for row, (day, _) in enumerate(tracks) if day == wanted] for wanted in days]
    expected = {}
    for number in range(1, len(encounters)):
        earlier = [track for tracks_before in encounters[:number] for track in tracks_before]
        holds = [any(groups[a][s] == groups[b][s] for a in encounters[number] for b in earlier) for s in range(4)]
        if holds[1]:
            low = next(s for s in (1, 0) if s == 0 or not holds[s - 1])
            high = next(s for s in (1, 2, 3) if s == 3 or not holds[s + 1])
            expected[f"e{number}"] = (LADDER[low], LADDER[high])
    assert held(groups, encounters) == expected


def people(**faces: str) -> pl.DataFrame:
    """Person -> its faces, a letter each."""
    rows = [(face, person) for person, letters in faces.items() for face in letters]
    return pl.DataFrame(rows, schema={"face_id": pl.String, "person_id": pl.String}, orient="row")


def events(before: pl.DataFrame, after: pl.DataFrame) -> list[tuple[object, ...]]:
    return identity_events(before, after).rows()


def test_nothing_happens_to_ids_that_stay() -> None:
    assert events(people(p="ab", q="c"), people(p="ab", q="c", r="d")) == []
    assert events(people(), people(p="a")) == []


def test_an_id_that_goes_to_another_is_joined() -> None:
    assert events(people(p="ab", q="c"), people(p="abc")) == [("q", "joined", "p", 1)]


def test_an_id_that_loses_faces_is_split() -> None:
    assert events(people(p="abc"), people(p="ab", q="c")) == [("p", "split", "q", 1)]


def test_an_id_that_falls_apart_goes_to_the_largest_part() -> None:
    assert events(people(p="abc", r="d"), people(r="dab", q="c")) == [("p", "joined", "r", 2), ("p", "split", "q", 1)]


def test_older_footage_renumbers() -> None:
    assert events(people(p="ab"), people(q="xab")) == [("p", "renumbered", "q", 2)]


def test_an_id_without_faces_is_gone() -> None:
    assert events(people(p="ab", q="c"), people(q="c")) == [("p", "gone", "", 2)]
    assert events(people(p="ab"), people(p="a")) == []
