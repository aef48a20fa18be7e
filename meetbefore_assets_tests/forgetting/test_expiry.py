"""Strangers expire: days count from the later of sighting and import, and a clock that cannot be right expires nobody."""

import datetime as dt
from pathlib import Path

import pytest

from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.record.run_history import record_run
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets_tests.defs.test_pipeline import three_days
from meetbefore_assets_tests.support.fakes import write_video
from meetbefore_assets_tests.support.searchable import SearchableHome, run, searchable_home

pytestmark = pytest.mark.slow

# Person 3 is met once, on Tuesday the 4th of March 2025.
SEEN = dt.datetime(2025, 3, 4, 8)


@pytest.fixture
def project(tmp_path: Path) -> SearchableHome:
    project = searchable_home(tmp_path)
    three_days(project)
    run(project)
    return project


def imported(project: SearchableHome, moment: dt.datetime) -> None:
    """Have it on record that all videos were first worked on then."""
    for video_id in project.home.store.keys("sources"):
        record_run(project.home, video_id, "videos", "r", moment, {"seconds": 1.0})
        record_run(project.home, video_id, "tracks", "later", moment + dt.timedelta(days=300), {"seconds": 1.0})


def keep(project: SearchableHome, days: int) -> None:
    settings_file.apply(project.folder, [f"privacy.single_sightings_days={days}"])


def test_strangers_met_once_expire_and_others_stay(project: SearchableHome) -> None:
    imported(project, SEEN)
    now = SEEN + dt.timedelta(days=30, hours=4)
    assert forget.forget_expired_strangers(project.home, now) == (0, ""), "0 keeps everybody"
    keep(project, 31)
    assert forget.forget_expired_strangers(project.home, now) == (0, "")
    assert forget.forget_expired_strangers(project.home, now + dt.timedelta(days=2)) == (1, "")
    assert people_table(project.home)["encounters"].to_list() == [3, 2]
    assert run(project) == {}
    assert forget.forget_expired_strangers(project.home, now + dt.timedelta(days=900)) == (0, "")


def test_whoever_imports_old_footage_has_the_whole_time_to_look_at_it(project: SearchableHome) -> None:
    keep(project, 30)
    today = SEEN + dt.timedelta(days=3650)
    imported(project, today)
    assert forget.forget_expired_strangers(project.home, today + dt.timedelta(days=29, hours=23)) == (0, "")
    assert people_table(project.home).height == 3
    assert forget.forget_expired_strangers(project.home, today + dt.timedelta(days=30, hours=1)) == (1, "")


def test_where_nobody_wrote_down_the_import_nobody_expires(project: SearchableHome) -> None:
    keep(project, 30)
    assert forget.forget_expired_strangers(project.home, SEEN + dt.timedelta(days=3650)) == (0, "")


@pytest.mark.parametrize(("year", "why"), [(1980, "it begins in 1980"), (2031, "which is in the future")])
def test_a_clock_that_cannot_be_right_expires_nobody_and_is_named(project: SearchableHome, year: int, why: str) -> None:
    write_video(project.videos, f"DJI_{year}0304080000_0009_D.mp4", [[7], [8]])
    run(project)
    imported(project, SEEN)
    keep(project, 30)
    now = SEEN + dt.timedelta(days=3650) if year < 2025 else SEEN + dt.timedelta(days=400)
    erased, spared = forget.forget_expired_strangers(project.home, now)
    assert erased == 1, "whose clock is right expires"
    assert spared.startswith("2 strangers met once stay: the clock of DJI_")
    assert why in spared
    assert "`clocks`" in spared
    assert people_table(project.home).height == 4
