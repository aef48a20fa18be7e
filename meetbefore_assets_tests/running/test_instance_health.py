"""What doctor says of operations."""

import datetime as dt
import os
import time
from pathlib import Path

import dagster as dg
import pytest

from meetbefore_assets.cli.terminal import doctor
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.run_history import record_run
from meetbefore_assets.identities.face_index import build_face_index
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.running import instance, instance_health
from meetbefore_assets.running.instance_folder import prepare
from meetbefore_assets_tests.support.fakes import fake_home, write_video


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = fake_home(tmp_path / "home")
    write_video(tmp_path / "videos", "DJI_20250301080000_0001_D.mp4", [[1], [2]])
    (video_id,) = import_recordings(home, [tmp_path / "videos"]).present
    for make in STAGES.values():
        make(home, video_id)
    return home


def test_an_empty_home_has_nothing_to_tell(tmp_path: Path) -> None:
    home = fake_home(tmp_path)
    for section in (doctor.index_findings, doctor.leftover_findings, doctor.pace_findings, instance_health.instance_findings):
        assert list(section(home)) == []


def test_the_index_is_sound_or_said_not_to_be(home: Home) -> None:
    build_face_index(home)
    assert list(doctor.index_findings(home)) == [("index", "up to date", True)]
    for path in (home.folder / "index").glob("*/*.parquet"):
        path.write_bytes(path.read_bytes()[:-5])
    ((_, said, is_good),) = doctor.index_findings(home)
    assert not is_good
    assert "is damaged" in said


def test_the_pace_of_the_last_videos_and_before(home: Home) -> None:
    (video_id,) = home.store.keys("tracks")
    for day in range(30):
        made = {"seconds": 1.0, "rows": 4, "moments_per_s": 8.0 if day < 10 else 4.0}
        record_run(home, video_id, "detections", f"r{day}", dt.datetime(2025, 3, 1) + dt.timedelta(days=day), made)
    ((name, said, _),) = doctor.pace_findings(home)
    assert name == "speed of detections"
    assert said == "4.0 frames per second, median of the last 20 videos (8.0 before)"


def test_litter_is_counted(home: Home) -> None:
    path = home.folder / "index" / ".x.tmp"
    path.parent.mkdir()
    path.write_bytes(b"half")
    os.utime(path, (time.time() - 90_000, time.time() - 90_000))
    ((_, said, _),) = doctor.leftover_findings(home)
    assert "1 temporary files" in said


def test_runs_daemon_and_dead_processes(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DAGSTER_HOME", "MEETBEFORE_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    prepare(home.folder)
    run_id = "3f2f9d3e-7d5c-4bb1-9b1e-0123456789ab"
    tags = {**instance.process_tags(run_id), instance.PID_TAG: str(2**22 - 3)}
    with dg.DagsterInstance.from_config(str(home.folder / "dagster")) as known:
        known.add_run(dg.DagsterRun(job_name="match", run_id=run_id, status=dg.DagsterRunStatus.STARTED, tags=tags))
        findings = {name: said for name, said, _ in instance_health.instance_findings(home)}
    assert findings["runs"] == "1 in 7 days, 0 failed, 1 running; last: match, started"
    assert findings["dead runs"].startswith("1 of crashed processes")
    assert "never started here" in findings["daemon"]
