"""What a rule does to people, told by name."""

import pytest

from benchmarks.identity_report import bcubed_parts, difference, false_meetings, pieces, run_together

ANN, BOB = ["Ann"] * 6, ["Bob"] * 2
VIDEOS = ["v1", "v2", "v3", "v4", "v5", "v6", "v1", "v2"]


def test_the_largest_piece_counts_of_who_is_met_often() -> None:
    assert pieces(ANN + BOB, [1, 1, 1, 2, 2, 3, 4, 4], VIDEOS) == {"Ann": pytest.approx(0.5)}


def test_people_of_one_group_are_run_together_and_a_stray_face_is_not() -> None:
    assert run_together(ANN + BOB, [1] * 8) == [("Ann", "Bob")]
    assert run_together(["Ann"] * 12 + ["Bob"] * 12, [1] * 13 + [2] * 11) == []


def test_false_meetings_are_told_for_either_kind() -> None:
    kinds = {"Ann": "women", "Bob": "men"}
    rates = false_meetings(["Ann", "Ann", "Bob"], [1, 1, 1], ["v1", "v2", "v3"], kinds)
    assert rates == {"men": 1.0, "women": pytest.approx(2 / 3)}


def test_a_difference_comes_with_the_interval_of_drawing_people() -> None:
    person = [f"p{number}" for number in range(30) for _ in range(4)]
    torn, whole = list(range(120)), [number // 4 for number in range(120)]
    gain, low, high = difference([bcubed_parts(person, torn)], [bcubed_parts(person, whole)])
    assert low <= gain <= high
    assert gain == pytest.approx(1 - 0.4)
    assert difference([bcubed_parts(person, torn)], [bcubed_parts(person, torn)]) == (0, 0, 0)
