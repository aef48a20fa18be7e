"""The arithmetic behind docs/scale.md: doubling what there is doubles what is linear, and parts add up."""

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scale_arithmetic import EXACT_AT_ONCE, Footage, Units, counted, hours_until, lost, threshold, totals

POSITIVE = st.floats(1e-6, 1e6)


@st.composite
def some_units(draw: st.DrawFn) -> Units:
    by_size = {"decode_s", "detect_s"}
    values = {f.name: {"1080p": draw(POSITIVE), "4K": draw(POSITIVE)} if f.name in by_size else draw(POSITIVE) for f in fields(Units)}
    return Units(**values)  # type: ignore[arg-type]


@st.composite
def some_footage(draw: st.DrawFn) -> Footage:
    size = draw(st.sampled_from(["1080p", "4K"]))
    return Footage(draw(st.floats(0.1, 1e6)), size, *(draw(st.floats(0.5, 60)) for _ in range(5)))


ONES = Units(
    **{f.name: {"1080p": 1.0, "4K": 10.0} if f.name in ("decode_s", "detect_s") else 1.0 for f in fields(Units)}  # type: ignore[arg-type]
)


def test_an_hour_is_counted_as_one_would_by_hand() -> None:
    n = counted(Footage(1, minutes=10, faces=0.5, faces_in_track=4))
    assert (n.videos, n.moments, n.faces, n.tracks, n.partitions) == (6, 3600, 1800, 450, 6)


def test_an_hour_costs_what_one_would_add_up_by_hand() -> None:
    found = totals(ONES, Footage(1))
    assert found.cpu_s == {"open and plan": 6, "decode": 3600, "detect": 3600, "faces": 3600, "embed": 1800, "Dagster": 6}
    assert found.one_match_s == 450 + 450 + 3 * 1800
    assert found.compare_s == 450 * 450 / 2 == found.compare_at_once_s
    assert found.disk_bytes["record"] == 6 + 3600 + 1800
    assert found.disk() == 5406 + 450 + 450 + 1800 + 1800 + 12
    assert found.match_memory_bytes == 451
    assert (found.requests, found.one_match_requests, found.dagster_rows) == (6, 1 + 6, 6)


@given(some_units(), some_footage())
def test_twice_the_hours_cost_twice_as_much_and_four_times_the_comparisons(units: Units, footage: Footage) -> None:
    once, twice = totals(units, footage), totals(units, replace(footage, hours=2 * footage.hours))
    for name in ("cpu_s", "disk_bytes"):
        for part, value in getattr(once, name).items():
            assert getattr(twice, name)[part] == pytest.approx(2 * value)
    for name in ("one_match_s", "requests", "dagster_rows", "list_s", "keys_s"):
        assert getattr(twice, name) == pytest.approx(2 * getattr(once, name))
    grown_requests = twice.one_match_requests - once.one_match_requests
    assert grown_requests == pytest.approx(
        once.one_match_requests - units.match_base_requests, rel=1e-3, abs=1e-3 * units.match_base_requests
    )
    assert twice.compare_s == pytest.approx(4 * once.compare_s)
    grown = twice.match_memory_bytes - once.match_memory_bytes
    assert grown == pytest.approx(once.match_memory_bytes - units.match_base_bytes, rel=1e-3, abs=1e-3 * units.match_base_bytes)


@given(some_units(), some_footage())
def test_parts_add_up(units: Units, footage: Footage) -> None:
    found = totals(units, footage)
    assert found.videos_cpu_s() == pytest.approx(math.fsum(found.cpu_s.values()))
    assert found.disk() == pytest.approx(math.fsum(found.disk_bytes.values()))
    assert all(value > 0 for value in (*found.cpu_s.values(), *found.disk_bytes.values()))


@given(some_units(), some_footage(), st.integers(1, 64))
def test_more_cores_are_never_slower_and_what_is_done_by_one_stays(units: Units, footage: Footage, cores: int) -> None:
    found = totals(units, footage)
    assert found.wall_s(2 * cores) <= found.wall_s(cores)
    assert found.wall_s(cores) >= found.one_match_s
    assert found.wall_s(1) == pytest.approx(found.videos_cpu_s() + min(found.compare_s, found.compare_at_once_s) + found.one_match_s)


@given(some_units(), some_footage(), st.integers(2, 100))
def test_larger_partitions_cost_dagster_less_and_nothing_else(units: Units, footage: Footage, videos: int) -> None:
    each, grouped = totals(units, replace(footage, videos_in_partition=1)), totals(units, replace(footage, videos_in_partition=videos))
    assert grouped.counts.partitions == pytest.approx(each.counts.partitions / videos)
    assert grouped.dagster_rows == pytest.approx(each.dagster_rows / videos)
    assert {part: value for part, value in grouped.cpu_s.items() if part != "Dagster"} == {
        part: value for part, value in each.cpu_s.items() if part != "Dagster"
    }
    assert grouped.counts.tracks == each.counts.tracks


def test_many_tracks_at_once_are_compared_through_cells() -> None:
    def tracks(count: float) -> float:
        return totals(ONES, Footage(count / 450)).compare_at_once_s

    assert tracks(EXACT_AT_ONCE - 1) == pytest.approx((EXACT_AT_ONCE - 1) ** 2 / 2)
    assert tracks(EXACT_AT_ONCE * 2) == pytest.approx((EXACT_AT_ONCE * 2) ** 2 / 64)


@given(some_units(), st.floats(10, 1e6))
def test_a_limit_is_reached_where_it_is_passed_first(units: Units, limit: float) -> None:
    footage = Footage(1)
    hours = hours_until(units, footage, lambda found: found.counts.partitions > limit)
    assert hours == pytest.approx(limit / 6, rel=0.011)
    assert hours_until(units, footage, lambda found: found.counts.partitions > 1e12) == math.inf


@pytest.mark.parametrize(("tracks", "expected"), [(1, 0.40), (1_000, 0.40), (100_000, 0.49), (1_000_000, 0.53)])
def test_thresholds_are_those_that_large_archives_were_measured_to_ask_for(tracks: int, expected: float) -> None:
    assert threshold(tracks) == pytest.approx(expected, abs=0.01)


@given(st.floats(1, 1e9))
def test_more_tracks_never_lower_the_threshold_and_a_higher_one_never_loses_less(tracks: float) -> None:
    assert threshold(tracks) <= threshold(2 * tracks)
    assert 0 <= lost(threshold(tracks)) <= lost(threshold(2 * tracks)) <= 1
