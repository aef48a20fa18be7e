"""When a threshold sits on the cliff."""

import pytest

from meetbefore_assets.identities.threshold_survival import cliff_below


def test_a_plain_is_no_cliff() -> None:
    assert cliff_below(0.4, [(0.38, 0.05), (0.39, 0.05), (0.4, 0.05), (0.41, 0.04)]) is None


def test_a_jump_just_below_is_one() -> None:
    assert cliff_below(0.4, [(0.38, 0.4), (0.39, 0.2), (0.4, 0.05)]) == (0.39, 0.2)


def test_a_jump_far_below_or_above_is_none_of_ours() -> None:
    assert cliff_below(0.4, [(0.34, 0.4), (0.36, 0.05), (0.4, 0.05)]) is None
    assert cliff_below(0.4, [(0.4, 0.05), (0.42, 0.01)]) is None


def test_growing_bit_by_bit_is_no_jump() -> None:
    assert cliff_below(0.4, [(0.37, 0.12), (0.38, 0.09), (0.39, 0.07), (0.4, 0.05)]) is None


def test_small_groups_may_double() -> None:
    assert cliff_below(0.4, [(0.39, 0.02), (0.4, 0.01)]) is None


@pytest.mark.parametrize("tried", [[], [(0.4, 0.1)], [(0.5, 0.1)]])
def test_nothing_can_be_said_of_nothing(tried: list[tuple[float, float]]) -> None:
    assert cliff_below(0.4, tried) is None
