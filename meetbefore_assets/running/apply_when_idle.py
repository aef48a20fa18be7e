"""Makes what people say official once their hands rest: the run of the command line, in a process of its own.

An answer is on record when it was given; what follows is the run that decides, scores and publishes, several answers in one. A process that
died over it is tried again, and whatever is not in step when the app starts is brought in step, so no answer waits for anybody.
"""

import contextlib
import datetime as dt
import logging
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.core.words import count
from meetbefore_assets.open_home import open_home
from meetbefore_assets.running.instance_folder import prepare
from meetbefore_assets.running.run import is_up_to_date, update_identities
from meetbefore_assets.running.worker import BuildDefinitions, redirect_output

_LOG = logging.getLogger(__name__)
PAUSE_S = 2.0
# After a process that died; then somebody must look.
_RETRY_AFTER_S = (2.0, 10.0, 60.0)
# Other runs are at work, of which the last brings all in step: it is looked whether it did.
_OTHERS_S = 10.0
_LOOK_EVERY_S = 0.1

Kind = Literal["in step", "waiting", "running", "failed"]
# Brings a home in step in this process; "", or why others will.
Update = Callable[[Path, BuildDefinitions], str]


@dataclass(frozen=True)
class ApplyState:
    """Where making answers official stands.

    Attributes:
        kind: nothing waits; something does; a run is at it; or it failed, and waits for `retry` or the next answer.
        reason: why it failed, or what is waited for, in a sentence; "" where there is nothing to say.
        since: UTC.
    """

    kind: Kind
    reason: str
    since: dt.datetime


class ApplyWhenIdle:
    """Brings a home in step whenever nothing was said for a while. Its methods may be called by any thread.

    Args:
        home_folder: the home.
        build_definitions: the Dagster definitions over a home; a function of a module, which the process is handed.
        pause_s: how long hands rest before a run begins.
        update: what is done in that process.
    """

    def __init__(
        self, home_folder: Path, build_definitions: BuildDefinitions, pause_s: float = PAUSE_S, update: Update = update_identities
    ) -> None:
        self._home_folder, self._build_definitions, self._pause_s, self._update = home_folder, build_definitions, pause_s, update
        self._moving = threading.Condition()
        self._due_s: float | None = None
        self._is_stopped = False
        self._deaths = 0
        self._process: BaseProcess | None = None
        self._state = ApplyState("in step", "", _now())
        self._thread = threading.Thread(target=self._watch, name="apply when idle", daemon=True)

    def start(self) -> None:
        """Begin to watch; what is on record and not in step is applied at once."""
        self._thread.start()

    def hands_moved(self) -> None:
        """Something was said just now: a run begins when nothing more is for a while."""
        with self._moving:
            self._deaths = 0
            self._wait_for(self._pause_s)

    def retry(self) -> None:
        """Try at once what failed."""
        with self._moving:
            self._deaths = 0
            self._wait_for(0.0)

    def state(self) -> ApplyState:
        """Where it stands now."""
        return self._state

    def stop(self, patience_s: float = 10.0) -> None:
        """End; a run that is going may end first, and is interrupted when it takes longer. What is on record stays, and waits."""
        with self._moving:
            self._is_stopped = True
            self._moving.notify_all()
        deadline = time.monotonic() + patience_s
        if self._thread.is_alive():
            self._thread.join(patience_s)
        while (process := self._process) is not None and process.is_alive():
            if time.monotonic() < deadline + patience_s:
                process.terminate()  # Dagster writes down that the run was interrupted
            else:
                process.kill()
            process.join(1.0)
        if self._thread.is_alive():
            self._thread.join()

    def _wait_for(self, seconds: float, reason: str = "") -> None:
        self._due_s = time.monotonic() + seconds
        if self._process is None:
            self._tell("waiting", reason)
        self._moving.notify_all()

    def _tell(self, kind: Kind, reason: str = "") -> None:
        self._state = ApplyState(kind, reason, _now())

    def _watch(self) -> None:
        self._attempt(self._apply_what_waits)
        while self._rest():
            self._attempt(self._run)

    def _attempt(self, step: Callable[[], None]) -> None:
        """Take a step and tell whatever it fails of; were this thread to end, answers would wait unseen."""
        try:
            step()
        except Exception as error:
            _LOG.exception("answers could not be applied")
            with self._moving:
                self._process = None
                self._tell("failed", f"answers could not be applied: {error}. Every answer is on record.")

    def _apply_what_waits(self) -> None:
        try:
            is_waiting = not is_up_to_date(open_home(self._home_folder))
        except MeetbeforeError as error:
            self._tell("failed", str(error))
            return
        if is_waiting:
            self.retry()

    def _rest(self) -> bool:
        """Wait until a run is due; False: it is over."""
        with self._moving:
            while not self._is_stopped:
                left_s = None if self._due_s is None else self._due_s - time.monotonic()
                if left_s is not None and left_s <= 0:
                    self._due_s = None
                    return True
                self._moving.wait(left_s)
        return False

    def _run(self) -> None:
        """One run to its end, and what came of it."""
        context = multiprocessing.get_context("spawn")
        answers, told = context.Pipe(duplex=False)
        process = context.Process(target=_apply, args=(self._update, self._home_folder, self._build_definitions, told), name="apply")
        with self._moving:
            self._process = process
            self._tell("running")
        process.start()
        told.close()
        while process.is_alive() and not answers.poll(_LOOK_EVERY_S):
            pass
        answer = _received(answers)
        process.join()
        with self._moving:
            self._process = None
            self._conclude(answer, process.exitcode)

    def _conclude(self, answer: str | MeetbeforeError | None, exit_code: int | None) -> None:
        if self._due_s is not None:  # hands moved meanwhile
            self._tell("waiting")
        elif isinstance(answer, MeetbeforeError):
            self._tell("failed", str(answer))
        elif answer is None:
            self._deaths += 1
            died = f"the process that applies answers died ({exit_code})"
            if self._deaths > len(_RETRY_AFTER_S):
                self._tell("failed", f"{died}, {count(self._deaths, 'time')} in a row. Every answer is on record.")
            else:
                self._wait_for(_RETRY_AFTER_S[self._deaths - 1], f"{died}; it is tried again.")
        elif answer:
            self._wait_for(_OTHERS_S, f"other runs are at work: {answer}")
        else:
            self._tell("in step")


def _received(answers: "Connection[None, str | MeetbeforeError]") -> str | MeetbeforeError | None:
    try:
        return answers.recv()
    except EOFError:
        return None


def _apply(update: Update, home_folder: Path, build_definitions: BuildDefinitions, told: "Connection[str | MeetbeforeError, None]") -> None:
    """In a process of its own: bring the home in step, and tell why not. It ends its work also where nobody is left to be told."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the app, which lets a run end
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    prepare(home_folder)
    redirect_output(home_folder)
    answer: str | MeetbeforeError
    try:
        answer = update(home_folder, build_definitions)
    except MeetbeforeError as error:
        answer = error
    with contextlib.suppress(BrokenPipeError):
        told.send(answer)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
