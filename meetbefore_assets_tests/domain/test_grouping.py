"""Tracks become persons: the same whatever the order, links honoured."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetbefore_assets.domain.grouping import GroupingPolicy, canonical, group_tracks
from meetbefore_assets.errors import MeetbeforeError

NONE = np.empty((0, 2), dtype=np.int64)


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def at(*degrees):
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def group(vectors, threshold=0.5, cannot=NONE, must=NONE):
    quality = np.ones(len(vectors), dtype=np.float32)
    cannot, must = (np.asarray(pairs, dtype=np.int64).reshape(-1, 2) for pairs in (cannot, must))
    return group_tracks(vectors, quality, cannot, must, GroupingPolicy(threshold)).tolist()


def slow_average(vectors, threshold, cannot):
    """Join the best pair of groups again and again; mean over all pairs, recomputed each time."""
    groups = [[i] for i in range(len(vectors))]
    cosine = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    apart = {tuple(pair) for pair in cannot} | {tuple(pair[::-1]) for pair in cannot}
    while True:
        scored = [
            (cosine[np.ix_(a, b)].mean(), i, j)
            for i, a in enumerate(groups)
            for j, b in enumerate(groups)
            if i < j and not any((p, q) in apart for p in a for q in b)
        ]
        best = max(scored, default=(-2.0, 0, 0))
        if best[0] < threshold:
            labels = np.empty(len(vectors), dtype=np.int64)
            for label, rows in enumerate(groups):
                labels[rows] = label
            return canonical(labels).tolist()
        groups[best[1]] += groups.pop(best[2])


def test_nothing_makes_nobody():
    assert group(np.empty((0, 2), np.float32)) == []


def test_a_single_track_is_a_person():
    assert group(at(0)) == [0]


@pytest.mark.parametrize(("threshold", "persons"), [(0.49, 1), (0.51, 2)])
def test_two_tracks_are_one_person_from_the_threshold_on(threshold, persons):
    assert len(set(group(at(0, 60), threshold))) == persons


def test_persons_are_numbered_by_their_smallest_row():
    assert group(at(90, 0, 91, 1)) == [0, 1, 0, 1]


def test_a_chain_of_likenesses_is_not_one_person():
    assert len(set(group(at(0, 38, 80, 118), threshold=0.7))) == 2


def test_identical_tracks_that_cannot_be_one_person_stay_apart():
    assert group(at(0, 0), cannot=[(0, 1)]) == [0, 1]


def test_a_cannot_link_holds_through_those_in_between():
    labels = group(at(0, 1, 2), cannot=[(0, 2)])
    assert labels[0] != labels[2]


def test_a_must_link_joins_what_is_unlike():
    assert group(at(0, 180, 90), must=[(0, 1)]) == [0, 0, 1]


def test_contradictory_links_are_refused_naming_the_tracks():
    with pytest.raises(MeetbeforeError, match="tracks 0 and 2"):
        group(at(0, 1, 2), must=[(0, 1), (1, 2)], cannot=[(2, 0)])


def test_a_track_cannot_differ_from_itself():
    with pytest.raises(MeetbeforeError):
        group(at(0), cannot=[(0, 0)])


@st.composite
def archives(draw):
    count = draw(st.integers(2, 16))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    people = unit(rng.normal(size=(draw(st.integers(1, 5)), 6)))
    vectors = unit(people[rng.integers(len(people), size=count)] + draw(st.sampled_from([0.1, 0.4, 0.8])) * rng.normal(size=(count, 6)))
    pairs = np.array([(i, j) for i in range(count) for j in range(i)], dtype=np.int64)
    chosen = pairs[rng.permutation(len(pairs))[: draw(st.integers(0, 4))]]
    half = draw(st.integers(0, len(chosen)))
    return vectors, chosen[:half], chosen[half:], rng.permutation(count), draw(st.sampled_from([0.2, 0.4, 0.6]))


@settings(max_examples=100, deadline=None)
@given(archives())
def test_equals_joining_the_best_pair_again_and_again(archive):
    vectors, cannot, _, _, threshold = archive
    assert group(vectors, threshold, cannot) == slow_average(vectors, threshold, cannot.tolist())


@settings(max_examples=100, deadline=None)
@given(archives())
def test_rows_in_another_order_are_the_same_people_and_links_hold(archive):
    vectors, cannot, must, order, threshold = archive
    try:
        labels = np.array(group(vectors, threshold, cannot, must))
    except MeetbeforeError:
        place = np.argsort(order)
        with pytest.raises(MeetbeforeError):
            group(vectors[order], threshold, place[cannot], place[must])
        return
    assert (labels[cannot[:, 0]] != labels[cannot[:, 1]]).all()
    assert (labels[must[:, 0]] == labels[must[:, 1]]).all()
    place = np.argsort(order)
    moved = np.array(group(vectors[order], threshold, place[cannot], place[must]))
    assert canonical(moved[place]).tolist() == labels.tolist()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_many_equal_similarities_still_give_one_answer(seed):
    rng = np.random.default_rng(seed)
    vectors = np.eye(4, dtype=np.float32)[rng.integers(4, size=12)]
    order = rng.permutation(12)
    labels = np.array(group(vectors))
    assert canonical(np.array(group(vectors[order]))[np.argsort(order)]).tolist() == labels.tolist()
    assert len(set(labels.tolist())) == len(np.unique(vectors, axis=0))
