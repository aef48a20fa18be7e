"""The sensor rematch, driven as the daemon drives it, and runs whose process is gone."""

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from meetbefore_assets.definitions import build_definitions
from meetbefore_assets.defs import sensors
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.running import instance as instances
from meetbefore_assets.running.partitions import PARTITIONS_NAME
from meetbefore_assets_tests.support.daemon import NAMES, Daemon
from meetbefore_assets_tests.support.fakes import write_video

pytestmark = pytest.mark.slow


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Daemon(tmp_path, instance)


def two_days(daemon: Daemon) -> None:
    write_video(daemon.videos, NAMES[0], [[1], [2]])
    write_video(daemon.videos, NAMES[1], [[1]])
    daemon.look()
    daemon.take()


def test_tracks_are_matched_once(daemon: Daemon) -> None:
    two_days(daemon)
    assert daemon.match()
    assert daemon.in_step()
    assert not daemon.match()


def test_a_database_that_is_out_of_step_is_published_again(daemon: Daemon) -> None:
    two_days(daemon)
    daemon.match()
    assert isinstance(daemon.rematch(cursor=None), dg.SkipReason)
    (daemon.videos / NAMES[0]).unlink()
    assert isinstance(daemon.rematch(), dg.SkipReason), "it was looked at a moment ago"
    request = daemon.rematch(cursor=None)
    assert isinstance(request, dg.RunRequest)
    daemon.launch("match", request)
    assert isinstance(daemon.rematch(cursor=None), dg.SkipReason)


def test_a_threshold_that_goes_to_and_fro_is_followed_every_time(daemon: Daemon) -> None:
    two_days(daemon)
    daemon.match()
    for threshold in ("0.99", "auto", "0.99", "auto", "0.99"):
        settings_file.apply(daemon.folder, [f"matching.threshold={threshold}"])
        assert not daemon.in_step()
        assert daemon.match()
        assert daemon.in_step()


def test_a_change_during_a_run_is_noticed_after_it(daemon: Daemon) -> None:
    two_days(daemon)
    real = daemon.home.adapters.storage.open_database

    def change(path: Path, shared_uri: str) -> object:
        settings_file.apply(daemon.folder, ["matching.threshold=0.99"])
        daemon.home.adapters.storage.open_database = real
        return real(path, shared_uri)

    daemon.home.adapters.storage.open_database = change
    assert daemon.match()
    assert not daemon.in_step()
    assert daemon.match()
    assert daemon.in_step()
    assert not daemon.match()


@pytest.mark.parametrize("job", ["process_video", "match"])
def test_matching_waits_for_what_is_under_way(daemon: Daemon, job: str) -> None:
    two_days(daemon)
    run = daemon.add_run(job, dg.DagsterRunStatus.STARTED)
    assert not daemon.match()
    daemon.instance.report_run_failed(run)
    assert daemon.match()


def test_matching_does_not_wait_for_ever_while_videos_keep_coming(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    two_days(daemon)
    daemon.add_run("process_video", dg.DagsterRunStatus.STARTING)
    assert not daemon.match()
    monkeypatch.setattr(sensors, "MATCH_EVERY_S", 0.0)
    assert daemon.match()


def test_matching_that_fails_is_tried_three_times_and_then_says_so(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    two_days(daemon)
    real = daemon.home.adapters.storage.open_database

    def refuse(path: Path, shared_uri: str) -> object:
        raise OSError("no space left on device")

    daemon.home.adapters.storage.open_database = refuse
    rounds = [daemon.match() for _ in range(6)]
    assert rounds[:3] == [True, True, True]
    assert not rounds[-1]
    reason = daemon.rematch()
    assert isinstance(reason, dg.SkipReason)
    assert "failed 3 times for the same input" in str(reason.skip_message)
    daemon.home.adapters.storage.open_database = real
    settings_file.apply(daemon.folder, ["encounters.gap_min=20"])
    assert daemon.match()
    assert not daemon.match()


def test_a_run_whose_process_is_gone_holds_up_nobody(daemon: Daemon) -> None:
    two_days(daemon)
    run = daemon.add_run("match", dg.DagsterRunStatus.STARTED, {**instances.process_tags("OWN"), instances.PID_TAG: str(2**22 - 3)})
    assert daemon.match()
    dead = daemon.instance.get_run_by_id(run.run_id)
    assert dead is not None
    assert dead.status is dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize(
    "changed",
    [{}, {instances.HOST_TAG: "elsewhere", instances.PID_TAG: "4194301"}, {instances.RUN_TAG: "its parent", instances.PID_TAG: "4194301"}],
    ids=["alive", "another machine", "tags of the run it repeats"],
)
def test_a_run_that_may_be_alive_is_left_alone(daemon: Daemon, changed: dict[str, str]) -> None:
    daemon.add_run("match", dg.DagsterRunStatus.STARTED, {**instances.process_tags("OWN"), **changed})
    assert instances.close_dead_runs(daemon.instance) == 0


@pytest.mark.parametrize(
    "changed",
    [{instances.BOOT_TAG: "another boot"}, {instances.BOOT_TAG: "1000000000"}, {instances.BORN_TAG: "-5000.0"}],
    ids=["before a restart", "before a restart, told by its time", "number given to another process"],
)
def test_a_run_of_a_process_that_is_gone_is_closed(daemon: Daemon, changed: dict[str, str]) -> None:
    daemon.add_run("match", dg.DagsterRunStatus.STARTED, {**instances.process_tags("OWN"), **changed})
    assert instances.close_dead_runs(daemon.instance) == 1


def test_every_run_says_which_process_is_behind_it(daemon: Daemon) -> None:
    write_video(daemon.videos, NAMES[0], [[1]])
    daemon.look()
    daemon.look()
    job = build_definitions(daemon.home).resolve_job_def("process_video")
    (video_id,) = daemon.instance.get_dynamic_partitions(PARTITIONS_NAME)
    job.execute_in_process(instance=daemon.instance, partition_key=video_id, asset_selection=[dg.AssetKey("videos")])
    assert {run.tags[instances.PID_TAG] for run in daemon.instance.get_runs()} == {str(os.getpid())}
    assert all(run.tags[instances.RUN_TAG] == run.run_id for run in daemon.instance.get_runs())
