"""Which faces are those that were forgotten: by moment and box alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.home.record.suppression_match import Suppressions, boxes_at, iou, no_suppressions, shows_suppressed, suppressed_faces

Row = tuple[float, float, float, float, int]  # time_s, x of a box of 10 x 10, from_s, until_s, chain


def suppressions(*rows: Row) -> Suppressions:
    table = np.array(rows, float).reshape(-1, 5)
    return Suppressions(table[:, 0], boxes(*table[:, 1]), table[:, 2], table[:, 3], table[:, 4].astype(np.int64), "v")


def boxes(*left: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array([[x, 0, x + 10, 10] for x in left], np.float32).reshape(-1, 4)


def dropped(times: list[float], left: list[float], *rows: Row) -> list[bool]:
    return suppressed_faces(np.array(times), boxes(*left), suppressions(*rows)).tolist()


def test_the_same_moment_and_place_is_dropped_and_nothing_else() -> None:
    assert dropped([1, 1, 2], [0, 50, 0], (1, 0, 0, 2, 0)) == [True, False, False]


def test_another_detector_draws_another_box() -> None:
    assert dropped([1, 1], [3, 8], (1, 0, 0, 2, 0)) == [True, False]


def test_a_grave_takes_one_face_of_a_moment_the_one_it_fits_best() -> None:
    assert dropped([1, 1], [4, 1], (1, 0, 0, 2, 0)) == [False, True]


def test_two_graves_of_a_moment_take_two_faces() -> None:
    assert dropped([1, 1], [2, 0], (1, 0, 0, 2, 0), (1, 2, 0, 2, 1)) == [True, True]


def test_between_two_moments_in_a_row_the_box_moves_evenly() -> None:
    where, is_known = boxes_at(1.25, suppressions((1, 0, 0, 2, 0), (2, 40, 1, 3, 0)))
    assert where.tolist() == [[10, 0, 20, 10]]
    assert is_known.tolist() == [False]
    assert dropped([1.5, 1.5], [20, 60], (1, 0, 0, 2, 0), (2, 40, 1, 3, 0)) == [True, False]


def test_where_the_person_was_looked_for_and_not_seen_nobody_is_dropped() -> None:
    assert dropped([1, 2, 3], [0, 0, 0], (1, 0, 0, 2, 0), (3, 0, 2, 4, 0)) == [True, False, True]
    assert dropped([2.5, 1.5], [0, 0], (1, 0, 0, 2, 0), (3, 0, 2, 4, 0)) == [True, True]


def test_beyond_the_ends_the_person_stays_a_second_at_most() -> None:
    assert dropped([10.9, 11.1, 9.5, 8.9], [0, 0, 0, 0], (10, 0, 0, 60, 0)) == [True, False, True, False]


def test_nothing_is_dropped_without_graves_or_faces() -> None:
    assert suppressed_faces(np.array([1.0]), boxes(0), no_suppressions()).tolist() == [False]
    assert suppressed_faces(np.zeros(0), boxes(), suppressions((1, 0, 0, 2, 0))).tolist() == []


def test_thumbnails_that_would_show_the_person_are_told() -> None:
    shown = shows_suppressed(np.array([1.0, 1.0, 2.0]), boxes(15, 40, 15), suppressions((1, 0, 0, 2, 0)))
    assert shown.tolist() == [True, False, False]


@pytest.mark.parametrize(("left", "expected"), [(0, 1.0), (5, 1 / 3), (10, 0.0), (20, 0.0)])
def test_overlap(left: float, expected: float) -> None:
    assert iou(boxes(0), boxes(left))[0, 0] == pytest.approx(expected)


def test_a_box_without_area_overlaps_nothing() -> None:
    flat = np.array([[3, 3, 3, 3]], np.float32)
    assert iou(flat, flat).tolist() == [[0.0]]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 8)), max_size=12, unique=True), st.data())
def test_looked_at_as_before_exactly_the_forgotten_faces_are_dropped(places: list[tuple[int, int]], data: st.DataObject) -> None:
    """At the sampling that was in force, all that is dropped is what was forgotten, however near the others are."""
    faces = [(float(time_s), 10.0 * x) for time_s, x in places]
    chosen = data.draw(st.sets(st.sampled_from(range(len(faces))))) if faces else set()
    rows = [(faces[i][0], faces[i][1], faces[i][0] - 1, faces[i][0] + 1, int(faces[i][1])) for i in sorted(chosen)]
    found = dropped([time_s for time_s, _ in faces], [x for _, x in faces], *rows)
    assert [i for i, is_dropped in enumerate(found) if is_dropped] == sorted(chosen)
