"""The last lines of a run."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from meetbefore_assets.cli.terminal.progress import RunView
from meetbefore_assets.home.home import Home
from meetbefore_assets.recordings.clocks import undated_videos
from meetbefore_assets.recordings.intake import Intake
from meetbefore_assets.running.run import Summary
from meetbefore_assets_tests.support.record import Record, Seen, dji

FULL = "the disk of the home is full. -> Free some space, then run again."


def said(home: Home, summary: Summary) -> str:
    written = io.StringIO()
    RunView(Console(file=written, width=300, no_color=True)).summarise(home, summary)
    return written.getvalue()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    record = Record(tmp_path)
    for day in (1, 9):
        record.video(dji(day), [Seen("ann", [1.0])])
    return record.finish()


def test_what_failed_for_the_same_reason_is_told_once(home: Home) -> None:
    failed = {"a-1": FULL, "b-2": "b-2: no picture.", "c-3": FULL, "d-4": FULL}
    lines = said(home, Summary(intake=Intake(present=["x", *failed]), computed=["x"], failed=failed, untried=["d-4"])).splitlines()
    start = lines.index("4 videos failed (all others are finished):")
    assert lines[start + 1 : start + 4] == [
        f"  a-1, c-3: {FULL}",
        "  b-2: b-2: no picture.",
        f"  d-4: {FULL} (failed before; to try again: --retry-failed)",
    ]


def test_a_run_in_which_every_video_failed_had_something_to_do(home: Home) -> None:
    failed = {"a-1": FULL, "b-2": FULL}
    assert said(home, Summary(intake=Intake(present=["a-1", "b-2"]), failed=failed)).startswith(
        "0 videos processed, 2 failed, 2 videos in all"
    )
    untried = said(home, Summary(intake=Intake(present=["a-1", "b-2"]), failed=failed, untried=["a-1", "b-2"]))
    assert untried.startswith("Nothing to do: 2 videos, all up to date, 2 failed before")


def test_the_people_are_counted_and_those_met_again(tmp_path: Path) -> None:
    once, twice = Record(tmp_path / "once"), Record(tmp_path / "twice")
    for record, days in (once, [1]), (twice, [1, 9]):
        for day in days:
            record.video(dji(day), [Seen("ann", [1.0])])
    done = Summary(intake=Intake(present=["x"]), computed=["x"])
    assert "1 person, nobody met more than once." in said(once.finish(), done)
    assert "1 person, 1 of them met more than once." in said(twice.finish(), done)


def test_the_commands_that_show_people_are_named(home: Home) -> None:
    text = said(home, Summary(intake=Intake(present=["x"]), computed=["x"]))
    assert f"meetbefore people --home {home.folder}" in text
    assert f"in the browser: meetbefore app --home {home.folder}\n" in text


def test_dates_that_are_only_those_of_the_files_are_told_with_what_corrects_them(tmp_path: Path) -> None:
    record = Record(tmp_path)
    videos = [record.video(f"holiday {number}.mp4", [Seen("ann", [1.0])]) for number in range(10)]
    dated = record.video(dji(1), [Seen("ann", [1.0])])
    home = record.finish()
    undated = undated_videos(home, [*videos, dated])
    assert undated == videos
    text = said(home, Summary(intake=Intake(present=[*videos, dated]), computed=videos, undated=undated))
    assert "Date uncertain (only the file's own date, often the day it was copied): holiday 0.mp4, holiday 1.mp4" in text
    assert "holiday 7.mp4 and 2 more\n" in text
    assert "put the date into the file name, for example 20250307_081205.mp4" in text
    assert "Date uncertain" not in said(record.home, Summary(intake=Intake(present=[dated]), computed=[dated]))
