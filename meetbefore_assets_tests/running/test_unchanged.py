"""A run that follows one that found nothing to do asks for directory entries and their `stat`, and looks again at any change."""

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.cli.options import build_definitions
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.home_files import quiet_run_path
from meetbefore_assets.home.settings.settings_file import apply
from meetbefore_assets.publishing.database import database_path
from meetbefore_assets.recordings.files.gps_files import place_files
from meetbefore_assets.review import make_corrections
from meetbefore_assets.running import run, unchanged
from meetbefore_assets.running.run import RunOptions, Summary
from meetbefore_assets.running.unchanged import QuietRun, last_quiet_run, state_of
from meetbefore_assets_tests.support.fakes import fake_home, write_video
from meetbefore_assets_tests.test_concurrency import work
from meetbefore_assets_tests.test_trouble import Silent

NAMES = ("DJI_20250303080000_0001_D.mp4", "DJI_20250304080000_0002_D.mp4")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instances point this process to their home."""
    for name in ("DAGSTER_HOME", "MEETBEFORE_HOME"):
        monkeypatch.setenv(name, "")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in NAMES:
        write_video(tmp_path / "home" / "videos", name, [[1], [1]])
    work(tmp_path / "home", tmp_path / "home" / "videos")
    home = fake_home(tmp_path / "home")
    home.adapters.recordings.place_files = place_files
    monkeypatch.setattr(run, "open_home", lambda _home_folder: home)
    return home


def run_again(home: Home) -> Summary:
    return run.run_pipeline(home.folder, RunOptions(), build_definitions, Silent())  # type: ignore[arg-type]


def quiet(home: Home) -> QuietRun | None:
    return last_quiet_run(home, state_of(home, home.adapters.recordings.scan(home.sources())))


def test_the_second_of_two_runs_that_find_nothing_to_do_says_the_same_without_a_look_at_any_video(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert quiet(home) is None
    first = run_again(home)
    assert quiet(home) is not None
    for name in ("all_statuses", "register_recordings", "update_places", "is_up_to_date"):
        monkeypatch.setattr(run, name, lambda *_words: pytest.fail("a video was looked at"))
    again = run_again(home)
    assert (again, len(again.intake.present)) == (first, 2)


def touched(home: Home) -> None:
    os.utime(home.own_videos / NAMES[0], ns=(1, 1))


def logged(home: Home) -> None:
    (home.own_videos / "ride.GPX").write_text("<gpx/>")


def new(home: Home) -> None:
    write_video(home.own_videos, "DJI_20250305080000_0003_D.mp4", [[2]])


def torn(home: Home) -> None:
    path = next((home.folder / "record" / "tracks").glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-9])


def dropped(home: Home) -> None:
    home.store.drop("embeddings", home.store.keys("embeddings")[0])


def unpublished(home: Home) -> None:
    database_path(home).unlink()


def said(home: Home) -> None:
    make_corrections.name_person(home, home.store.get("people", "_all")["person_id"][0], "Anna")


CHANGES: tuple[Callable[[Home], object], ...] = (
    *(touched, logged, new, torn, dropped, unpublished, said),
    lambda home: (home.own_videos / NAMES[1]).unlink(),
    lambda home: apply(home.folder, ["matching.threshold=0.41"]),
    lambda home: quiet_run_path(home).write_text("{"),
    lambda home: quiet_run_path(home).write_text('{"state": "", "of another": "program"}'),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_whatever_changes_is_looked_at(home: Home, change: Callable[[Home], object]) -> None:
    run_again(home)
    assert quiet(home) is not None
    change(home)
    assert quiet(fake_home(home.folder)) is None


def test_another_program_looks_again(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run_again(home)
    (tmp_path / "program").mkdir()
    monkeypatch.setattr(unchanged, "_PROGRAM", tmp_path / "program")
    assert quiet(home) is None


def test_a_video_in_no_source_is_asked_for_by_itself(home: Home, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    write_video(elsewhere, "DJI_20250306080000_0004_D.mp4", [[3]])
    work(home.folder, elsewhere)
    run_again(home)
    found = quiet(home)
    assert found is not None
    assert [Path(uri).parent for uri in found.elsewhere] == [elsewhere]
    Path(found.elsewhere[0]).rename(tmp_path / "away.mp4")
    assert quiet(home) is None


def test_what_is_forgotten_is_not_in_the_note(home: Home) -> None:
    run_again(home)
    forget.forget_videos(home, home.store.keys("videos")[:1])
    assert not quiet_run_path(home).exists()


def test_nothing_is_noted_where_a_video_waits_for_another_try(home: Home) -> None:
    run_again(home)
    quiet_run_path(home).unlink()
    (home.own_videos / "DJI_20250307080000_0005_D.mp4").write_bytes(b"")
    summary = run_again(home)
    assert summary.failed or summary.intake.unreadable
    assert not quiet_run_path(home).exists()
    assert isinstance(home.store.get("people", "_all"), pl.DataFrame)
