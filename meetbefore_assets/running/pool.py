"""A pool of worker processes, each of which executes Dagster jobs one after another."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from meetbefore_assets.running.capacity import threads_per_job
from meetbefore_assets.running.worker import BuildDefinitions, Outcome, Progress, Task, run_worker

# What a broken decoder or too little memory ends in; whoever was told to end, or could not begin, is not to blame.
_CRASHES = {-number for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGKILL)}


@dataclass
class _Worker:
    process: BaseProcess
    pipe: "connection.Connection[Task | None, Outcome | Progress]"
    task: Task | None = None


class Pool:
    """Runs tasks in worker processes; a crash of one fails its task alone."""

    def __init__(self, build_definitions: BuildDefinitions, home_folder: Path, jobs: int) -> None:
        self._build_definitions = build_definitions
        self._home_folder = home_folder
        self._jobs = jobs
        self._threads = threads_per_job(jobs)
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []

    def run(self, tasks: Iterable[Task], on_progress: Callable[[Progress], None]) -> Iterator[Outcome]:
        """Outcomes as they come, in any order."""
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
                else:
                    worker.task = None
                    yield message

    def warm_up(self, workers: int) -> None:
        """Start some processes before there is work: they load their libraries while the caller goes on."""
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
            with suppress(BrokenPipeError):  # a worker that died idle is found dead by the reading side
                worker.pipe.send(worker.task)

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=run_worker, args=(self._build_definitions, str(self._home_folder), self._threads, theirs), daemon=True
        )
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _reap(self, worker: _Worker) -> Outcome:
        worker.process.join()
        self._workers.remove(worker)
        task = worker.task
        assert task is not None
        log = self._home_folder / "dagster" / "logs" / "worker.log"
        message = f"The process that worked on it died ({_exit_description(worker.process.exitcode)}); the end of {log} may say why."
        return Outcome(task, False, message, "", is_crash=worker.process.exitcode in _CRASHES)

    def close(self, *, now: bool = False) -> None:
        """Let the workers go; `now` ends them in the middle of their work, which loses nothing that was written."""
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
