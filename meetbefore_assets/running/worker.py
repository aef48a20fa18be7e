"""A worker process: executes Dagster jobs over one home, one after another, with the models loaded once.

Videos are processed in separate processes, so that a file that crashes a decoder crashes nothing else.
"""

import contextlib
import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meetbefore_assets.core import errors
from meetbefore_assets.faces.frame_counts import undecodable_sentence
from meetbefore_assets.home.home import Home
from meetbefore_assets.recordings.failures import refuse_unreadable
from meetbefore_assets.running.instance_folder import prepare
from meetbefore_assets.running.libraries import check_libraries
from meetbefore_assets.storage.private_folder import file_mode, mask_process, private_folder

if TYPE_CHECKING:
    import dagster as dg

PROGRESS_EVERY_S = 0.2
# Makes the Dagster definitions of a home; a function of a module, so that a worker process can import it.
BuildDefinitions = Callable[[Home], "dg.Definitions"]
EXIT_ORPHANED = 3


@dataclass(frozen=True)
class Task:
    """A job to execute for one partition; `assets` limits it to some of its assets."""

    job: str
    partition: str
    assets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Videos:
    """Asks a worker to add videos to the UI and to remove others; it also closes runs whose process is gone."""

    known: tuple[str, ...]
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class Progress:
    """How many sampled frames of a video are done."""

    partition: str
    done: int
    total: int


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        task: the task.
        is_success: whether it succeeded.
        message: why it failed, or which part was left out, in a sentence.
        run_id: id of Dagster's run; "" if the run could not begin, or not end.
        is_crash: the process crashed; the video is not tried again before its file, the settings or the program change.
        footage_s: length of the video that was processed, seconds.
    """

    task: Task
    is_success: bool
    message: str
    run_id: str
    is_crash: bool = False
    footage_s: float = 0.0


@dataclass(frozen=True)
class WorkerEnvironment:
    """What a worker takes over from the process that starts it; it may have been forked from another one long before.

    Attributes:
        variables: environment variables.
        libraries: names in LIBRARIES, loaded and checked before the first task.
    """

    variables: Mapping[str, str]
    libraries: tuple[str, ...]


def run_worker(
    build_definitions: BuildDefinitions, home_folder: str, threads: int, environment: WorkerEnvironment, connection: Connection
) -> None:
    """Execute tasks from `connection` until it receives None; what libraries print goes to `<home>/dagster/logs/worker.log`.

    The worker answers a Task with an Outcome, and Videos with None. If it cannot work at all (a library is broken, Dagster's database is
    unreadable), it answers with a MeetbeforeError.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.clear()
    os.environ.update(environment.variables)
    mask_process(Path(home_folder))
    redirect_output(Path(home_folder))
    with contextlib.suppress(EOFError, BrokenPipeError):
        try:
            check_libraries(environment.libraries)
            executor = _Executor(build_definitions, Path(home_folder), threads, _Throttle(connection).report)
            while (asked := connection.recv()) is not None:
                if isinstance(asked, Videos):
                    executor.note(asked)
                    connection.send(None)
                else:
                    connection.send(executor.execute(asked))
        except errors.MeetbeforeError as error:
            connection.send(error)


def execute_in_this_process(build_definitions: BuildDefinitions, home_folder: Path, task: Task) -> Outcome:
    """Execute one task in this process, for work that runs no decoder; this saves the seconds that starting a worker takes."""
    return _Executor(build_definitions, home_folder, 0, lambda _video_id, _done, _total: None).execute(task)


def redirect_output(home_folder: Path) -> None:
    """Write what this process prints to `<home>/dagster/logs/worker.log` from now on."""
    log = home_folder / "dagster" / "logs" / "worker.log"
    private_folder(log.parent)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, file_mode(log.parent))
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(target, stream.fileno())
    os.close(target)


class _Throttle:
    """Sends progress at most a few times a second."""

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
                # The parent process is dead. The next run does this task again; the video does not count as failed.
                os._exit(EXIT_ORPHANED)


class _Executor:
    """Executes tasks with Dagster, which is loaded once."""

    def __init__(
        self, build_definitions: BuildDefinitions, home_folder: Path, threads: int, progress: Callable[[str, int, int], None]
    ) -> None:
        from meetbefore_assets.running import instance

        prepare(home_folder)
        # A worker does its tasks itself; executors of a cluster are for runs that Dagster launches.
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
        self._explain_error = instance.explain_error

    def note(self, videos: Videos) -> None:
        """Add videos to the partitions in the UI, and remove others. Raises MeetbeforeError."""
        from meetbefore_assets.running import instance

        try:
            instance.close_dead_runs(self._instance)
            instance.add_partitions(self._instance, videos.known)
            instance.drop_partitions(self._instance, videos.gone)
        except Exception as error:
            raise self._explain_error(self._home.folder, error) from error

    def execute(self, task: Task) -> Outcome:
        from meetbefore_assets.running.execute_job import execute_job
        from meetbefore_assets.running.partitions import ONLY_MISSING_TAG

        if "videos" in task.assets and (reason := refuse_unreadable(self._home, task.partition)):
            return Outcome(task, False, reason, "")
        job, run_id = self._definitions.resolve_job_def(task.job), str(uuid.uuid4())
        tags = {**self._tags(run_id), ONLY_MISSING_TAG: "true"}
        try:
            ended = execute_job(self._instance, job, run_id, task.partition, task.assets, tags)
        except Exception as error:
            logging.getLogger(__name__).exception("the job %s could not be executed", task.job)
            return Outcome(task, False, str(self._explain_error(self._home.folder, error)), "")
        if not ended.is_success:
            return Outcome(task, False, failure_message(ended.events), run_id)
        return Outcome(task, True, self._left_out(task), run_id, footage_s=self._footage_s(task))

    def _left_out(self, task: Task) -> str:
        """Say which part of a video could not be decoded; "" if all was."""
        stamp = self._home.store.stamp("detections", task.partition) if "detections" in task.assets else None
        return undecodable_sentence(stamp.facts) if stamp else ""

    def _footage_s(self, task: Task) -> float:
        """Return the length of the task's video, in seconds."""
        if task.job != "process_video" or self._home.store.stamp("videos", task.partition) is None:
            return 0.0
        return float(self._home.store.get("videos", task.partition, ["duration_s"])["duration_s"][0])


def failure_message(events: Iterable[Any]) -> str:
    """Return the message of the first failure of a Dagster run."""
    for event in events:
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


def _without_error_class(message: str) -> str:
    """Remove the name of the class with which Dagster begins an error's message, if the error is one of this package."""
    kind, _, words = message.strip().partition(": ")
    return words if kind.startswith(f"{errors.__name__}.") else message.strip()
