"""Runs that a cluster lost before they began."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus

from meetbefore_assets.running.instance import close_dead_runs

pytestmark = pytest.mark.slow


class Launcher:
    """Says of runs what it was told to say."""

    supports_check_run_worker_health = True

    def __init__(self, said: dict[str, Any]) -> None:
        self.said, self.asked = said, list[str]()

    def check_run_worker_health(self, run: dg.DagsterRun) -> SimpleNamespace:
        self.asked.append(run.run_id)
        if isinstance(self.said[run.run_id], Exception):
            raise self.said[run.run_id]
        return SimpleNamespace(status=self.said[run.run_id])

    def dispose(self) -> None: ...
    def join(self, timeout: int = 0) -> None: ...


@pytest.fixture(name="instance")
def _instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def status_after(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, said: Any) -> tuple[dg.DagsterRunStatus, int]:
    run = instance.add_run(dg.DagsterRun("process_video", status=status))
    instance._run_launcher = Launcher({run.run_id: said})  # type: ignore[assignment]
    closed = close_dead_runs(instance)
    return instance.get_runs(dg.RunsFilter(run_ids=[run.run_id]))[0].status, closed


def test_what_its_cluster_lost_is_marked_as_failed(instance: dg.DagsterInstance) -> None:
    assert status_after(instance, dg.DagsterRunStatus.STARTING, WorkerStatus.FAILED) == (dg.DagsterRunStatus.FAILURE, 1)


@pytest.mark.parametrize(
    "said", [WorkerStatus.RUNNING, WorkerStatus.SUCCESS, WorkerStatus.UNKNOWN, WorkerStatus.NOT_FOUND, ConnectionError("no job server")]
)
def test_what_waits_or_is_not_known_goes_on(instance: dg.DagsterInstance, said: Any) -> None:
    assert status_after(instance, dg.DagsterRunStatus.STARTING, said) == (dg.DagsterRunStatus.STARTING, 0)


def test_runs_that_began_are_watched_by_dagster(instance: dg.DagsterInstance) -> None:
    assert status_after(instance, dg.DagsterRunStatus.STARTED, WorkerStatus.FAILED) == (dg.DagsterRunStatus.STARTED, 0)


def test_launchers_that_cannot_tell_are_not_asked(instance: dg.DagsterInstance) -> None:
    launcher = Launcher({})
    launcher.supports_check_run_worker_health = False
    instance.add_run(dg.DagsterRun("process_video", status=dg.DagsterRunStatus.STARTING))
    instance._run_launcher = launcher  # type: ignore[assignment]
    assert close_dead_runs(instance) == 0
    assert launcher.asked == []
