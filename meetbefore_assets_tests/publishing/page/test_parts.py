"""The small parts of the page: sentences, pictures that fit, overlaps, drawings, clocks."""

import datetime as dt
import string
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.core import words
from meetbefore_assets.faces.gates import REASONS
from meetbefore_assets.home.settings.sections import TimeSettings
from meetbefore_assets.publishing.page.cards import ranges
from meetbefore_assets.publishing.page.charts import months, strip_path, week
from meetbefore_assets.publishing.page.evidence import habit
from meetbefore_assets.publishing.page.optional_columns import (
    chance_phrase,
    place_phrase,
    sure_encounter_phrase,
    sure_person_phrase,
    threshold_range_phrase,
)
from meetbefore_assets.publishing.page.packed_cards import PLAIN_CARDS
from meetbefore_assets.publishing.page.phrases import Phrase, count, join, same, say, sentence, span
from meetbefore_assets.publishing.page.pictures import MOST_BYTES, choose_pictures, picture_budget, picture_candidates
from meetbefore_assets.publishing.page.sections import source_phrase, warning_key
from meetbefore_assets.publishing.page.translations import STRINGS
from meetbefore_assets.recordings.clock_sources import resolve_clock
from meetbefore_assets_tests.support.record import Record, Seen, dji

MONDAY = dt.datetime(2025, 3, 3, 8)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", STRINGS)
def test_every_sentence_is_there_twice_and_says_the_same_things(key: str) -> None:
    english, chinese = STRINGS[key]
    assert english
    assert chinese
    assert fields(english) == fields(chinese)
    assert not any("\u4e00" <= letter <= "\u9fff" for letter in english)


def test_numbers_and_lists_follow_each_language() -> None:
    assert count(1, "day") == Phrase("1 day", "1 天")
    assert count(1200, "encounter") == Phrase("1,200 encounters", "1,200 次相遇")
    assert join([same("a"), same("b")]) == Phrase("a, b", "a、b")
    assert [span(hours).zh for hours in (0.001, 0.2, 30, 266, 24 * 200)] == ["不到一分钟", "12 分钟", "30 小时", "11 天", "7 个月"]
    with pytest.raises(KeyError):
        say("sentence", days=1)


@given(st.floats(0, 24 * 365 * 50))
def test_every_span_has_a_chinese_word(hours: float) -> None:
    assert span(hours).zh


@pytest.mark.parametrize("reason", [*REASONS, "blurred"])
def test_every_reason_to_drop_a_face_has_its_word(reason: str) -> None:
    assert f"reason.{reason}" in STRINGS


@pytest.mark.parametrize(
    ("name", "mtime_s", "zone", "key"),
    [
        ("VID-20250303-WA0001.mp4", None, "UTC", "warn.day"),
        ("VID_20250330_023000.mp4", None, "Europe/Berlin", "warn.summer"),
        ("WhatsApp Video 2025-03-03 at 10.00.00.mp4", None, "UTC", "warn.sent"),
        ("holiday.mp4", 1.7e9, "UTC", "warn.mtime"),
        ("holiday.mp4", None, "UTC", "warn.none"),
    ],
)
def test_every_doubt_about_a_clock_has_its_sentence(name: str, mtime_s: float | None, zone: str, key: str) -> None:
    clock = resolve_clock(
        [name], {}, sidecar_start="", mtime_s=mtime_s, duration_s=1.0, time=TimeSettings(zone=zone), clocks=(), machine_zone="UTC"
    )
    assert not clock.is_certain
    assert warning_key(clock.clock_source, clock.warning) == key


def test_sources_of_clocks() -> None:
    assert source_phrase("mtime").en == "date of the file"
    assert source_phrase("dji").en == "file name (dji)"
    assert source_phrase("name").en == "file name (name)"


@pytest.mark.parametrize(
    ("times", "text"),
    [([], ""), ([5.0], "0:05"), ([5, 6, 7, 70], "0:05–0:07, 1:10"), ([0, 2, 4], "0:00, 0:02, 0:04"), ([3599, 3600.5], "59:59–1:00:00")],
)
def test_offsets_that_follow_each_other_are_one(times: list[float], text: str) -> None:
    assert ranges(times, 1.5) == text


def faces(rows: list[tuple[str, str, str, float]]) -> pl.DataFrame:
    names = ("face_id", "video_id", "person_id", "encounter_id")
    return pl.DataFrame(
        [(f"f{number}", f"v-{encounter}", person, encounter, good, 0.9) for number, (person, encounter, _, good) in enumerate(rows)],
        schema={**dict.fromkeys(names, pl.String), "portrait": pl.Float32, "light": pl.Float32},
        orient="row",
    )


def test_everybody_gets_a_face_before_anybody_gets_a_second() -> None:
    table = faces(
        [("a", "a1", "", 0.5), ("a", "a1", "", 0.9), ("a", "a2", "", 0.4), ("b", "b1", "", 0.8), ("b", "b1", "", 0.7), ("c", "c1", "", 0.9)]
    )
    people = pl.DataFrame({"person_id": ["b", "a"], "best_face_id": ["f3", "f1"]})
    once = pl.DataFrame({"person_id": ["c"], "best_face_id": ["f5"]})
    found = picture_candidates(people, once, table)
    assert found.select("face_id", "level").rows() == [
        ("f3", 0), ("f1", 0), ("f3", 1), ("f1", 1), ("f2", 1), ("f5", 1), ("f4", 2), ("f0", 2),
    ]  # fmt: skip
    dark = table.with_columns(pl.when(pl.col("face_id").is_in(["f3", "f5", "f2"])).then(0.01).otherwise("light").alias("light"))
    assert set(picture_candidates(people, once, dark)["face_id"]) == {"f0", "f1", "f4"}


def test_at_most_six_pictures_an_encounter() -> None:
    table = faces([("a", "a1", "", 0.1 * place) for place in range(9)])
    people = pl.DataFrame({"person_id": ["a"], "best_face_id": ["f8"]})
    found = picture_candidates(people, people.clear(), table)
    assert found.filter(pl.col("level") > 0)["face_id"].to_list() == ["f8", "f7", "f6", "f5", "f4", "f3"]


def test_what_does_not_fit_is_left_out_and_counted(tmp_path: object) -> None:
    record = Record(tmp_path, picture=b"x" * 1000)  # type: ignore[arg-type]
    video_id = record.video(dji(3), [Seen("ann", range(4))])
    wanted = pl.DataFrame(
        {
            "face_id": [f"{video_id}-ann-{place}" for place in (0, 0, 1, 2)],
            "video_id": [video_id] * 4,
            "person_id": ["ann"] * 4,
            "level": [0, 1, 2, 3],
        },
        schema_overrides={"level": pl.UInt32},
    )
    full, tight, none = (choose_pictures(record.home, wanted, most_bytes) for most_bytes in (10_000, 3_500, 0))
    assert (set(full.jpegs), full.left_out) == ({f"{video_id}-ann-{n}" for n in (0, 1, 2)}, 0)
    assert (set(tight.jpegs), tight.left_out) == ({f"{video_id}-ann-0"}, 2)
    assert (none.jpegs, none.left_out) == ({}, 4)


def test_room_shrinks_with_the_text_and_is_never_negative() -> None:
    def archive(people: int, encounters: int, name: str) -> pl.DataFrame:
        return pl.DataFrame({"person_id": [f"p{number % people}" for number in range(encounters)], "file_name": [name] * encounters})

    assert picture_budget(archive(1, 2, "a.mp4"), PLAIN_CARDS) == picture_budget(archive(1, 2, "a.mp4").clear(), PLAIN_CARDS) == MOST_BYTES
    assert (
        0
        < picture_budget(archive(5_000, 100_000, "a" * 200), PLAIN_CARDS)
        < picture_budget(archive(5_000, 100_000, "a.mp4"), PLAIN_CARDS)
        < MOST_BYTES
    )
    assert picture_budget(archive(50, 100_000, "a.mp4"), PLAIN_CARDS) == 0


def test_dots_lie_where_the_encounters_do() -> None:
    hours = [MONDAY + timedelta(hours=hour) for hour in (0, 5, 10)]
    assert strip_path(hours, hours[0], hours[-1]) == "M0 0h0M100 0h0M200 0h0"
    assert strip_path(hours[:1], hours[0], hours[0]) == "M0 0h0"


def test_months_that_have_anything_are_shown_whole() -> None:
    met = [dt.date(2025, 3, 31), dt.date(2025, 3, 31), dt.date(2025, 3, 3)]
    march, may = months(met, [dt.date(2025, 5, 1)])
    assert (march.name.en, may.name.zh) == ("March 2025", "2025年5月")
    days = [day for week in march.weeks for day in week]
    assert [day.number for day in days if day] == list(range(1, 32))
    assert next(place for place, day in enumerate(days) if day) == 5  # a Saturday
    assert [(day.number, day.count, day.shade) for day in days if day and day.is_recorded] == [(3, 1, 2), (31, 2, 4)]
    assert [(day.number, day.count) for week in may.weeks for day in week if day and day.is_recorded] == [(1, 0)]
    assert months([], []) == ()


ROW = {"encounters": 5, "days": 4, "usual_weekday": 1, "weekday_share": 0.75, "usual_hour": 8.34, "hour_spread_h": 0.2}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "mostly on Tuesdays (3 of 4 days), around 08:20"),
        ({"weekday_share": 0.5}, "around 08:20"),
        ({"hour_spread_h": 4.0, "usual_weekday": 6}, "mostly on Sundays (3 of 4 days)"),
        ({"usual_hour": 23.99}, "mostly on Tuesdays (3 of 4 days), around 00:00"),
        ({"days": 1, "weekday_share": None, "hour_spread_h": None}, None),
        ({"weekday_share": 0.4, "hour_spread_h": 3.0}, None),
    ],
)
def test_habits_are_told_where_they_stand_out(changes: dict[str, object], text: str | None) -> None:
    told = habit(ROW | changes)
    assert (told and told.en) == text


def test_optional_figures_are_silent_where_they_are_not_on_record() -> None:
    assert (chance_phrase(ROW), place_phrase({}), threshold_range_phrase({"holds_from": None, "holds_to": None}, {})) == (None, None, None)
    found = [
        chance_phrase(ROW | {"expected_by_chance": 1.312, "chance_q": 0.04}),
        chance_phrase(ROW | {"expected_by_chance": 1.8, "chance_q": 0.4}),
        place_phrase({"latitude": 52.5, "longitude": -13.25}),
        threshold_range_phrase({"holds_to": 0.5}, {}),
        threshold_range_phrase({"holds_from": 0.3, "holds_to": 0.5}, {0.3: 0.004, 0.5: 0.97}),
        threshold_range_phrase({"holds_from": 0.4, "holds_to": None}, {0.4: 0.62}),
    ]
    assert [phrase.en for phrase in found if phrase] == [
        "Met more often than chance: about 1 day expected by chance",
        "Could be coincidence: about 2 days expected by chance",
        "at 52.5000, -13.2500",
        "Same result with any threshold up to 0.50.",
        "Same result whether you ask to be <1% or 97% sure.",
        "Same result if you ask to be 62% sure or more.",
    ]


def test_how_sure_a_person_and_an_encounter_are_is_told_where_somebody_can_tell() -> None:
    assert (sure_person_phrase({"same_person": None}), sure_encounter_phrase({"same_person": None})) == (None, None)
    person, encounter = sure_person_phrase({"same_person": 0.974, "faces": 5, "days": 4}), sure_encounter_phrase({"same_person": 0.84})
    assert person is not None
    assert encounter is not None
    assert person.en == "97% sure that it is one person: 5 views on 4 days"
    assert encounter.en == "84% sure to be the same person"


def test_weekdays_and_hours_are_counted() -> None:
    found = week([MONDAY, MONDAY + timedelta(days=7), MONDAY + timedelta(days=1, hours=2)])
    assert [(cell.weekday, cell.hour, cell.count, cell.shade) for cell in found.cells] == [(0, 8, 2, 4), (1, 10, 1, 2)]
    assert found.text == Phrase(
        "Days: Mon (2), Tue (1). Hours: 8:00 (2), 10:00 (1).", "星期：周一（2）、周二（1）。时刻：8:00（2）、10:00（1）。"
    )
    assert week([]).cells == ()


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 20_000), st.datetimes(dt.datetime(2001, 1, 1), dt.datetime(2099, 1, 1)))
def test_the_page_and_the_terminal_say_the_same_of_a_person(encounters: int, days: int, span_h: float, last: dt.datetime) -> None:
    row: dict[str, object] = {"encounters": encounters, "days": days, "span_h": span_h, "last_seen": last}
    assert sentence(row, "Europe/Berlin").en == words.sentence(row, "Europe/Berlin")
