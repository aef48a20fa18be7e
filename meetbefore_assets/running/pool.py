"""A pool of worker processes, each of which executes Dagster jobs one after another.

On Linux workers are forked from one process that has loaded the libraries and done nothing else (`multiprocessing`'s forkserver). So
libraries are loaded once, and a worker that replaces a crashed one has them at once. On other systems each worker loads them itself.
"""

import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.running.capacity import threads_per_job
from meetbefore_assets.running.code_location import MODULE
from meetbefore_assets.running.instance_folder import prepare
from meetbefore_assets.running.libraries import LIBRARIES
from meetbefore_assets.running.worker import BuildDefinitions, Outcome, Progress, Task, Videos, WorkerEnvironment, run_worker

# Exit codes that count as a crash over a video: a broken decoder or too little memory. Other ends (terminated, could not start) do not.
_CRASHES = {-number for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGKILL)}


_Answer = Outcome | Progress | MeetbeforeError | None
# Modules loaded once, before workers are forked. Not `insightface` itself, which would load its whole application.
_PRELOADED = ("meetbefore_assets.running.preloaded", MODULE)
_PRELOADED_INSTEAD = {"insightface": "meetbefore_assets.faces.models.face_models"}


@dataclass
class _Worker:
    process: BaseProcess
    pipe: "connection.Connection[Task | Videos | None, _Answer]"
    task: Task | None = None


class Pool:
    """Runs tasks in worker processes; if a worker crashes, only its task fails.

    Args:
        build_definitions: makes the Dagster definitions of a home; a function of a module, so that worker processes can import it.
        home_folder: the folder of the home.
        jobs: most worker processes.
        libraries: each worker tries these before its first task.
    """

    def __init__(
        self, build_definitions: BuildDefinitions, home_folder: Path, jobs: int, libraries: tuple[str, ...] = tuple(LIBRARIES)
    ) -> None:
        self._build_definitions = build_definitions
        self._home_folder = home_folder
        self._jobs = jobs
        self._libraries = libraries
        self._threads = threads_per_job(jobs)
        self._context: ForkServerContext | SpawnContext = multiprocessing.get_context("spawn")
        if sys.platform == "linux":
            self._context = multiprocessing.get_context("forkserver")
        self._workers: list[_Worker] = []

    def run(self, tasks: Iterable[Task], on_progress: Callable[[Progress], None]) -> Iterator[Outcome]:
        """Run tasks; yield their outcomes as they end, in any order.

        Raises:
            MeetbeforeError: a worker cannot do any work, for a reason that every worker has.
        """
        waiting = deque(tasks)
        while waiting or any(worker.task for worker in self._workers):
            self._feed(waiting)
            busy = {worker.pipe: worker for worker in self._workers if worker.task}
            for pipe in connection.wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                try:
                    message = worker.pipe.recv()
                except (EOFError, ConnectionResetError):
                    yield self._reap(worker)
                    continue
                if isinstance(message, Progress):
                    on_progress(message)
                elif isinstance(message, MeetbeforeError):
                    raise message
                elif message is not None:
                    worker.task = None
                    yield message

    def note(self, videos: Videos) -> None:
        """Add videos to the partitions in the UI, and remove others, in a worker.

        Raises:
            MeetbeforeError: Dagster's database cannot be read or written, or a worker cannot do any work.
        """
        worker = self._workers[0] if self._workers else self._start()
        try:
            worker.pipe.send(videos)
            while isinstance(answer := worker.pipe.recv(), Progress):
                pass
        except (EOFError, OSError):
            raise MeetbeforeError(self._remove_dead(worker), remedy="Run again: nothing is lost.") from None
        if isinstance(answer, MeetbeforeError):
            raise answer

    def warm_up(self, workers: int) -> None:
        """Start workers before there is work, so that they load their libraries while the caller goes on."""
        for _ in range(min(workers, self._jobs) - len(self._workers)):
            self._start()

    def _feed(self, waiting: deque[Task]) -> None:
        while waiting:
            worker = next((worker for worker in self._workers if not worker.task), None)
            if worker is None:
                if len(self._workers) >= self._jobs:
                    return
                worker = self._start()
            worker.task = waiting.popleft()
            with suppress(BrokenPipeError):  # a worker that died while idle: noticed when its pipe is read
                worker.pipe.send(worker.task)

    def _start(self) -> _Worker:
        prepare(self._home_folder)
        environment = WorkerEnvironment(dict(os.environ), self._libraries)
        ours, theirs = self._context.Pipe()
        arguments = (self._build_definitions, str(self._home_folder), self._threads, environment, theirs)
        try:
            process = self._process(arguments)
        except (EOFError, OSError):
            # The process that loads the libraries crashed while loading one; workers that load them themselves report which.
            self._context = multiprocessing.get_context("spawn")
            process = self._process(arguments)
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _process(self, arguments: tuple[object, ...]) -> BaseProcess:
        """Start a worker process."""
        if isinstance(self._context, ForkServerContext):
            self._context.set_forkserver_preload([*_PRELOADED, *(_PRELOADED_INSTEAD.get(name, name) for name in self._libraries)])
        process = self._context.Process(target=run_worker, args=arguments, daemon=True)
        process.start()
        return process

    def _reap(self, worker: _Worker) -> Outcome:
        task = worker.task
        assert task is not None
        message = self._remove_dead(worker)
        return Outcome(task, False, message, "", is_crash=worker.process.exitcode in _CRASHES)

    def _remove_dead(self, worker: _Worker) -> str:
        """Remove a dead worker from the pool; returns a sentence that says how it ended."""
        worker.process.join()
        self._workers.remove(worker)
        log = self._home_folder / "dagster" / "logs" / "worker.log"
        return f"The process that worked on it died ({_exit_description(worker.process.exitcode)}); the end of {log} may say why."

    def close(self, *, now: bool = False) -> None:
        """End the workers after their current task; with `now` at once. Nothing that was written is lost."""
        for worker in self._workers:
            if now:
                worker.process.terminate()
            else:
                with suppress(BrokenPipeError):
                    worker.pipe.send(None)
        for worker in self._workers:
            worker.process.join(timeout=10)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers.clear()


def _exit_description(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"signal {-exit_code}" + (", perhaps out of memory" if exit_code == -9 else "")
    return f"exit code {exit_code}"
