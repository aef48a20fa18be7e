"""Trouble of the machine is told in words, and no video is blamed for it."""

import os
import signal
from pathlib import Path

import dagster as dg
import pytest

from meetbefore_assets.cli.options import build_definitions
from meetbefore_assets.core.errors import StoreError, UnreadableVideoError
from meetbefore_assets.publishing.database import failure_rows
from meetbefore_assets.recordings.failures import record_failure
from meetbefore_assets.running import instance, run
from meetbefore_assets.running.partitions import PARTITIONS_NAME
from meetbefore_assets.running.pool import Pool
from meetbefore_assets.running.run import RunOptions
from meetbefore_assets.running.worker import Task, failure_message
from meetbefore_assets_tests.support.fakes import fake_home, write_video
from meetbefore_assets_tests.test_concurrency import work

pytestmark = pytest.mark.slow

NAME = "DJI_20250303080000_0001_D.mp4"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instances point this process to their home."""
    for name in ("DAGSTER_HOME", "MEETBEFORE_HOME"):
        monkeypatch.setenv(name, "")


@pytest.fixture
def home_folder(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_what_dagster_cannot_read_is_told_in_words(home_folder: Path) -> None:
    with instance.open_instance(home_folder):
        pass
    for path in home_folder.rglob("*.db"):
        path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(StoreError, match=r"file is not a database.* MB free") as caught, instance.open_instance(home_folder):
        pass
    assert "run again" in caught.value.remedy


@pytest.mark.parametrize("count", [0, 1, 3, 4, 10])
def test_videos_are_made_known_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(instance, "AT_ONCE", 3)
    with dg.DagsterInstance.ephemeral() as ephemeral:
        ephemeral.add_dynamic_partitions(PARTITIONS_NAME, ["v0"])
        sizes, add = list[int](), ephemeral.add_dynamic_partitions
        monkeypatch.setattr(ephemeral, "add_dynamic_partitions", lambda name, keys: (sizes.append(len(keys)), add(name, keys)))
        wanted = [f"v{number}" for number in range(count)]
        instance.add_partitions(ephemeral, [*wanted, *wanted])
        assert sorted(ephemeral.get_dynamic_partitions(PARTITIONS_NAME)) == sorted({"v0", *wanted})
    assert sum(sizes) == max(0, count - 1)
    assert all(0 < size <= 3 for size in sizes)


def test_errors_for_people_stay_what_they_are(home_folder: Path) -> None:
    error = UnreadableVideoError("found text")
    assert instance.explain_error(home_folder, error) is error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StoreError("the disk is full.", remedy="Free some space."), "the disk is full. Free some space."),
        (StoreError("2: 3.", remedy="Run again."), "2: 3. Run again."),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    ],
    ids=["ours", "ours with a colon", "not ours"],
)
def test_a_step_that_failed_tells_our_errors_without_their_class(error: Exception, told: str) -> None:
    @dg.op
    def fail() -> None:
        raise error

    @dg.job
    def job() -> None:
        fail()

    with dg.DagsterInstance.ephemeral() as ephemeral:
        assert failure_message(job.execute_in_process(raise_on_error=False, instance=ephemeral).all_events) == told


@pytest.mark.parametrize(("number", "is_to_blame"), [(signal.SIGSEGV, True), (signal.SIGKILL, True), (signal.SIGTERM, False)])
def test_a_video_is_blamed_for_a_crash_and_not_for_being_stopped(home_folder: Path, number: signal.Signals, *, is_to_blame: bool) -> None:
    home_folder.mkdir()
    pool = Pool(build_definitions, home_folder, 1)
    worker = pool._start()
    worker.task = Task("process_video", "v1")
    assert worker.process.pid
    os.kill(worker.process.pid, number)
    outcome = pool._reap(worker)
    assert outcome.is_crash is is_to_blame
    assert "died" in outcome.message


def test_a_failure_after_everything_was_written_is_none(home_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "videos", NAME, [[1], [1]])
    work(home_folder, tmp_path / "videos")
    home = fake_home(home_folder)
    record_failure(home, home.store.keys("tracks")[0], "process", "the disk was full")
    assert failure_rows(home)
    monkeypatch.setattr(run, "open_home", lambda _home_folder: home)
    assert run.run_pipeline(home_folder, RunOptions((tmp_path / "videos",)), build_definitions, Silent()).is_success
    assert failure_rows(home) == {}


class Silent:
    """Shows nothing."""

    def __getattr__(self, _name: str) -> object:
        return lambda *_words: None
