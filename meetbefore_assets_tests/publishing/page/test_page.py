"""The page: who is on it, and what it says of them."""

from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.cli.main import cli
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import Stamp
from meetbefore_assets.publishing.page import render
from meetbefore_assets.publishing.page.evidence import corrections, split_command
from meetbefore_assets.publishing.page.optional_columns import beyond_chance
from meetbefore_assets.publishing.page.render import write_report
from meetbefore_assets.review.make_corrections import name_person
from meetbefore_assets_tests.support.page_reader import read
from meetbefore_assets_tests.support.record import Record, Seen, dji


def test_people_met_twice_come_first_and_people_seen_once_are_folded(record: Record) -> None:
    written = write_report(record.finish())
    shown = read(Path(written.path))
    assert shown.people == ["ann", "bob"]
    assert shown.seen_once == ["cy2", "cy"], "the latest first"
    assert written.people == 2
    assert "4 videos from Monday 3 March 2025 to Sunday 9 March 2025: 4 people, 2 strangers met more than once." in shown.text
    (folded,) = [attrs for tag, attrs in shown.elements if tag == "details" and attrs.get("class") == "once"]
    assert "open" not in folded


def test_the_page_of_the_first_video_shows_faces_at_once(tmp_path: Path) -> None:
    record = Record(tmp_path / "home")
    record.video(dji(3), [Seen("ann", range(3)), Seen("bob", [4.0])])
    shown = read(Path(write_report(record.finish()).path))
    assert shown.seen_once == ["ann", "bob"], "who is seen more often comes first"
    (folded,) = [attrs for tag, attrs in shown.elements if tag == "details" and attrs.get("class") == "once"]
    assert "open" in folded
    assert [attrs["alt"] for tag, attrs in shown.elements if tag == "img"] == ["ann", "bob"]
    assert f"3 faces · ann Mon 3 Mar 2025 08:00:00 {dji(3)} in the video at 0:00–0:02" in shown.text
    assert "No stranger" not in shown.text
    assert {"hours", "together", "people"}.isdisjoint({attrs.get("id") for _, attrs in shown.elements}), "no empty sections"


def test_of_years_of_people_seen_once_the_latest_are_shown_and_the_others_counted(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "MOST_SEEN_ONCE", 1)
    shown = read(Path(write_report(record.finish()).path))
    assert shown.seen_once == ["cy2"]
    assert "1 person seen once, longer ago than those above." in shown.text


def test_a_face_as_good_as_black_is_nobodys_picture(tmp_path: Path) -> None:
    record = Record(tmp_path / "home")
    video_id = record.video(dji(3), [Seen("ann", range(3)), Seen("bob", [4.0])])
    faces = record.home.store.get("detections", video_id)
    crops = [b"\x02\x02\x02", b"\xa0\xa0\xa0", b"\x80\x80\x80", b"\x02\x02\x02"]
    record.home.store.put("detections", video_id, faces.with_columns(pl.Series("crop", crops)), Stamp("dark", {}, {}, faces.height))
    record.video(dji(4), [Seen("ann", [1.0])])
    shown = read(Path(write_report(record.finish()).path))
    assert [attrs["alt"] for tag, attrs in shown.elements if tag == "img"] == ["ann", "ann, 0:01", "ann, 0:02", "ann, 0:01"]
    assert "2 of 3 faces" in shown.text
    assert "no picture bob" in shown.text


def test_an_encounter_tells_video_clock_offset_evidence_and_what_to_do_next(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    assert "Mon 3 Mar 2025 08:00:05" in shown.text
    assert f"{dji(3)} 08:00:05–08:00:14 in the video at 0:05–0:14 6 of 10 faces" in shown.text
    assert "Similarity to their other faces: 0.62. Next most similar: bob at 0.31." in shown.text
    assert f"meetbefore show ann --home {record.folder}" in shown.text
    assert "2 encounters on 2 days over 36 hours, last on Tuesday 4 March 2025" in shown.text


def test_the_best_pictures_are_shown_in_order_of_time_and_load_late(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    images = [attrs for tag, attrs in shown.elements if tag == "img"]
    assert len(images) == 2 + (6 + 1 + 2) + (2 + 1) + 2
    assert all(image["loading"] == "lazy" and image["decoding"] == "async" and image["alt"] for image in images)
    assert all(str(image["src"]).startswith("data:image/jpeg;base64,") for image in images)
    assert [image["alt"] for image in images[1:7]] == [f"ann, 0:{second:02d}" for second in (5, 6, 7, 8, 9, 10)]


def test_strangers_come_first_companions_apart_and_me_not_at_all(record: Record) -> None:
    record.video(dji(5), [Seen("dan", [1.0]), Seen("eve", [1.0])])
    record.video(dji(6), [Seen("dan", [1.0]), Seen("eve", [1.0])])
    home = record.finish(names={"ann": "Ann"}, roles={"ann": "companion", "dan": "me", "eve": "ignored"})
    shown = read(Path(write_report(home).path))
    assert shown.people == ["bob", "ann"]
    assert shown.text.index("meetbefore show bob") < shown.text.index("Companions People in") < shown.text.index("meetbefore show ann")
    assert "1 stranger met more than once, and 1 companion." in shown.text
    assert "2 people hidden: you, or people you ignore." in shown.text


def test_every_person_and_encounter_can_be_corrected_by_a_command_that_works_anywhere(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    home = f" --home {record.folder}"
    for words in ("name ann '…'", "companion ann", "ignore ann", "split bob v0001-bob-0", "undo"):
        assert f"meetbefore {words}{home}" in shown.commands
    assert f"meetbefore name cy '…'{home}" in shown.commands, "who was seen once can be called by name too"
    assert sum(command.startswith("meetbefore split ann") for command in shown.commands) == 3
    assert all(command.endswith(home) for command in shown.commands)
    assert {command.split()[1] for command in shown.commands} <= {*cli.commands}


def test_no_correction_is_suggested_of_two_who_were_seen_together() -> None:
    row = {"person_id": "ann", "proposed_role": None}
    apart, together = (corrections(Path("/h"), row, "bob", {}, company) for company in ((), {"bob"}))
    assert {command.text.split()[1] for command in apart} - {command.text.split()[1] for command in together} == {"merge", "not-same"}


def test_a_name_is_refused_while_it_is_the_placeholder(record: Record) -> None:
    home = record.finish()
    for text in ("…", " ... "):
        with pytest.raises(UsageError, match="stands for the name"):
            name_person(home, "ann", text)


def test_commands_on_the_page_name_one_face_a_track_the_best_first() -> None:
    groups = [
        {"track_id": ["t", "t", "u"], "place": [3, 1, 2], "face_id": ["f3", "f1", "f2"]},
        {"track_id": ["w"], "place": [4], "face_id": ["f4"]},
    ]
    assert split_command(Path("/h"), "ann", groups) == "meetbefore split ann f1 f2 f4 --home /h"
    assert split_command(Path("/h"), "ann", []) == ""


def test_what_an_encounter_rests_on_and_who_was_there(record: Record) -> None:
    home = record.finish()
    stamp = home.store.stamp("encounter_scores", "v0001")
    assert stamp is not None
    rows = home.store.get("encounter_scores", "v0001").with_columns(holds_from=pl.lit(0.31), holds_to=pl.lit(0.6))
    home.store.put("encounter_scores", "v0001", rows, stamp)
    shown = read(Path(write_report(home).path))
    assert shown.text.count("Same result with any threshold from 0.31 to 0.60.") == 2
    assert "Together with bob" in shown.text


def test_days_of_the_calendar(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    assert "March 2025" in shown.text
    assert "4: 2 encounters" in shown.text
    assert "9: recorded, nobody met again" in shown.text


def test_how_many_of_the_people_chance_does_not_explain() -> None:
    people = pl.DataFrame({"chance_q": [0.01, 0.1, 0.3, None]})
    told = beyond_chance(people)
    assert told is not None
    assert told.en == "2 people met more often than chance explains; of such findings, up to 10% are still coincidence."
    nobody = beyond_chance(people.tail(2))
    assert nobody is not None
    assert nobody.en == "Nobody was met more often than chance explains."
    assert beyond_chance(people.drop("chance_q")) is beyond_chance(people.tail(1)) is None


def test_who_is_probably_the_user_is_kept_apart_and_can_say_so(tmp_path: Path) -> None:
    record = Record(tmp_path / "home")
    for day in range(3, 9):
        record.video(dji(day), [Seen("eve", [0.0, 1.0]), *([Seen("bob", [60.0])] if day < 5 else [])])
    shown = read(Path(write_report(record.finish()).path))
    assert shown.people == ["bob", "eve"]
    assert "probably you" in shown.text
    assert "meetbefore me eve" in shown.text
    assert "meetbefore me bob" not in shown.text


def test_the_first_story_is_open_and_the_others_are_closed(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    stories = [attrs for tag, attrs in shown.elements if tag == "details" and not attrs.get("class")]
    assert ["open" in attrs for attrs in stories] == [True, False, False, False]


def test_who_was_seen_together(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    assert "ann + bob 2" in shown.text
    assert "Seen with ann ×2" in shown.text


def test_what_was_left_out_and_how_sure_the_clocks_are(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    assert "torn.mp4 ends before its index; expected 12 s, found 3 s." in shown.text
    assert f"1 video not found any more; the results are kept: {dji(9)}" in shown.text
    assert "6 faces found but not used: blurred 2, too small 4." in shown.text
    assert "3 frames could not be decoded." in shown.text
    assert "file name (dji) 3 0" in shown.text
    assert "date of the file 1 1" in shown.text
    assert "Only the date of the file is known, which is often the day it was copied: holiday.mp4" in shown.text


def test_an_empty_record_gives_a_page_that_says_so(tmp_path: Path) -> None:
    written = write_report(Record(tmp_path / "home").home)
    assert (written.people, Path(written.path)) == (0, tmp_path / "home" / "report.html")
    shown, chinese = read(Path(written.path)), read(Path(written.path), "zh-CN")
    assert "Nobody was found yet." in shown.text
    assert "还没有找到任何人。" in chinese.text
    assert "Everything is shown." in shown.text


def test_a_record_without_anybody_met_twice_says_so(tmp_path: Path) -> None:
    record = Record(tmp_path / "home")
    record.video(dji(3), [Seen("ann", [1.0])])
    shown = read(Path(write_report(record.finish()).path))
    assert "1 video: 1 person, nobody met twice yet." in shown.text
    assert not shown.people
    assert shown.seen_once == ["ann"]


def test_a_person_who_was_seen_at_once_in_two_videos_has_one_encounter_there(tmp_path: Path) -> None:
    record = Record(tmp_path / "home")
    record.video(dji(3), [Seen("ann", range(8))])
    record.video(dji(3).replace("_D", "_E"), [Seen("ann", range(8))])
    record.video(dji(5), [Seen("ann", [1.0])])
    shown = read(Path(write_report(record.finish()).path))
    assert "2 encounters on 2 days" in shown.text
    assert sum(tag == "img" for tag, _ in shown.elements) == 1 + 6 + 1
    assert sum(tag == "li" and not attrs for tag, attrs in shown.elements) > 0
    assert shown.text.count("Similarity to their other faces:") == 2
