"""What doctor says of operations."""

import datetime as dt
import os
import time
from pathlib import Path

import dagster as dg
import pytest

from meetbefore_assets import instance
from meetbefore_assets.report import doctor_operations as operations
from meetbefore_assets.steps.indexing import build_index
from meetbefore_assets.steps.intake import take_in
from meetbefore_assets.steps.per_video import MAKERS
from meetbefore_assets.steps.run_history import note_run
from meetbefore_assets.workbench import Workbench
from meetbefore_assets_tests.fakes import fake_bench, write_video


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    bench = fake_bench(tmp_path / "home")
    write_video(tmp_path / "videos", "DJI_20250301080000_0001_D.mp4", [[1], [2]])
    (video_id,) = take_in(bench, [tmp_path / "videos"]).present
    for make in MAKERS.values():
        make(bench, video_id)
    return bench


def test_an_empty_home_has_nothing_to_tell(tmp_path: Path) -> None:
    bench = fake_bench(tmp_path)
    for section in (operations.index, operations.litter, operations.pace, operations.operations):
        assert list(section(bench)) == []


def test_the_index_is_sound_or_said_not_to_be(bench: Workbench) -> None:
    build_index(bench)
    assert list(operations.index(bench)) == [("index", "in step", True)]
    for path in (bench.home / "index").glob("*/*.parquet"):
        path.write_bytes(path.read_bytes()[:-5])
    ((_, said, is_good),) = operations.index(bench)
    assert not is_good
    assert "is torn" in said


def test_the_pace_of_the_last_videos_and_before(bench: Workbench) -> None:
    (video_id,) = bench.store.keys("tracks")
    for day in range(30):
        made = {"seconds": 1.0, "rows": 4, "moments_per_s": 8.0 if day < 10 else 4.0}
        note_run(bench, video_id, "detections", f"r{day}", dt.datetime(2025, 3, 1) + dt.timedelta(days=day), made)
    ((name, said, _),) = operations.pace(bench)
    assert name == "pace of detections"
    assert said == "4.0 moments a second in the middle of the last 20 videos (8.0 before)"


def test_litter_is_counted(bench: Workbench) -> None:
    path = bench.home / "index" / ".x.tmp"
    path.parent.mkdir()
    path.write_bytes(b"half")
    os.utime(path, (time.time() - 90_000, time.time() - 90_000))
    ((_, said, _),) = operations.litter(bench)
    assert "1 temporary files" in said


def test_runs_daemon_and_dead_processes(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DAGSTER_HOME", "MEETBEFORE_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    instance.prepare(bench.home)
    run_id = "3f2f9d3e-7d5c-4bb1-9b1e-0123456789ab"
    tags = {**instance.process_tags(run_id), instance.PID_TAG: str(2**22 - 3)}
    with dg.DagsterInstance.from_config(str(bench.home / "dagster")) as known:
        known.add_run(dg.DagsterRun(job_name="match", run_id=run_id, status=dg.DagsterRunStatus.STARTED, tags=tags))
        findings = {name: said for name, said, _ in operations.operations(bench)}
    assert findings["runs"] == "1 in 7 days, 0 failed, 1 under way; the last: match, started"
    assert findings["dead runs"].startswith("1 of processes that are gone")
    assert "never started here" in findings["daemon"]
