"""Tracks become persons: the same whatever the order, links honoured."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.identities.edges import all_edges
from meetbefore_assets.identities.grouping import canonical_labels, group_tracks
from meetbefore_assets.identities.simple_linkage import SimplePolicy, similarity_penalty

NONE = np.empty((0, 2), dtype=np.int64)


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def at(*degrees):
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def group(vectors, threshold=0.5, cannot=NONE, must=NONE, **policy):
    """Both ways: every two rows compared, and from edges that were found before. They must agree."""
    quality = np.ones(len(vectors), dtype=np.float32)
    cannot, must = (np.asarray(pairs, dtype=np.int64).reshape(-1, 2) for pairs in (cannot, must))
    wanted = SimplePolicy(threshold, **policy)
    edges = all_edges(vectors, -1.1)
    from_edges = group_tracks(vectors, quality, cannot, must, wanted, edges.above).tolist()
    assert group_tracks(vectors, quality, cannot, must, wanted).tolist() == from_edges
    return from_edges


def likeness(cosine, a, b, share, apart):
    if any((p, q) in apart for p in a for q in b):
        return -2.0
    block = cosine[np.ix_(a, b)]
    return share * block.max() + (1 - share) * block.mean()


def as_labels(groups):
    labels = np.empty(sum(map(len, groups)), dtype=np.int64)
    for label, rows in enumerate(groups):
        labels[rows] = label
    return canonical_labels(labels).tolist()


def penalties(vectors, threshold):
    return similarity_penalty(vectors, all_edges(vectors, threshold), threshold)


def corrected(vectors, threshold):
    penalty = penalties(vectors, threshold)
    return vectors.astype(np.float64) @ vectors.T - penalty[:, None] - penalty[None, :]


def both_ways(cannot):
    return {tuple(pair) for pair in cannot} | {tuple(pair[::-1]) for pair in cannot}


def slow_average(vectors, threshold, cannot):
    """Join the best pair of groups again and again; mean over all pairs, recomputed each time."""
    cosine, apart = corrected(vectors, threshold), both_ways(cannot)
    groups = [[i] for i in range(len(vectors))]
    while True:
        pairs = [(i, j) for i in range(len(groups)) for j in range(i + 1, len(groups))]
        scored = [(likeness(cosine, groups[i], groups[j], 0.0, apart), i, j) for i, j in pairs]
        best = max(scored, default=(-2.0, 0, 0))
        if best[0] < threshold:
            return as_labels(groups)
        groups[best[1]] += groups.pop(best[2])


def slow_rounds(vectors, threshold, cannot, share):
    """Join all groups that are each other's best, in rounds; similarities recomputed each time."""
    cosine, apart = corrected(vectors, threshold), both_ways(cannot)
    groups = [[i] for i in range(len(vectors))]
    while True:
        best = {}
        for i, a in enumerate(groups):
            scored = [(likeness(cosine, a, b, share, apart), j) for j, b in enumerate(groups) if i != j]
            top = max(scored, default=(-2.0, i))
            if top[0] >= threshold:
                best[i] = top[1]
        joined = [(i, j) for i, j in best.items() if i < j and best.get(j) == i]
        if not joined:
            return as_labels(groups)
        gone = {j for _, j in joined}
        for i, j in joined:
            groups[i] += groups[j]
        groups = [rows for i, rows in enumerate(groups) if i not in gone]


def test_nothing_makes_nobody():
    assert group(np.empty((0, 2), np.float32)) == []


def test_a_single_track_is_a_person():
    assert group(at(0)) == [0]


@pytest.mark.parametrize(("threshold", "persons"), [(0.49, 1), (0.51, 2)])
def test_two_tracks_are_one_person_from_the_threshold_on(threshold, persons):
    assert len(set(group(at(0, 60), threshold, correction=0.0))) == persons


@pytest.mark.parametrize(("share", "persons"), [(0.0, 2), (0.5, 1)])
def test_the_most_similar_pair_counts_by_its_share(share, persons):
    assert len(set(group(at(0, 20, 70), threshold=0.55, nearest_share=share, correction=0.0))) == persons


def crowd(people=60, common=0.25, seed=3):
    """Strangers, and one track that is mostly what all have in common."""
    rng = np.random.default_rng(seed)
    shared = np.eye(128)[0]
    vectors = unit(np.sqrt(common) * shared + np.sqrt(1 - common) * unit(rng.normal(size=(people, 128))))
    return np.concatenate([vectors, unit(shared[None] + 0.2 * vectors[:1])])


def test_a_track_that_is_like_everybody_is_taken_down_and_others_keep_their_scale():
    vectors = crowd()
    penalty = penalties(vectors, threshold=0.5)
    assert penalty[-1] > penalty[:-1].max()
    assert abs(penalty[:-1].mean()) < 0.02


def test_a_track_that_is_like_everybody_does_not_bridge_strangers():
    vectors = crowd()
    assert len(set(group(vectors, threshold=0.5, nearest_share=1.0, correction=0.0))) < 30
    assert len(set(group(vectors, threshold=0.5))) > 57


def test_somebody_seen_all_the_time_is_not_taken_for_everybody():
    rng = np.random.default_rng(2)
    companion = unit(np.eye(64)[:1] + 0.05 * rng.normal(size=(200, 64)))
    strangers = unit(rng.normal(size=(50, 64)))
    penalty = penalties(np.concatenate([companion, strangers]), threshold=0.5)
    assert np.abs(penalty[:200]).max() < 0.05


def test_of_two_tracks_nothing_is_taken_off_that_would_part_them():
    vectors = at(0, 30)
    assert np.abs(penalties(vectors, 0.5)).max() < 0.03
    assert group(vectors) == [0, 0]


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
def test_without_the_nearest_pair_it_is_average_linkage(archive):
    vectors, cannot, _, _, threshold = archive
    assert group(vectors, threshold, cannot, nearest_share=0.0) == slow_average(vectors, threshold, cannot.tolist())


@settings(max_examples=100, deadline=None)
@given(archives(), st.sampled_from([0.25, 0.5, 1.0]))
def test_equals_rounds_with_everything_recomputed(archive, share):
    vectors, cannot, _, _, threshold = archive
    assert group(vectors, threshold, cannot, nearest_share=share) == slow_rounds(vectors, threshold, cannot.tolist(), share)


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
    assert canonical_labels(moved[place]).tolist() == labels.tolist()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_many_equal_similarities_still_give_one_answer(seed):
    rng = np.random.default_rng(seed)
    vectors = np.eye(4, dtype=np.float32)[rng.integers(4, size=12)]
    order = rng.permutation(12)
    labels = np.array(group(vectors))
    assert canonical_labels(np.array(group(vectors[order]))[np.argsort(order)]).tolist() == labels.tolist()
    assert len(set(labels.tolist())) == len(np.unique(vectors, axis=0))
