"""More than chance: what the numbers are, and what they do when the archive changes."""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from benchmarks.chance_calibration import TOWNS, judged
from meetbefore_assets.encounters.chance_model import (
    TOO_LITTLE,
    FalseLinks,
    false_discovery_share,
    false_link_rate,
    more_than_chance,
    poisson_tail,
)

MONDAY = dt.date(2025, 3, 3)
SEEN = {"person_id": pl.String, "day": pl.Date, "hour": pl.Int64, "place": pl.String}
NO_LINKS = FalseLinks(0.0, pl.DataFrame(schema={"day": pl.Date, "tracks": pl.Int64}))


def seen(*rows: tuple[str, int], hour: int = 8) -> pl.DataFrame:
    return pl.DataFrame([(who, MONDAY + dt.timedelta(days=day), hour, None) for who, day in rows], schema=SEEN, orient="row")


def recorded(days: Sequence[int], hour: int = 8) -> pl.DataFrame:
    return seen(*(("", day) for day in days), hour=hour).drop("person_id")


def passers(days: Sequence[int], a_day: int = 10) -> list[tuple[str, int]]:
    """So many strangers a day, none twice."""
    return [(f"s{day}-{number}", day) for day in days for number in range(a_day)]


def row(table: pl.DataFrame, who: str) -> dict[str, object]:
    return table.filter(pl.col("person_id") == who).row(0, named=True)


def test_one_of_many_passers_by_met_on_four_days_is_more_than_chance() -> None:
    days = range(8)
    table = more_than_chance(seen(*passers(days), *(("ann", day) for day in (0, 2, 5, 7))), recorded(days), NO_LINKS)
    ann = row(table, "ann")
    assert table["person_id"][0] == "ann"
    assert ann["days"] == 4
    assert 1.0 <= float(str(ann["expected_by_chance"])) < 1.1
    assert float(str(ann["chance_q"])) < 0.01
    assert table.filter(pl.col("person_id") != "ann")["chance_p"].to_list() == [1.0] * 80


def test_where_everybody_is_met_every_day_nobody_is_remarkable() -> None:
    rows = [(f"p{number}", day) for day in range(8) for number in range(20)]
    table = more_than_chance(seen(*rows), recorded(range(8)), NO_LINKS)
    assert table["chance_q"].min() == 1.0 or float(str(table["chance_q"].min())) > 0.4
    assert table["expected_by_chance"].min() == pytest.approx(8.0, abs=0.01)


def test_the_expected_days_are_those_of_the_formula() -> None:
    """Eight days with ten strangers each and ann on two: by hand."""
    days = range(8)
    table = more_than_chance(seen(*passers(days), ("ann", 0), ("ann", 1)), recorded(days), NO_LINKS)
    around = 81 + 7 / 8 * 80 * 79 / 2
    mean = 82 / around
    expected = mean / (1 - np.exp(-mean))
    ann = row(table, "ann")
    assert ann["expected_coincidence"] == pytest.approx(expected)
    assert ann["chance_p"] == pytest.approx((1 - np.exp(-mean) * (1 + mean)) / (1 - np.exp(-mean)))


def test_too_little_says_so_and_gives_no_numbers() -> None:
    for days, a_day in ((range(3), 20), (range(8), 1)):
        table = more_than_chance(seen(*passers(days, a_day), ("ann", 0), ("ann", 1)), recorded(days), NO_LINKS)
        assert set(table["basis"]) == {TOO_LITTLE}
        assert table["chance_p"].null_count() == table.height
        assert row(table, "ann")["days"] == 2


def test_nobody_gives_an_empty_table() -> None:
    assert more_than_chance(seen(), recorded([]), NO_LINKS).height == 0


def test_days_on_which_nobody_was_seen_were_recorded_all_the_same() -> None:
    rows = seen(*passers(range(8)), ("ann", 0), ("ann", 1))
    few, many = (more_than_chance(rows, recorded(range(days)), NO_LINKS) for days in (8, 80))
    assert float(str(row(many, "ann")["chance_p"])) < float(str(row(few, "ann")["chance_p"]))


def test_false_links_explain_days() -> None:
    rows = seen(*passers(range(8)), ("ann", 0), ("ann", 1))
    tracks = pl.DataFrame({"day": [MONDAY + dt.timedelta(days=day) for day in range(8)], "tracks": [10] * 8})
    ps = []
    for rate in (0.0, 0.001, 0.01):
        ann = row(more_than_chance(rows, recorded(range(8)), FalseLinks(rate, tracks)), "ann")
        assert ann["expected_false"] == pytest.approx(60 * rate)
        ps.append(float(str(ann["chance_p"])))
    assert ps == sorted(ps)
    assert ps[2] > 5 * ps[0]


def test_whoever_keeps_to_an_hour_is_compared_with_that_hour_if_it_explains_more() -> None:
    """Few people are around at seven, hundreds at noon: to meet one of the few again is what chance does."""
    early = [(f"e{number}", day) for day in range(8) for number in range(20) if (number + day) % 2]
    table = pl.concat([seen(*early, hour=7), seen(*passers(range(8), 40), hour=12), seen(("ann", 0), ("ann", 3), hour=12)])
    both = pl.concat([recorded(range(8), 7), recorded(range(8), 12)])
    found = more_than_chance(table, both, NO_LINKS)
    assert row(found, "e1")["basis"] == "hour"
    assert row(found, "e1")["days"] == 4
    assert float(str(row(found, "e1")["chance_p"])) > 0.3
    assert float(str(row(found, "ann")["chance_p"])) < 0.05


def test_the_order_of_rows_and_repeated_rows_change_nothing() -> None:
    rows = seen(*passers(range(8)), ("ann", 0), ("ann", 1), ("bob", 3))
    expected = more_than_chance(rows, recorded(range(8)), NO_LINKS)
    shuffled = pl.concat([rows, rows]).sample(fraction=1, shuffle=True, seed=4)
    assert more_than_chance(shuffled, recorded([*range(8), 3, 3]).reverse(), NO_LINKS).equals(expected)


@given(st.integers(2, 12), st.floats(1e-6, 20), st.floats(0, 5))
@settings(max_examples=60, deadline=None)
def test_the_tail_is_that_of_drawn_numbers(days: int, coincidence: float, false: float) -> None:
    rng = np.random.default_rng(3)
    drawn = rng.poisson(coincidence, 60_000)
    total = drawn[drawn > 0] + rng.poisson(false, int((drawn > 0).sum()))
    if len(total) < 500:
        total = 1 + rng.poisson(false, 60_000)  # so rare that it is once or not at all
    assert poisson_tail(days, coincidence, false) == pytest.approx(float((total >= days).mean()), abs=0.06)


@given(st.integers(2, 10), st.floats(1e-3, 10), st.floats(0, 3))
def test_more_days_are_never_more_probable(days: int, coincidence: float, false: float) -> None:
    assert poisson_tail(days + 1, coincidence, false) <= poisson_tail(days, coincidence, false) + 1e-12
    assert poisson_tail(1, coincidence, false) == 1.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_the_false_discovery_share_is_scipys(p: list[float]) -> None:
    assert false_discovery_share(np.array(p)) == pytest.approx(false_discovery_control(p))


def test_the_rate_of_false_links_is_the_tail_of_strangers() -> None:
    rng = np.random.default_rng(0)
    strangers = np.concatenate([rng.normal(0.104, 0.087, 50_000), rng.normal(0.66, 0.1, 500)])
    assert false_link_rate(strangers, 0.371) == pytest.approx(0.001, rel=0.4)
    assert false_link_rate(strangers, 0.5) < false_link_rate(strangers, 0.4)
    assert false_link_rate(np.array([0.1]), 0.4) == 0.0


@pytest.mark.parametrize(
    "town", [town for town in TOWNS if not town.spread and town.name != "a year, weekends"], ids=lambda town: town.name
)
def test_strangers_of_a_made_up_town_rarely_look_remarkable(town: object) -> None:
    table = judged(town, np.random.default_rng(11))  # type: ignore[arg-type]
    strangers = table.filter(~pl.col("is_regular") & pl.col("chance_p").is_not_null())
    for level in (0.2, 0.05, 0.01):
        allowed = level + 3 * (level / max(1, strangers.height)) ** 0.5
        assert (strangers["chance_p"] <= level).mean() <= allowed  # type: ignore[operator]
    assert (strangers["chance_q"] <= 0.05).sum() == 0
