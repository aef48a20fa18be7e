"""Must-links and cannot-links from what was said, and what cannot hold."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetbefore_assets.identities import correction_links
from meetbefore_assets.identities.correction_links import PICTURE, Links, _LinkLedger, divided_tracks, links
from meetbefore_assets.identities.corrections import Anchor, Correction, correction
from meetbefore_assets.identities.grouping import group_tracks
from meetbefore_assets.identities.simple_linkage import SimplePolicy

NOBODY = np.zeros((0, 2), np.int64)
SOMEWHERE = (Anchor("v", 0.0, 0, 0, 1, 1),)


class Said:
    """Corrections over rows, in order."""

    def __init__(self) -> None:
        self.corrections: list[Correction] = []
        self.rows: dict[tuple[str, str], list[int]] = {}

    def say(self, kind: str, here: list[int], there: list[int] | None = None, text: str = "") -> str:
        moment = dt.datetime(2025, 1, 1) + dt.timedelta(minutes=len(self.corrections))
        one = correction(moment, kind, text, SOMEWHERE, SOMEWHERE)  # type: ignore[arg-type]
        self.corrections.append(one)
        self.rows[one.correction_id, "here"] = here
        self.rows[one.correction_id, "there"] = there or []
        return one.correction_id

    def links(self, *together: tuple[int, int]) -> Links:
        return links(self.corrections, self.rows, np.array(together, np.int64).reshape(-1, 2))


def pairs(rows: np.ndarray) -> set[tuple[int, int]]:
    return {(int(a), int(b)) for a, b in rows}


def test_nothing_said_leaves_those_seen_together_apart() -> None:
    found = Said().links((0, 1))
    assert pairs(found.cannot_link) == {(0, 1)}
    assert not len(found.must_link)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda pair: pair[0] != pair[1])))
def test_pairs_come_in_order_the_smaller_first_and_none_twice(together: list[tuple[int, int]]) -> None:
    assert Said().links(*together).cannot_link.tolist() == [list(pair) for pair in sorted({(min(pair), max(pair)) for pair in together})]


def test_a_merge_holds_all_its_rows_together() -> None:
    said = Said()
    said.say("merge", [3, 1], [2])
    assert pairs(said.links().must_link) == {(1, 3), (2, 3)}


def test_not_same_and_split_keep_every_row_of_one_side_from_every_row_of_the_other() -> None:
    for kind in ("not-same", "split"):
        said = Said()
        said.say(kind, [0, 1], [2, 3])
        assert pairs(said.links().cannot_link) == {(0, 2), (0, 3), (1, 2), (1, 3)}


def test_two_faces_of_one_picture_are_not_merged_by_anybody() -> None:
    said = Said()
    merge = said.say("merge", [0], [1])
    (conflict,) = said.links((0, 1)).conflicts
    assert (conflict.correction_id, conflict.against, set(conflict.rows)) == (merge, PICTURE, {0, 1})


def test_a_picture_speaks_through_a_chain_of_merges() -> None:
    said = Said()
    said.say("merge", [0], [1])
    second = said.say("merge", [1], [2])
    assert [conflict.correction_id for conflict in said.links((0, 2)).conflicts] == [second]


def test_the_newer_of_two_that_contradict_is_left_out_and_named() -> None:
    said = Said()
    merge = said.say("merge", [0], [1])
    apart = said.say("not-same", [0], [1])
    (conflict,) = said.links().conflicts
    assert (conflict.correction_id, conflict.against) == (apart, merge)
    other = Said()
    apart = other.say("not-same", [0], [1])
    merge = other.say("merge", [0], [1])
    (conflict,) = other.links().conflicts
    assert (conflict.correction_id, conflict.against) == (merge, apart)


def test_a_split_takes_its_rows_out_of_the_merges_before_it() -> None:
    said = Said()
    said.say("merge", [0, 1], [2])
    said.say("split", [1], [0, 2])
    found = said.links()
    assert not found.conflicts
    assert pairs(found.must_link) == {(0, 2)}
    assert pairs(found.cannot_link) == {(0, 1), (1, 2)}


def test_different_names_are_different_people_unless_they_were_merged() -> None:
    said = Said()
    said.say("name", [0], text="Ann")
    said.say("name", [1], text="Bob")
    assert pairs(said.links().cannot_link) == {(0, 1)}
    said.say("merge", [0], [1])
    found = said.links()
    assert not found.conflicts
    assert pairs(found.must_link) == {(0, 1)}
    assert not len(found.cannot_link)


def test_the_same_name_again_is_no_other_person() -> None:
    said = Said()
    said.say("name", [0], text="Ann")
    said.say("name", [1], text="ann")
    assert not len(said.links().cannot_link)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["merge", "not-same", "split", "name"]),
            st.lists(st.integers(0, 7), min_size=1, max_size=3),
            st.lists(st.integers(0, 7), min_size=1, max_size=3),
        ),
        max_size=8,
    ),
    st.lists(st.tuples(st.integers(0, 3), st.integers(4, 7)), max_size=4),
)
def test_what_is_left_never_contradicts(statements: list[tuple[str, list[int], list[int]]], together: list[tuple[int, int]]) -> None:
    said = Said()
    for number, (kind, here, there) in enumerate(statements):
        said.say(kind, here, there, text=str(number))
    found = said.links(*together)
    vectors = np.eye(8, dtype=np.float32)
    # group_tracks refuses links that contradict
    labels = group_tracks(vectors, np.ones(8, np.float32), found.cannot_link, found.must_link, SimplePolicy(0.5))
    assert all(labels[a] == labels[b] for a, b in found.must_link)
    assert all(labels[a] != labels[b] for a, b in found.cannot_link)
    assert {tuple(sorted(pair)) for pair in together} <= pairs(found.cannot_link)


class AllPairs(_LinkLedger):
    """Asks every pair that was ever said to be two, in the order in which that was said."""

    def _between(self, a: int, b: int) -> tuple[tuple[int, int], str] | None:
        every = self._said_apart.items()
        return next(((pair, said) for pair, said in every if {self._root(row) for row in pair} == {a, b}), None)


_ROWS = st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["merge", "not-same", "split", "name"]), _ROWS, _ROWS), max_size=14),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] != pair[1]), max_size=8),
)
def test_the_same_contradicts_as_if_all_pairs_were_asked(
    statements: list[tuple[str, list[int], list[int]]], together: list[tuple[int, int]]
) -> None:
    said = Said()
    for number, (kind, here, there) in enumerate(statements):
        said.say(kind, here, there, text=f"N{number}")
    found = said.links(*together)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(correction_links, "_LinkLedger", AllPairs)
        expected = said.links(*together)
    assert found.conflicts == expected.conflicts
    assert (found.must_link.tolist(), found.cannot_link.tolist()) == (expected.must_link.tolist(), expected.cannot_link.tolist())


def test_a_track_with_both_sides_of_a_split_is_divided() -> None:
    said = Said()
    split = said.say("split", [], [])
    faces = {(split, "here"): ["b"], (split, "there"): ["a"]}
    track_of = {"a": "t1", "b": "t1", "c": "t1", "d": "t2"}
    assert divided_tracks(said.corrections, faces, track_of) == {"t1": [["a", "c"], ["b"]]}


def test_a_track_on_one_side_is_left_whole() -> None:
    said = Said()
    split = said.say("split", [], [])
    faces = {(split, "here"): ["b"], (split, "there"): ["d"]}
    assert divided_tracks(said.corrections, faces, {"a": "t1", "b": "t1", "d": "t2"}) == {}


def test_a_track_can_be_divided_more_than_once() -> None:
    said = Said()
    first, second = said.say("split", [], []), said.say("split", [], [])
    faces = {(first, "here"): ["b"], (first, "there"): ["a"], (second, "here"): ["c"], (second, "there"): ["a"]}
    assert divided_tracks(said.corrections, faces, dict.fromkeys("abc", "t1")) == {"t1": [["a"], ["b"], ["c"]]}
