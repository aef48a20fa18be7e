"""Meetings against a slow obvious version, and what one grouping looks like from another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.review.meeting_changes import difference, meetings


def slow_meetings(spans: list[tuple[float, float]], labels: list[int], gap_s: float) -> int:
    """Number of times a person's encounters follow one another."""
    total = 0
    for who in set(labels):
        mine = sorted(span for span, label in zip(spans, labels, strict=True) if label == who)
        ends = mine[0][1]
        for first, last in mine[1:]:
            total += first - ends > gap_s
            ends = max(ends, last)
    return total


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 20), st.integers(0, 3)), min_size=1, max_size=20), st.integers(0, 30))
def test_meetings_are_those_of_the_slow_version(tracks: list[tuple[int, int, int]], gap_s: int) -> None:
    spans = [(float(first), float(first + length)) for first, length, _ in tracks]
    labels = [who for _, _, who in tracks]
    found = meetings(np.array([span[0] for span in spans]), np.array([span[1] for span in spans]), np.array(labels), gap_s)
    assert len(found) == slow_meetings(spans, labels, gap_s)
    assert all(labels[a] == labels[b] and spans[b][0] - spans[a][1] > gap_s for a, b in found)


TIMES = np.array([0.0, 100.0, 200.0])


def test_the_same_grouping_gains_and_loses_nothing() -> None:
    labels = np.array([0, 0, 1])
    same = difference(TIMES, TIMES, labels, labels, 10)
    assert (same.people, same.met_again, len(same.gained), len(same.lost)) == (2, 1, 0, 0)
    assert same.largest_share == pytest.approx(2 / 3)


def test_joining_gains_and_splitting_loses_meetings() -> None:
    apart, joined = np.array([0, 1, 2]), np.array([0, 0, 1])
    assert difference(TIMES, TIMES, apart, joined, 10).gained.tolist() == [[0, 1]]
    assert difference(TIMES, TIMES, joined, apart, 10).lost.tolist() == [[0, 1]]


def test_no_tracks_at_all() -> None:
    none = np.zeros(0, np.int64)
    empty = difference(np.zeros(0), np.zeros(0), none, none, 10)
    assert (empty.people, empty.met_again, empty.largest_share) == (0, 0, 0.0)
