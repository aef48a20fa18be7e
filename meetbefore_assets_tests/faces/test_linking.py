"""Faces of one video become tracks: by embedding and time, one face a picture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from meetbefore_assets.faces.linking import TrackPolicy, _undisputed, link_faces, mean_vectors

POLICY = TrackPolicy(max_gap_s=3.0, min_similarity=0.4)
ANNA, BERT = np.eye(4, dtype=np.float32)[:2]


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def link(seconds, vectors, policy=POLICY):
    seconds = np.asarray(seconds, dtype=np.float64)
    boxes = np.tile(np.float32([0, 0, 50, 60]), (len(seconds), 1))
    boxes[:, 0] = np.arange(len(seconds))
    quality = np.full(len(seconds), 0.5, dtype=np.float32)
    return link_faces((seconds * 1000).astype(np.int64), seconds, boxes, np.asarray(vectors, dtype=np.float32), quality, policy)


def test_no_faces_make_no_tracks():
    assert link([], np.empty((0, 4))).tolist() == []


def test_one_person_seen_every_second_is_one_track():
    assert link([0, 1, 2, 3], [ANNA] * 4).tolist() == [0, 0, 0, 0]


def test_two_people_side_by_side_are_two_tracks_numbered_by_first_appearance():
    assert link([1, 0, 1, 2], [BERT, ANNA, ANNA, BERT]).tolist() == [1, 0, 0, 1]


def test_two_equal_faces_of_one_picture_are_never_one_track():
    assert len(set(link([5, 5], [ANNA, ANNA]).tolist())) == 2


@pytest.mark.parametrize(("gap_s", "tracks"), [(3.0, 1), (3.001, 2)])
def test_an_absence_ends_a_track_only_beyond_the_gap(gap_s, tracks):
    assert len(set(link([0, gap_s], [ANNA, ANNA]).tolist())) == tracks


@pytest.mark.parametrize(("cosine", "tracks"), [(0.41, 1), (0.39, 2)])
def test_faces_join_from_the_threshold_on(cosine, tracks):
    other = np.float32([cosine, np.sqrt(1 - cosine**2), 0, 0])
    assert len(set(link([0, 1], [ANNA, other]).tolist())) == tracks


def test_when_two_faces_want_one_track_the_more_similar_one_gets_it():
    near, nearer = unit([[0.7, 0.714, 0, 0], [0.9, 0.436, 0, 0]])
    labels = link([0, 1, 1], [ANNA, near, nearer])
    assert labels[2] == labels[0] != labels[1]


def test_a_turning_head_is_followed():
    angles = np.deg2rad(np.arange(0, 180, 20))
    turning = np.stack([np.cos(angles), np.sin(angles), 0 * angles, 0 * angles], axis=1)
    assert set(link(np.arange(len(angles)), turning).tolist()) == {0}


@st.composite
def videos(draw):
    count = draw(st.integers(1, 25))
    seconds = np.array(draw(st.lists(st.integers(0, 8), min_size=count, max_size=count)), dtype=np.float64)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    people = unit(rng.normal(size=(3, 8)))
    vectors = unit(people[rng.integers(3, size=count)] + 0.3 * rng.normal(size=(count, 8)))
    return seconds, vectors, rng.permutation(count)


@settings(max_examples=60, deadline=None)
@given(videos())
def test_tracks_hold_one_face_a_picture_no_long_gap_and_do_not_depend_on_the_order_of_rows(video):
    seconds, vectors, order = video
    boxes = np.arange(4 * len(seconds), dtype=np.float32).reshape(-1, 4)
    quality = np.linspace(0, 1, len(seconds), dtype=np.float32)
    pts = seconds.astype(np.int64)
    before = vectors.copy()
    labels = link_faces(pts, seconds, boxes, vectors, quality, POLICY)
    assert (vectors == before).all()
    assert sorted(set(labels.tolist())) == list(range(labels.max() + 1))
    starts = [seconds[labels == label].min() for label in range(labels.max() + 1)]
    assert starts == sorted(starts)
    for label in range(labels.max() + 1):
        times = np.sort(seconds[labels == label])
        assert (np.diff(times) > 0).all()
        assert (np.diff(times) <= POLICY.max_gap_s).all()
    moved = link_faces(pts[order], seconds[order], boxes[order], vectors[order], quality[order], POLICY)
    assert moved.tolist() == labels[order].tolist()


def test_mean_leans_to_the_better_face_and_has_unit_length():
    vectors = np.stack([ANNA, BERT, BERT])
    means, quality = mean_vectors(vectors, np.float32([0.9, 0.1, 0.4]), np.array([0, 0, 1]))
    assert means[0] @ ANNA > means[0] @ BERT > 0
    assert np.linalg.norm(means, axis=1) == pytest.approx([1, 1], abs=1e-6)
    assert quality.tolist() == pytest.approx([0.9, 0.4])
    assert means.dtype == quality.dtype == np.float32


def test_faces_without_any_quality_still_have_a_mean():
    means, _ = mean_vectors(np.stack([ANNA, ANNA]), np.zeros(2, dtype=np.float32), np.zeros(2, dtype=np.int64))
    assert means[0] == pytest.approx(ANNA)


def test_mean_of_nothing_is_nothing():
    means, quality = mean_vectors(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))
    assert means.shape == (0, 4)
    assert quality.shape == (0,)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1), st.sampled_from([0.2, 0.4, 0.7]))
def test_what_is_plain_is_what_the_solver_finds(rows, columns, seed, share):
    rng = np.random.default_rng(seed)
    gain = np.where(rng.random((rows, columns)) < share, rng.choice([0.1, 0.2, 0.3, 0.45], (rows, columns)), 0.0)
    found = _undisputed(gain)
    if found is not None:
        best = {(i, j) for i, j in zip(*linear_sum_assignment(gain, maximize=True), strict=True) if gain[i, j] > 0}
        assert set(found) == best
        assert len(found) == len(best)


def test_faces_that_contend_for_tracks_are_left_to_the_solver():
    assert _undisputed(np.array([[0.3, 0.2], [0.25, 0.0]])) is None
    assert _undisputed(np.array([[0.3, 0.3]])) is None
    assert _undisputed(np.array([[0.3, 0.2, 0.0], [0.0, 0.0, 0.4]])) == [(0, 0), (1, 2)]
    assert _undisputed(np.array([[0.1], [0.3]])) == [(1, 0)]
    assert _undisputed(np.zeros((2, 3))) == []
