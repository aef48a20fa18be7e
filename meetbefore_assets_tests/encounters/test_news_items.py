"""What is news: met again, regulars, known people, what needs a look; companions and the ignored are none."""

import datetime as dt
from typing import Any

import polars as pl

from meetbefore_assets.encounters.news_items import News, Why, news_items

T0 = dt.datetime(2025, 3, 1, 8)
SPAN = (dt.datetime(2025, 4, 1), dt.datetime(2025, 4, 2))


def part(
    person: str, day: int, video: str, *, hour: int = 8, gap_h: float | None = None, sure: float | None = 0.99, encounter: str = ""
) -> dict[str, Any]:
    started = T0 + dt.timedelta(days=day, hours=hour - 8)
    row = {"encounter_id": encounter or f"e{person}{day}{hour}", "video_id": video, "person_id": person, "started_at": started}
    return {**row, "gap_before_h": gap_h, "same_person": sure, "file_name": f"{video}.mp4", "time_s": 12.0}


def news(
    parts: list[dict[str, Any]],
    new: set[str],
    *,
    roles: dict[str, str] | None = None,
    proposed: dict[str, str] | None = None,
    names: dict[str, str] | None = None,
    imported: set[str] | None = None,
    events: dict[str, Why] | None = None,
    zone: str = "UTC",
) -> News:
    schema = {"gap_before_h": pl.Float64, "same_person": pl.Float64, "started_at": pl.Datetime("us")}
    table = pl.DataFrame(parts, schema_overrides=schema)
    ids = table["person_id"].unique().sort().to_list()
    counted = {who: table.filter(pl.col("person_id") == who) for who in ids}
    people = pl.DataFrame(
        [
            {
                "person_id": who,
                "name": (names or {}).get(who),
                "role": (roles or {}).get(who),
                "proposed_role": (proposed or {}).get(who),
                "encounters": rows["encounter_id"].n_unique(),
                "days": rows["started_at"].dt.date().n_unique(),
            }
            for who, rows in counted.items()
        ],
        schema_overrides=dict.fromkeys(("name", "role", "proposed_role"), pl.String),
    )
    return news_items(table, people, new, imported or set(), events or {}, SPAN, zone)


def test_who_was_met_before_and_in_new_videos_was_met_again_with_the_gap() -> None:
    found = news([part("p1", 0, "old"), part("p1", 9, "new", gap_h=216.0), part("p2", 9, "new")], {"new"})
    (item,) = found.met_again
    assert (item.person_id, item.gap_h, item.encounters, item.file_name, item.time_s) == ("p1", 216.0, 2, "new.mp4", 12.0)
    assert (found.videos, found.new_people) == (1, 1)
    assert (found.since, found.until) == SPAN


def test_the_longest_away_comes_first_and_the_gap_is_that_before_the_first_new_encounter() -> None:
    parts = [part("p1", 0, "old"), part("p2", 0, "old"), part("p1", 2, "new", gap_h=48.0)]
    parts += [part("p2", 9, "new", gap_h=216.0), part("p2", 9, "new", hour=12, gap_h=4.0)]
    assert [(item.person_id, item.gap_h) for item in news(parts, {"new"}).met_again] == [("p2", 216.0), ("p1", 48.0)]


def test_an_encounter_that_only_goes_on_in_a_new_video_is_not_new() -> None:
    found = news([part("p1", 0, "old", encounter="e1"), part("p1", 0, "new", encounter="e1")], {"new"})
    assert found.met_again == ()
    assert found.new_people == 0


def test_three_days_make_a_regular_once() -> None:
    two = [part("p1", 0, "a"), part("p1", 1, "b")]
    assert news([*two, part("p1", 1, "new", hour=20)], {"new"}).regulars == ()
    assert [item.person_id for item in news([*two, part("p1", 2, "new")], {"new"}).regulars] == ["p1"]
    assert news([*two, part("p1", 2, "c"), part("p1", 3, "new")], {"new"}).regulars == ()
    late = [*two, part("p1", 1, "new", hour=23)]  # 23:00 UTC is the next day in Berlin
    assert [item.person_id for item in news(late, {"new"}, zone="Europe/Berlin").regulars] == ["p1"]


def test_a_name_from_elsewhere_that_is_met_for_the_first_time() -> None:
    parts = [part("p1", 5, "new"), part("p2", 0, "old"), part("p2", 5, "new")]
    found = news(parts, {"new"}, names={"p1": "Ann", "p2": "Bob"}, imported={"p1", "p2"})
    assert [item.name for item in found.known] == ["Ann"]
    assert [item.name for item in found.met_again] == ["Bob"]


def test_what_needs_a_look_is_unsure_or_became_another() -> None:
    parts = [part(who, day, video, sure=sure) for who, sure in (("p1", 0.6), ("p2", 0.95)) for day, video in ((0, "old"), (5, "new"))]
    parts += [part("p3", 0, "old"), part("p3", 1, "old2"), part("p4", 0, "old")]
    found = news(parts, {"new"}, events={"p3": "split", "p4": "joined"})
    assert [(item.person_id, item.why, item.sure) for item in found.changed] == [("p1", "unsure", 0.6), ("p3", "split", None)]


def test_oneself_companions_and_the_ignored_are_no_news() -> None:
    parts = [part(who, day, video) for who in ("p1", "p2", "p3", "p4") for day, video in ((0, "old"), (5, "new"))]
    found = news(parts, {"new"}, roles={"p1": "me", "p2": "companion", "p3": "ignored"}, proposed={"p4": "companion"})
    assert (found.met_again, found.regulars, found.new_people, found.companions) == ((), (), 0, 3)


def test_without_new_videos_there_is_no_news() -> None:
    found = news([part("p1", 0, "old")], set())
    assert found.is_empty
