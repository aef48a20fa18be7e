"""A worker process: executes Dagster jobs over one home, one after another, with the models loaded once.

Videos are worked on in processes of their own, so that a file that crashes a decoder takes nothing else with it.
"""

import contextlib
import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meetbefore_assets.core import errors
from meetbefore_assets.home.home import Home

if TYPE_CHECKING:
    import dagster as dg

PROGRESS_EVERY_S = 0.2
# Builds the definitions over a home; a function of a module, so that a worker process can be handed it.
BuildDefinitions = Callable[[Home], "dg.Definitions"]
EXIT_ORPHANED = 3


@dataclass(frozen=True)
class Task:
    """A job to execute for one partition; `assets` limits it to some of its assets."""

    job: str
    partition: str
    assets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Progress:
    """How many of the moments of a video are done."""

    partition: str
    done: int
    total: int


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        task: what was to be done.
        is_success: whether it was.
        message: why it failed, in a sentence.
        run_id: of Dagster; "" where the run could not even begin or end.
        is_crash: the process died over it, so that it is not tried again and again.
        footage_s: how long the video is that came through.
    """

    task: Task
    is_success: bool
    message: str
    run_id: str
    is_crash: bool = False
    footage_s: float = 0.0


def run_worker(build_definitions: BuildDefinitions, home_folder: str, threads: int, connection: Connection) -> None:
    """Execute tasks from `connection` until None comes; what libraries print goes to `<home>/dagster/logs/worker.log`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _redirect(Path(home_folder) / "dagster" / "logs" / "worker.log")
    executor = _Executor(build_definitions, Path(home_folder), threads, _Throttle(connection).report)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while (task := connection.recv()) is not None:
            connection.send(executor.execute(task))


def execute_in_this_process(build_definitions: BuildDefinitions, home_folder: Path, task: Task) -> Outcome:
    """Execute one task in this process: seconds less than in one of its own, for work that runs no decoder."""
    return _Executor(build_definitions, home_folder, 0, lambda _video_id, _done, _total: None).execute(task)


def _redirect(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(target, stream.fileno())
    os.close(target)


class _Throttle:
    """Sends progress a few times a second at most."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last_s = 0.0

    def report(self, video_id: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last_s >= PROGRESS_EVERY_S or done == total:
            self._last_s = now
            try:
                self._connection.send(Progress(video_id, done, total))
            except OSError:
                # Whoever asked for this work is dead. What is half done is done again by the next run, and is no video's fault.
                os._exit(EXIT_ORPHANED)


class _Executor:
    """Dagster, loaded once."""

    def __init__(
        self, build_definitions: BuildDefinitions, home_folder: Path, threads: int, progress: Callable[[str, int, int], None]
    ) -> None:
        from meetbefore_assets.running import instance

        instance.prepare(home_folder)
        # What is asked for here is done here: the engine of a cluster is for runs that Dagster launches.
        os.environ.pop("MEETBEFORE_EXECUTOR", None)
        logging.getLogger("dagster").setLevel(logging.CRITICAL)

        from meetbefore_assets.open_home import open_home

        home = open_home(home_folder)
        home.threads = threads
        home.progress = progress
        self._home = home
        self._definitions = build_definitions(home)
        self._instance = instance.enter_instance(home_folder)
        self._tags = instance.process_tags
        self._trouble = instance.explain_error

    def execute(self, task: Task) -> Outcome:
        from meetbefore_assets.running.partitions import ONLY_MISSING_TAG

        job = self._definitions.resolve_job_def(task.job)
        run_id = str(uuid.uuid4())
        try:
            result: Any = job.execute_in_process(
                instance=self._instance,
                partition_key=task.partition,
                asset_selection=_keys(task.assets),
                tags={**self._tags(run_id), ONLY_MISSING_TAG: "true"},
                run_id=run_id,
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
        except Exception as error:
            logging.getLogger(__name__).exception("the job %s could not be executed", task.job)
            return Outcome(task, False, str(self._trouble(self._home.folder, error)), "")
        if not result.success:
            return Outcome(task, False, _message(result), str(result.run_id))
        return Outcome(task, True, "", str(result.run_id), footage_s=self._footage_s(task))

    def _footage_s(self, task: Task) -> float:
        """Length of the video of a task that was about one."""
        if task.job != "process_video" or self._home.store.stamp("videos", task.partition) is None:
            return 0.0
        return float(self._home.store.get("videos", task.partition, ["duration_s"])["duration_s"][0])


def _keys(assets: tuple[str, ...]) -> Any:
    import dagster as dg

    return [dg.AssetKey(name) for name in assets] or None


def _message(result: Any) -> str:
    """The first failure's own words."""
    for event in result.all_events:
        if event.event_type_value == "ASSET_CHECK_EVALUATION" and not event.event_specific_data.passed:
            verdict = event.event_specific_data
            if verdict.blocking and verdict.severity.value == "ERROR":
                return f"the check {verdict.check_name} of {verdict.asset_key.to_user_string()} failed: {verdict.description}"
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return str(data.user_failure_data.description)
            cause = data.error.cause or data.error if data.error else None
            return _without_error_class(str(cause.message)) if cause else "the step failed without a message"
    return "the run failed before its first step; its log in the Dagster UI says why"


def _without_error_class(told: str) -> str:
    """What Dagster keeps of an error begins with its class, which says nothing to people where the error is one of ours."""
    kind, _, words = told.strip().partition(": ")
    return words if kind.startswith(f"{errors.__name__}.") else told.strip()
