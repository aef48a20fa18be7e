"""Places on record: encounters carry them, and they are read when files beside the videos change, without decoding anything."""

import dataclasses
from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets import forget
from meetbefore_assets.adapters.files_places import place_files, read_fixes
from meetbefore_assets.domain.ports import MediaFacts
from meetbefore_assets.report.exports import encounters
from meetbefore_assets.steps.chance import recorded
from meetbefore_assets.steps.intake import take_in
from meetbefore_assets.steps.per_video import MAKERS
from meetbefore_assets.steps.places import place_table, update_places
from meetbefore_assets.steps.scoring import is_scored
from meetbefore_assets.steps.status import all_statuses
from meetbefore_assets.workbench import Workbench
from meetbefore_assets_tests.adapters.test_files_places import GPX, NEW
from meetbefore_assets_tests.fakes import FakeReader, fake_bench, write_video

NAME = "DJI_20250307080000_0001_D.mp4"


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    bench = fake_bench(tmp_path / "home")
    bench.tools = dataclasses.replace(bench.tools, place_files=place_files, read_fixes=read_fixes)
    write_video(tmp_path / "videos", NAME, [[1], [2], [1]])
    return bench


def run(bench: Workbench) -> list[str]:
    take_in(bench, [bench.home.parent / "videos"])
    made = []
    for status in all_statuses(bench):
        for asset in status.todo:
            MAKERS[asset](bench, status.video_id)
            made.append(asset)
    forget.make_anew(bench)
    return made


def places(bench: Workbench) -> list[tuple[float | None, float | None, str | None]]:
    rows = encounters(bench).sort("started_at", "encounter_id")
    return rows.select(pl.col("latitude").round(5), pl.col("longitude").round(5), "place_source").rows()


def test_without_places_encounters_have_none(bench: Workbench) -> None:
    run(bench)
    assert places(bench) == [(None, None, None)] * 2
    assert place_table(bench, bench.store.keys("videos")).height == 0


def test_the_subtitles_of_the_camera_tell_where_an_encounter_begins(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "videos" / f"{Path(NAME).stem}.srt").write_text(NEW)
    run(bench)
    assert places(bench) == [(31.2304, 121.4737, "srt"), (31.2305, 121.47375, "srt")]
    assert set(recorded(bench, bench.store.keys("videos"))["place"]) == {"3123:12147"}


def test_a_gpx_file_laid_beside_later_is_seen_and_nothing_is_decoded(bench: Workbench, tmp_path: Path) -> None:
    run(bench)
    assert is_scored(bench)
    (tmp_path / "videos" / "ride.gpx").write_text(GPX)
    assert update_places(bench) == 1
    assert not is_scored(bench)
    assert run(bench) == []
    assert places(bench) == [(48.0, 2.0, "gpx"), (48.01, 2.01, "gpx")]
    assert update_places(bench) == 0


def test_the_camera_is_believed_before_the_logger_and_both_before_the_container(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged = {"location": "+10.0000+020.0000/"}
    monkeypatch.setattr(FakeReader, "facts", lambda _self: MediaFacts(3.0, 256, 64, 0, 1.0, "fake", "fake", tagged))
    run(bench)
    assert places(bench) == [(10.0, 20.0, "location")] * 2
    (tmp_path / "videos" / "ride.gpx").write_text(GPX)
    run(bench)
    assert [source for _, _, source in places(bench)] == ["gpx", "gpx"]
    (tmp_path / "videos" / f"{Path(NAME).stem}.srt").write_text(NEW)
    run(bench)
    assert [source for _, _, source in places(bench)] == ["srt", "srt"]


def test_places_stay_while_the_disk_is_away_and_go_with_a_forgotten_video(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "videos" / "ride.gpx").write_text(GPX)
    run(bench)
    (tmp_path / "videos").rename(tmp_path / "away")
    assert update_places(bench) == 0
    (tmp_path / "away").rename(tmp_path / "videos")
    forget.forget_videos(bench, bench.store.keys("videos"))
    assert bench.store.keys("places") == []


def test_a_corrected_clock_moves_the_way_of_the_logger(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "videos" / "ride.gpx").write_text(GPX)
    run(bench)
    (bench.home / "settings.toml").write_text('[[clocks]]\nfiles = "DJI_*"\noffset_s = 10\n')
    assert run(bench) == []
    assert places(bench)[0] == (48.1, 2.1, "gpx")


def test_the_page_draws_a_map(bench: Workbench, tmp_path: Path) -> None:
    write_video(tmp_path / "videos", "DJI_20250308080000_0002_D.mp4", [[1]])
    (tmp_path / "videos" / "ride.gpx").write_text(GPX.replace("</trkseg>", GPX_NEXT_DAY))
    run(bench)
    page = (bench.home / "report.html").read_text(encoding="utf-8")
    assert page.count('class="met"') == 2


GPX_NEXT_DAY = '<trkpt lat="48.05" lon="2.05"><time>2025-03-08T08:00:00Z</time></trkpt></trkseg>'
