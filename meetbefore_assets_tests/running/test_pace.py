"""How fast a run is, in words."""

import pytest

from meetbefore_assets.running.pace import Pace, format_duration


def test_nothing_is_said_before_the_first_is_finished() -> None:
    pace = Pace(3, 100.0)
    assert pace.words(200.0) == ""
    assert pace.remaining_s(200.0) is None


def test_the_rest_is_expected_to_take_as_long_as_what_is_finished() -> None:
    pace = Pace(10, 100.0)
    pace.finished(600.0)
    pace.finished(300.0)
    assert pace.remaining_s(160.0) == pytest.approx(60 / 2 * 8)
    assert pace.words(160.0) == "120 videos an hour, 15.0 s of footage a second, about 4 min left"


def test_a_failed_video_counts_as_finished_and_adds_no_footage() -> None:
    pace = Pace(2, 0.0)
    pace.finished(0.0)
    assert pace.words(10.0) == "360 videos an hour, 0.0 s of footage a second, about 10 s left"


def test_at_the_end_nothing_is_left() -> None:
    pace = Pace(1, 0.0)
    pace.finished(60.0)
    assert pace.words(30.0) == "120 videos an hour, 2.0 s of footage a second"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "about 0 s"), (59.4, "about 59 s"), (59.5, "about 1 min"), (3569, "about 59 min"), (3570, "about 1 h"), (171_000, "about 2 days")],
)
def test_durations_are_said_in_one_unit(seconds: float, said: str) -> None:
    assert format_duration(seconds) == said
