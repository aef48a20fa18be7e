import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meetbefore_assets.core.ports import PacketIndex
from meetbefore_assets.faces.sampling import plan_frames
from meetbefore_assets.recordings.timestamps import is_cut_short, seconds_since_first

MILLISECONDS = Fraction(1, 1000)


def index_of(pts: list[int], keyframes: set[int] | None = None, time_base: Fraction = MILLISECONDS) -> PacketIndex:
    """`keyframes` are pts; None: every picture is one."""
    flags = [keyframes is None or value in keyframes for value in pts]
    return PacketIndex(np.array(pts, np.int64), np.array(flags, bool), time_base)


def obvious_plan(index: PacketIndex, interval_s: float, tolerance_s: float) -> list[int]:
    times = [float(pts - index.pts[0]) * index.time_base.numerator / index.time_base.denominator for pts in index.pts]
    chosen: list[int] = []
    number = 0
    while times and number * interval_s <= times[-1] + 1e-9:
        wanted = number * interval_s
        number += 1
        best, best_key = None, None
        for i, moment in enumerate(times):
            if best is None or abs(moment - wanted) < abs(times[best] - wanted) - 1e-9:
                best = i
            if index.is_keyframe[i] and (best_key is None or abs(moment - wanted) < abs(times[best_key] - wanted) - 1e-9):
                best_key = i
        if best_key is not None and abs(times[best_key] - wanted) <= tolerance_s + 1e-9:
            best = best_key
        assert best is not None
        if abs(times[best] - wanted) <= interval_s / 2 + 1e-9 and best not in chosen:
            chosen.append(best)
    return [int(index.pts[i]) for i in chosen]


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(1, 3000), st.booleans()), max_size=60),
    start=st.integers(-5000, 100_000),
    interval_ms=st.integers(20, 4000),
    tolerance_share=st.sampled_from([0.0, 0.1, 0.25, 0.5]),
)
@example(steps=[(500, True), (500, False), (1000, True)], start=0, interval_ms=1000, tolerance_share=0.5)
def test_plan_agrees_with_the_obvious_version(steps: list[tuple[int, bool]], start: int, interval_ms: int, tolerance_share: float) -> None:
    pts = (np.cumsum([step for step, _ in steps], dtype=np.int64) + start).tolist()
    index = index_of(pts, {value for value, (_, is_key) in zip(pts, steps, strict=True) if is_key})
    interval_s = interval_ms / 1000
    plan = plan_frames(index, interval_s, tolerance_share * interval_s)
    assert plan.pts.tolist() == obvious_plan(index, interval_s, tolerance_share * interval_s)
    assert (np.diff(plan.pts) > 0).all()
    places = np.searchsorted(index.pts, plan.pts)
    assert plan.is_keyframe.tolist() == index.is_keyframe[places].tolist()
    np.testing.assert_allclose(plan.time_s, (plan.pts - (pts[0] if pts else 0)) / 1000)


def test_no_picture_gives_an_empty_plan() -> None:
    plan = plan_frames(index_of([]), 1.0, 0.25)
    assert (len(plan.pts), len(plan.time_s), len(plan.is_keyframe)) == (0, 0, 0)
    assert (plan.pts.dtype, plan.time_s.dtype, plan.is_keyframe.dtype) == (np.int64, np.float64, np.bool_)


def test_one_picture_is_one_moment_at_time_0() -> None:
    plan = plan_frames(index_of([-777], set()), 1.0, 0.25)
    assert (plan.pts.tolist(), plan.time_s.tolist(), plan.is_keyframe.tolist()) == ([-777], [0.0], [False])


@pytest.mark.parametrize("start", [-12_345, 0, 10_214, 2**40])
def test_times_count_from_the_first_picture_wherever_the_stream_starts(start: int) -> None:
    plan = plan_frames(index_of([start + 40 * i for i in range(251)]), 1.0, 0.25)
    assert plan.time_s.tolist() == list(map(float, range(11)))
    assert plan.pts[0] == start


def test_the_nearest_keyframe_within_tolerance_is_preferred_to_the_nearest_picture() -> None:
    pts = list(range(0, 4000, 40))
    plan = plan_frames(index_of(pts, {0, 1200, 1960, 2720}), 1.0, 0.25)
    assert plan.pts.tolist() == [0, 1200, 1960, 3000]
    assert plan.is_keyframe.tolist() == [True, True, True, False]


def test_tolerance_is_inclusive_and_0_takes_only_keyframes_on_the_spot() -> None:
    pts = list(range(0, 3000, 50))
    assert plan_frames(index_of(pts, {0, 1250, 2300}), 1.0, 0.25).pts.tolist() == [0, 1250, 2000]
    assert plan_frames(index_of(pts, {0, 1250, 2000}), 1.0, 0.0).pts.tolist() == [0, 1000, 2000]


def test_moments_without_a_picture_within_half_an_interval_are_left_out() -> None:
    assert plan_frames(index_of([0, 1000, 1450, 7500, 8000]), 1.0, 0.25).pts.tolist() == [0, 1000, 7500, 8000]
    assert plan_frames(index_of([0, 1000, 1400, 7600, 9000]), 1.0, 0.25).pts.tolist() == [0, 1000, 7600, 9000]


def test_a_picture_between_two_wanted_moments_is_taken_once() -> None:
    assert plan_frames(index_of([0, 1500, 3000]), 1.0, 0.5).pts.tolist() == [0, 1500, 3000]


def test_an_interval_shorter_than_a_picture_takes_every_picture_once() -> None:
    pts = list(range(0, 1000, 40))
    assert plan_frames(index_of(pts), 0.02, 0.01).pts.tolist() == pts


def test_a_jump_of_years_in_the_time_stamps_costs_nothing() -> None:
    plan = plan_frames(index_of([0, 1000, 10**12, 10**12 + 1000]), 1.0, 0.25)
    assert plan.pts.tolist() == [0, 1000, 10**12, 10**12 + 1000]


@pytest.mark.parametrize("time_base", [Fraction(1, 90_000), Fraction(1001, 60_000), Fraction(1, 12_288)])
def test_time_bases_do_not_drift(time_base: Fraction) -> None:
    step = max(1, round(Fraction(1001, 60_000) / time_base))
    index = index_of([step * i for i in range(60_000)], set(), time_base)
    plan = plan_frames(index, 1.0, 0.25)
    assert np.abs(plan.time_s - np.round(plan.time_s)).max() <= float(step * time_base) / 2 + 1e-9
    assert len(plan.pts) == int(seconds_since_first(index)[-1]) + 1


def test_an_hour_of_60_pictures_a_second_takes_milliseconds_and_leaves_the_index_alone() -> None:
    pts = np.arange(216_000, dtype=np.int64) * 1500
    index = PacketIndex(pts.copy(), np.arange(216_000) % 60 == 0, Fraction(1, 90_000))
    began = time.process_time()
    plan = plan_frames(index, 1.0, 0.25)
    assert time.process_time() - began < 0.5
    assert len(plan.pts) == 3600
    assert plan.is_keyframe.all()
    assert (index.pts == pts).all()


@pytest.mark.parametrize(("interval_s", "tolerance_s"), [(0.0, 0.0), (-1.0, 0.0), (1.0, -0.1), (float("nan"), 0.0)])
def test_impossible_settings_are_refused(interval_s: float, tolerance_s: float) -> None:
    with pytest.raises(ValueError, match="expected interval_s > 0"):
        plan_frames(index_of([0]), interval_s, tolerance_s)


@pytest.mark.parametrize(
    ("end_s", "promised_s", "longest_gap_s", "expected"),
    [
        (22.3, 40.0, 0.04, True),
        (38.5, 40.0, 0.04, False),
        (38.4, 40.0, 0.04, True),
        (3590.0, 3600.0, 0.04, False),
        (3400.0, 3600.0, 0.04, True),
        (30.0, 40.0, 12.0, False),
        (10.0, 0.0, 0.04, False),
        (10.0, 9.0, 0.04, False),
    ],
)
def test_cut_short_means_more_is_missing_than_containers_are_wrong_by(
    end_s: float, promised_s: float, longest_gap_s: float, expected: bool
) -> None:
    assert is_cut_short(end_s, promised_s, longest_gap_s) is expected
