"""Corrections of clocks in the settings file: other entries and comments stay, and the one that was meant is the one that is used."""

import tomllib
from pathlib import Path

import pytest

from meetbefore_assets.core.errors import SettingsError
from meetbefore_assets.home.settings.clock_entries import drop_clock, only, put_clock, with_clock, without_clocks
from meetbefore_assets.home.settings.sections import ClockCorrection
from meetbefore_assets.home.settings.settings_file import load
from meetbefore_assets.recordings.clock_sources import correction_for, fits

HAND_WRITTEN = """sources = ["a"]  # mine

[[clocks]]            # this camera was an hour slow
files = "DJI_*"
offset_s = 3600

[matching]
threshold = 0.4
"""


def entry(files: str, offset_s: float = 60.0, zone: str | None = None) -> ClockCorrection:
    return ClockCorrection(files=files, offset_s=offset_s, zone=zone)


def test_an_entry_is_added_and_removed_and_the_rest_stays_letter_by_letter() -> None:
    text = with_clock(HAND_WRITTEN, entry("DJI_1.MP4", -90.5, "Europe/Berlin"))
    assert tomllib.loads(text)["clocks"] == [
        {"files": "DJI_1.MP4", "offset_s": -90.5, "zone": "Europe/Berlin"},
        {"files": "DJI_*", "offset_s": 3600},
    ]
    assert "# this camera was an hour slow" in text
    assert without_clocks(text, ["DJI_1.MP4"]) == HAND_WRITTEN


def test_an_entry_of_the_same_pattern_is_replaced_and_keeps_its_comment() -> None:
    text = with_clock(HAND_WRITTEN, entry("DJI_*", -60))
    assert text == HAND_WRITTEN.replace("3600", "-60")


def test_single_files_stand_before_patterns() -> None:
    text = with_clock(with_clock(HAND_WRITTEN, entry("DJI_1.MP4")), entry("*.MP4"))
    assert [each["files"] for each in tomllib.loads(text)["clocks"]] == ["DJI_1.MP4", "*.MP4", "DJI_*"]


@pytest.mark.parametrize("text", ["", "[time]\nzone = 'UTC'\n", "clocks = [{files = 'GX*', offset_s = 1}]\n[time]\nzone = 'UTC'\n"])
def test_any_settings_take_an_entry(text: str) -> None:
    after = tomllib.loads(with_clock(text, entry("x.mp4")))
    assert after["clocks"][0] == {"files": "x.mp4", "offset_s": 60}
    assert {name: value for name, value in after.items() if name != "clocks"} == {
        name: value for name, value in tomllib.loads(text).items() if name != "clocks"
    }


def test_the_last_entry_takes_its_section_along() -> None:
    assert "clocks" not in tomllib.loads(without_clocks(HAND_WRITTEN, ["DJI_*"]))
    assert without_clocks("", ["DJI_*"]) == ""


@pytest.mark.parametrize("name", ["clip.mp4", "a[1]*?.mp4", "[", "*"])
def test_the_pattern_of_one_name_fits_it_alone(name: str) -> None:
    assert fits(name, only(name))
    assert not any(fits(other, only(name)) for other in ("clip2.mp4", "a1x.mp4", "a[1]xy.mp4", "x"))


def test_what_was_written_is_in_force(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(HAND_WRITTEN)
    put_clock(tmp_path, entry("dji_1.mp4", 5))
    used = correction_for(["DJI_1.MP4"], load(tmp_path).clocks)
    assert used is not None
    assert used.offset_s == 5
    drop_clock(tmp_path, "dji_1.mp4")
    assert (tmp_path / "settings.toml").read_text() == HAND_WRITTEN


def test_a_new_pattern_is_not_hidden_by_the_entry_of_one_file(tmp_path: Path) -> None:
    put_clock(tmp_path, entry("DJI_1.MP4", 5))
    put_clock(tmp_path, entry("DJI_*", 7), without=["DJI_1.MP4"])
    assert [(each.files, each.offset_s) for each in load(tmp_path).clocks] == [("DJI_*", 7)]


def test_broken_settings_are_left_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("clocks = [")
    with pytest.raises(SettingsError, match="not valid TOML"):
        put_clock(tmp_path, entry("DJI_*"))
    assert (tmp_path / "settings.toml").read_text() == "clocks = ["
