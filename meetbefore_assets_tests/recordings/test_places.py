"""Places on record: encounters carry them, and they are read when files beside the videos change, without decoding anything."""

from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.core.ports import MediaFacts
from meetbefore_assets.encounters.chance import recorded_hours
from meetbefore_assets.encounters.make_tables import is_scored
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.home import Home
from meetbefore_assets.publishing.exports.tables import encounter_rows
from meetbefore_assets.recordings.files.gps_files import place_files, read_fixes
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.recordings.places import place_table, update_places
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets_tests.recordings.files.test_gps_files import GPX, NEW
from meetbefore_assets_tests.support.fakes import FakeReader, fake_home, write_video

NAME = "DJI_20250307080000_0001_D.mp4"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = fake_home(tmp_path / "home")
    home.adapters.recordings.place_files, home.adapters.recordings.read_fixes = place_files, read_fixes
    write_video(tmp_path / "videos", NAME, [[1], [2], [1]])
    return home


def run(home: Home) -> list[str]:
    import_recordings(home, [home.folder.parent / "videos"])
    made = []
    for status in all_statuses(home):
        for asset in status.todo:
            STAGES[asset](home, status.video_id)
            made.append(asset)
    forget.rebuild(home)
    return made


def places(home: Home) -> list[tuple[float | None, float | None, str | None]]:
    rows = encounter_rows(home).sort("started_at", "encounter_id")
    return rows.select(pl.col("latitude").round(5), pl.col("longitude").round(5), "place_source").rows()


def test_without_places_encounters_have_none(home: Home) -> None:
    run(home)
    assert places(home) == [(None, None, None)] * 2
    assert place_table(home, home.store.keys("videos")).height == 0


def test_the_subtitles_of_the_camera_tell_where_an_encounter_begins(home: Home, tmp_path: Path) -> None:
    (tmp_path / "videos" / f"{Path(NAME).stem}.srt").write_text(NEW)
    run(home)
    assert places(home) == [(31.2304, 121.4737, "srt"), (31.2305, 121.47375, "srt")]
    assert set(recorded_hours(home, home.store.keys("videos"))["place"]) == {"3123:12147"}


def test_a_gpx_file_laid_beside_later_is_seen_and_nothing_is_decoded(home: Home, tmp_path: Path) -> None:
    run(home)
    assert is_scored(home)
    (tmp_path / "videos" / "ride.gpx").write_text(GPX)
    assert update_places(home) == 1
    assert not is_scored(home)
    assert run(home) == []
    assert places(home) == [(48.0, 2.0, "gpx"), (48.01, 2.01, "gpx")]
    assert update_places(home) == 0


def test_the_camera_is_believed_before_the_logger_and_both_before_the_container(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged = {"location": "+10.0000+020.0000/"}
    monkeypatch.setattr(FakeReader, "facts", lambda _self: MediaFacts(3.0, 256, 64, 0, 1.0, "fake", "fake", tagged))
    run(home)
    assert places(home) == [(10.0, 20.0, "location")] * 2
    (tmp_path / "videos" / "ride.gpx").write_text(GPX)
    run(home)
    assert [source for _, _, source in places(home)] == ["gpx", "gpx"]
    (tmp_path / "videos" / f"{Path(NAME).stem}.srt").write_text(NEW)
    run(home)
    assert [source for _, _, source in places(home)] == ["srt", "srt"]


def test_places_stay_while_the_disk_is_away_and_go_with_a_forgotten_video(home: Home, tmp_path: Path) -> None:
    (tmp_path / "videos" / "ride.gpx").write_text(GPX)
    run(home)
    (tmp_path / "videos").rename(tmp_path / "away")
    assert update_places(home) == 0
    (tmp_path / "away").rename(tmp_path / "videos")
    forget.forget_videos(home, home.store.keys("videos"))
    assert home.store.keys("places") == []


def test_a_corrected_clock_moves_the_way_of_the_logger(home: Home, tmp_path: Path) -> None:
    (tmp_path / "videos" / "ride.gpx").write_text(GPX)
    run(home)
    (home.folder / "settings.toml").write_text('[[clocks]]\nfiles = "DJI_*"\noffset_s = 10\n')
    assert run(home) == []
    assert places(home)[0] == (48.1, 2.1, "gpx")


def test_the_page_draws_a_map(home: Home, tmp_path: Path) -> None:
    write_video(tmp_path / "videos", "DJI_20250308080000_0002_D.mp4", [[1]])
    (tmp_path / "videos" / "ride.gpx").write_text(GPX.replace("</trkseg>", GPX_NEXT_DAY))
    run(home)
    page = (home.folder / "report.html").read_text(encoding="utf-8")
    assert page.count('class="met"') == 2


GPX_NEXT_DAY = '<trkpt lat="48.05" lon="2.05"><time>2025-03-08T08:00:00Z</time></trkpt></trkseg>'
