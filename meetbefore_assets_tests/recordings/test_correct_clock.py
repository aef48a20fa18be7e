"""The clock of a recording is corrected by what one reads on it, for it alone or for its camera."""

import datetime as dt
from pathlib import Path

import pytest

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.recordings.clocks import clock_of
from meetbefore_assets.recordings.correct_clock import (
    camera_pattern,
    clock_story,
    correct_clock,
    forget_correction,
    offset_text,
    parse_offset,
    parse_start,
)
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets_tests.support.fakes import fake_home, write_video

NAMES = ("DJI_20250307080000_0001_D.mp4", "DJI_20250308080000_0002_D.mp4", "clip.mp4")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = fake_home(tmp_path / "home")
    for person, name in enumerate(NAMES, 1):
        write_video(tmp_path / "videos", name, [[person]])
    import_recordings(home, [tmp_path / "videos"])
    for video_id in home.store.keys("sources"):
        STAGES["videos"](home, video_id)
    return home


def ids(home: Home) -> list[str]:
    """Of the two of one camera."""
    return [key for key in home.store.keys("videos") if key.startswith("DJI")]


def began(home: Home) -> list[dt.datetime | None]:
    return [clock_of(home, video_id).started_at for video_id in ids(home)]


SAID = [dt.datetime(2025, 3, 7, 8), dt.datetime(2025, 3, 8, 8)]
HOUR = dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("+1:00", 3600), ("1:00", 3600), ("-0:30:15", -1815), ("\N{MINUS SIGN}2:00", -7200), ("0:00:00.5", 0.5), (" + 26:00 ", 93600)],
)
def test_offsets_are_read(text: str, seconds: float) -> None:
    assert parse_offset(text) == seconds
    assert parse_offset(offset_text(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "1", "an hour", "1:60", "1:00:61", "999999:00", "+-1:00", "1:00x"])
def test_what_is_no_offset_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected"):
        parse_offset(text)


@pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00", "9999-01-01T00:00", "2025-03-07T08:00+01:00"])
def test_what_is_no_start_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a time"):
        parse_start(text)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [(NAMES[0], "DJI_*"), ("20250307_081205.mp4", "*.mp4"), ("VID-[1].mov", "VID-[[]*"), ("clip", "*"), ("holiday.mp4", "holiday*")],
)
def test_names_tell_the_camera(name: str, pattern: str) -> None:
    assert camera_pattern(name) == pattern


def test_one_recording_is_corrected_and_the_other_stays(home: Home) -> None:
    correct_clock(home, ids(home)[0], offset_s=3600)
    assert began(home) == [SAID[0] + HOUR, SAID[1]]
    story = clock_story(home, ids(home)[0])
    assert (story.said.started_at, story.now.started_at) == (SAID[0], SAID[0] + HOUR)
    assert story.alike == 2


def test_all_of_a_camera_are_corrected_by_as_much_as_one_is(home: Home) -> None:
    correct_clock(home, ids(home)[0], offset_s=60)  # it would hide that of the camera
    correct_clock(home, ids(home)[0], begins=SAID[0] - 2 * HOUR, files="DJI_*")
    assert began(home) == [SAID[0] - 2 * HOUR, SAID[1] - 2 * HOUR]


def test_a_correction_replaces_the_one_before_and_can_be_taken_back(home: Home) -> None:
    correct_clock(home, ids(home)[0], offset_s=3600)
    entry = correct_clock(home, ids(home)[0], begins=SAID[0])
    assert began(home) == SAID
    forget_correction(home, entry.files)
    assert home.settings().clocks == ()


def test_a_zone_moves_what_is_local_and_the_start_is_read_in_it(home: Home) -> None:
    first = ids(home)[0]
    correct_clock(home, first, offset_s=0, zone="Asia/Shanghai")
    assert began(home)[0] == SAID[0] - 8 * HOUR
    correct_clock(home, first, begins=SAID[0], zone="Asia/Tokyo")
    assert began(home)[0] == SAID[0] - 9 * HOUR
    correct_clock(home, first, offset_s=0)
    assert began(home) == SAID


def test_what_cannot_be_meant_changes_nothing(home: Home) -> None:
    first = ids(home)[0]
    for given in ({"zone": "Mars/Olympus"}, {"files": "GX*"}):
        with pytest.raises(UsageError, match="Nothing was changed"):
            correct_clock(home, first, offset_s=60, **given)  # type: ignore[arg-type]
    assert not (home.folder / settings_file.FILE_NAME).exists()
