"""Encounters against a slow obvious version, and the laws of the score."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.encounters.encounters import encounters
from meetbefore_assets.encounters.score import people, score_encounters

START = dt.datetime(2025, 3, 7, 8)
SCHEMA = {"person_id": pl.String, "video_id": pl.String, "face_id": pl.String, "seen_at": pl.Datetime("us"), "portrait": pl.Float32}


def sightings(rows: list[tuple[str, str, float]]) -> pl.DataFrame:
    """Rows of person, video, minutes after the start."""
    made = [(who, video, f"f{number:04}", START + dt.timedelta(minutes=minutes), 0.5) for number, (who, video, minutes) in enumerate(rows)]
    return pl.DataFrame(made, schema=SCHEMA, orient="row")


def scored(rows: list[tuple[str, str, float]], gap_min: float = 30, zone: str = "UTC") -> pl.DataFrame:
    return score_encounters(encounters(sightings(rows), gap_min, 1.0), zone)


def final_score(minutes: list[float], zone: str = "UTC") -> float:
    return float(scored([("a", "v", at) for at in minutes], zone=zone)["score"].max() or 0.0)  # type: ignore[arg-type]


def slow_encounters(rows: list[tuple[str, str, float]], gap_min: float) -> set[tuple[str, int, frozenset[str]]]:
    """(person, first minute, videos) of each encounter."""
    result = set()
    for who in {row[0] for row in rows}:
        seen = sorted((minutes, video) for person, video, minutes in rows if person == who)
        groups: list[list[tuple[float, str]]] = []
        for entry in seen:
            if groups and entry[0] - groups[-1][-1][0] <= gap_min:
                groups[-1].append(entry)
            else:
                groups.append([entry])
        result |= {(who, round(group[0][0]), frozenset(video for _, video in group)) for group in groups}
    return result


ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["v1", "v2", "v3"]), st.integers(0, 600).map(float)), min_size=1, max_size=40
)


@given(ROWS, st.integers(1, 120))
def test_encounters_are_those_of_the_slow_version(rows: list[tuple[str, str, float]], gap_min: int) -> None:
    found = encounters(sightings(rows), gap_min, 1.0)
    merged = found.group_by("encounter_id").agg(pl.col("person_id").first(), pl.col("started_at").min(), pl.col("video_id"))
    got = {
        (row["person_id"], round((row["started_at"] - START).total_seconds() / 60), frozenset(row["video_id"]))
        for row in merged.iter_rows(named=True)
    }
    assert got == slow_encounters(rows, gap_min)
    assert found["faces"].sum() == len(rows)


@given(ROWS)
def test_the_order_of_sightings_does_not_matter(rows: list[tuple[str, str, float]]) -> None:
    table = sightings(rows)
    assert encounters(table.reverse(), 30, 1.0).equals(encounters(table, 30, 1.0))


@pytest.mark.parametrize(("minutes", "count"), [([0, 30], 1), ([0, 30.01], 2), ([0, 29, 58, 87], 1), ([0], 1)])
def test_the_gap_is_the_longest_silence_within(minutes: list[float], count: int) -> None:
    assert scored([("a", "v", at) for at in minutes])["encounter_id"].n_unique() == count


def test_an_encounter_over_two_videos_has_one_id_and_two_rows() -> None:
    rows = scored([("a", "v1", 0), ("a", "v2", 20), ("a", "v2", 21)])
    assert rows["encounter_id"].n_unique() == 1
    assert rows["video_id"].to_list() == ["v1", "v2"]
    assert rows["faces"].to_list() == [1, 2]


def test_the_gap_before_runs_from_the_end_of_the_last_one() -> None:
    rows = scored([("a", "v", 0), ("a", "v", 10), ("a", "w", 70)])
    assert rows["gap_before_h"].to_list() == [None, 1.0]


@pytest.mark.parametrize("minutes", [[0.0], [0.0, 5.0, 10.0], [955.0, 965.0]])
def test_one_encounter_scores_nothing_however_long_and_across_midnight(minutes: list[float]) -> None:
    assert final_score(minutes) == 0


TIMES = st.lists(st.integers(0, 60 * 24 * 30).map(float), min_size=1, max_size=12, unique=True)


@given(TIMES, st.integers(60 * 24 * 31, 60 * 24 * 60).map(float))
def test_one_more_encounter_later_never_lowers_the_score(minutes: list[float], later: float) -> None:
    assert final_score([*minutes, later]) > final_score(minutes)


@given(st.integers(2, 8), st.integers(1, 40), st.integers(1, 40))
def test_a_longer_span_never_lowers_the_score(count: int, short: int, longer: int) -> None:
    def spread(last_day: int) -> list[float]:
        return [*(float(60 * n) for n in range(count - 1)), 60.0 * 24 * last_day]

    assert final_score(spread(short + longer)) >= final_score(spread(short))


def test_another_day_is_worth_more_than_another_hour() -> None:
    assert final_score([0, 24 * 60]) > final_score([0, 60])


@given(TIMES, st.integers(1, 5))
def test_more_faces_of_the_same_encounters_change_nothing(minutes: list[float], copies: int) -> None:
    once = scored([("a", "v", at) for at in minutes])
    often = scored([("a", "v", at + copy / 600) for at in minutes for copy in range(copies)])
    assert often["score"].to_list() == pytest.approx(once["score"].to_list(), abs=1e-3)


def test_days_are_those_of_the_zone() -> None:
    late, early = 15 * 60.0, 17 * 60.0
    assert final_score([late, early], "UTC") > final_score([late, early], "Asia/Shanghai")


def test_people_are_ranked_and_summed() -> None:
    rows = [("a", "v1", 0), ("a", "v2", 3000), ("b", "v1", 0), ("b", "v1", 1), ("c", "v1", 0), ("c", "v2", 3000), ("c", "v3", 9000)]
    table = sightings([(who, video, float(at)) for who, video, at in rows])
    ranked = people(score_encounters(encounters(table, 30, 1.0), "UTC"), table, "UTC")
    assert ranked["person_id"].to_list() == ["c", "a", "b"]
    assert ranked["encounters"].to_list() == [3, 2, 1]
    assert ranked["videos"].to_list() == [3, 2, 1]
    assert ranked["span_h"].to_list() == [150.0, 50.0, pytest.approx(1 / 60)]
    assert ranked["seconds_visible"].to_list() == [3.0, 2.0, 2.0]
