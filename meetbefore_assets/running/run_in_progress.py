"""Progress of a run for other processes: a small file in the home while the run goes on, with numbers and no names."""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import psutil

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.recordings.intake import Intake
from meetbefore_assets.running.pace import Pace
from meetbefore_assets.running.run_observer import RunObserver
from meetbefore_assets.running.worker import Outcome, Progress
from meetbefore_assets.storage.atomic_file import write_private

# A run reports every sampled frame; the file is written no more often than this.
EVERY_S = 0.5

Phase = Literal["searching", "importing", "processing", "matching"]


@dataclass(frozen=True)
class RunInProgress:
    """Progress of a run.

    Attributes:
        pid, born_s: id and start time of its process; a later process with the same id has another start time.
        phase: current step.
        files, of_files: files found so far; then files read, of all.
        videos, done: videos to process, and those finished (including failed ones).
        jobs: videos processed at a time.
        footage_s: length of the videos processed successfully, seconds.
        begun_s: when processing began, seconds since 1970.
        frames, of_frames: frames done, of all sampled frames of the videos in work.
    """

    pid: int
    born_s: float
    phase: Phase = "searching"
    files: int = 0
    of_files: int = 0
    videos: int = 0
    done: int = 0
    jobs: int = 0
    footage_s: float = 0.0
    begun_s: float = 0.0
    frames: int = 0
    of_frames: int = 0

    @property
    def pace(self) -> Pace:
        """The pace of the run; its times are those of `time.time`."""
        return Pace(self.videos, self.begun_s, self.done, self.footage_s)


def run_in_progress(home_folder: Path) -> RunInProgress | None:
    """Return the progress of the run that is going on over a home on this machine; None if there is none."""
    try:
        found = RunInProgress(**json.loads(_path(home_folder).read_text()))
    except (FileNotFoundError, ValueError, TypeError):  # no file, or one of another version
        return None
    with contextlib.suppress(psutil.Error):
        return found if psutil.Process(found.pid).create_time() == found.born_s else None
    return None


@contextlib.contextmanager
def shown_to_others(home_folder: Path, observer: RunObserver) -> Iterator[RunObserver]:
    """Yield an observer that passes every call on to `observer` and writes the progress file; the file is removed at the end."""
    shown = _ProgressWriter(home_folder, observer)
    try:
        yield shown
    finally:
        shown.end()


def _path(home_folder: Path) -> Path:
    return home_folder / "tmp" / "run.json"


class _ProgressWriter:
    """Implements `run.RunObserver`: writes the progress file."""

    def __init__(self, home_folder: Path, observer: RunObserver) -> None:
        self._path, self._observer = _path(home_folder), observer
        self._now = RunInProgress(os.getpid(), psutil.Process().create_time())
        self._in_work: dict[str, Progress] = {}
        self._written_s = -EVERY_S

    def remembered(self, folders: list[str]) -> None:
        self._observer.remembered(folders)

    def searching(self, files: int) -> None:
        self._show(replace(self._now, files=files))
        self._observer.searching(files)

    def importing(self, done: int, total: int, name: str) -> None:
        self._show(replace(self._now, phase="importing", files=done, of_files=total))
        self._observer.importing(done, total, name)

    def imported(self, intake: Intake) -> None:
        self._observer.imported(intake)

    def started(self, videos: int, jobs: int) -> None:
        self._show(replace(self._now, phase="processing", videos=videos, jobs=jobs, begun_s=time.time()), at_once=True)
        self._observer.started(videos, jobs)

    def progressed(self, progress: Progress) -> None:
        self._in_work[progress.partition] = progress
        self._show(self._with_frames())
        self._observer.progressed(progress)

    def finished(self, outcome: Outcome) -> None:
        self._in_work.pop(outcome.task.partition, None)
        if self._now.phase == "processing":
            now = self._with_frames()
            self._show(replace(now, done=now.done + 1, footage_s=now.footage_s + outcome.footage_s), at_once=True)
        self._observer.finished(outcome)

    def embedding_again(self, videos: int) -> None:
        self._observer.embedding_again(videos)

    def matching(self) -> None:
        self._show(replace(self._now, phase="matching", frames=0, of_frames=0), at_once=True)
        self._observer.matching()

    def end(self) -> None:
        """Remove the file, unless another run has written its own."""
        with contextlib.suppress(OSError, ValueError):
            if json.loads(self._path.read_text())["pid"] == self._now.pid:
                self._path.unlink(missing_ok=True)

    def _with_frames(self) -> RunInProgress:
        known = self._in_work.values()
        return replace(self._now, frames=sum(one.done for one in known), of_frames=sum(one.total for one in known))

    def _show(self, now: RunInProgress, *, at_once: bool = False) -> None:
        self._now = now
        if at_once or time.monotonic() - self._written_s >= EVERY_S:
            self._written_s = time.monotonic()
            # A full disk stops the run where results are written, with a sentence; the progress file must not stop it.
            with contextlib.suppress(StoreError):
                write_private(self._path, json.dumps(asdict(now)).encode())
