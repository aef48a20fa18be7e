"""Ids that last, aliases, and the evidence for each face."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.core.short_ids import short_id
from meetbefore_assets.identities import person_ids

NOON = dt.datetime(2025, 3, 7, 12)


def faces(**persons: str) -> pl.DataFrame:
    """face=person."""
    return pl.DataFrame(
        {"face_id": list(persons), "person_id": list(persons.values())}, schema={"face_id": pl.String, "person_id": pl.String}
    )


def test_a_person_is_named_after_the_earliest_face() -> None:
    seen = pl.DataFrame({"face_id": ["b", "a", "c"], "seen_at": [NOON, NOON, NOON - dt.timedelta(hours=1)], "group": [0, 0, 1]})
    named = dict(person_ids.person_ids(seen).rows())
    assert named == {0: short_id("p", "a"), 1: short_id("p", "c")}


@given(st.permutations(range(6)))
def test_ids_do_not_depend_on_the_order_of_faces(order: list[int]) -> None:
    seen = pl.DataFrame({"face_id": list("abcdef"), "seen_at": [NOON] * 6, "group": [0, 1, 0, 2, 1, 0]})
    assert person_ids.person_ids(seen[order]).equals(person_ids.person_ids(seen))


def test_ids_are_short_typable_and_apart() -> None:
    made = {short_id("p", str(number)) for number in range(20000)}
    assert len(made) == 20000
    assert all(len(text) == 11 and text.isalnum() and text.islower() for text in made)


@given(st.lists(st.tuples(st.sampled_from("vw"), st.lists(st.integers(0, 6), max_size=4, unique=True)), max_size=8))
def test_tracks_that_share_a_moment_are_two_people(tracks: list[tuple[str, list[int]]]) -> None:
    schema = {"video_id": pl.String, "frame_pts": pl.List(pl.Int64)}
    pairs = person_ids.cannot_links(pl.DataFrame(tracks, schema=schema, orient="row"))
    slow = [
        (a, b)
        for a in range(len(tracks))
        for b in range(a + 1, len(tracks))
        if tracks[a][0] == tracks[b][0] and set(tracks[a][1]) & set(tracks[b][1])
    ]
    assert [tuple(pair) for pair in pairs.tolist()] == slow


def test_similarity_is_to_the_other_faces_of_the_person() -> None:
    vectors = np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)
    group = np.array([0, 0, 1])
    found = person_ids.own_similarity(vectors, group, person_ids.gallery(vectors, group))
    assert found.tolist() == pytest.approx([0.6, 0.6, 1.0])


def test_the_runner_up_is_the_nearest_other_person() -> None:
    similarity = np.array([[0.9, 0.4], [0.8, 0.7], [0.5, 0.1]], np.float32)
    neighbour = np.array([[0, 1], [1, 0], [0, -1]])
    who, cosine = person_ids.runner_up(similarity, neighbour, np.array([0, 0, 0]))
    assert who.tolist() == [1, 1, -1]
    assert cosine[:2].tolist() == pytest.approx([0.4, 0.8])
    assert np.isnan(cosine[2])


def test_a_lonely_person_has_no_runner_up() -> None:
    who, cosine = person_ids.runner_up(np.array([[1.0]], np.float32), np.array([[0]]), np.array([0]))
    assert who.tolist() == [-1]
    assert np.isnan(cosine).all()


def test_who_was_joined_leads_to_the_joint_person() -> None:
    assert person_ids.aliases(faces(a="p1", b="p2"), faces(a="p1", b="p1"), {}) == {"p2": "p1"}


def test_who_was_split_keeps_the_id_on_the_earliest_face_and_needs_no_alias() -> None:
    assert person_ids.aliases(faces(a="p1", b="p1"), faces(a="p1", b="p2"), {}) == {}


def test_the_heir_has_most_of_the_faces() -> None:
    assert person_ids.aliases(faces(a="p1", b="p1", c="p1"), faces(a="p0", b="p2", c="p2"), {}) == {"p1": "p2"}


def test_aliases_follow_their_person_and_end_when_the_id_is_used_again() -> None:
    assert person_ids.aliases(faces(a="p1"), faces(a="p0"), {"p9": "p1"}) == {"p1": "p0", "p9": "p0"}
    assert person_ids.aliases(faces(a="p0"), faces(a="p1"), {"p1": "p0"}) == {"p0": "p1"}


def test_an_alias_of_somebody_who_is_gone_is_dropped() -> None:
    assert person_ids.aliases(faces(a="p1"), faces(b="p2"), {"p9": "p1"}) == {}


def test_churn_counts_faces_that_changed_their_person() -> None:
    assert person_ids.churn(faces(a="p1", b="p2", c="p3"), faces(a="p1", b="p1", d="p4")) == 1
