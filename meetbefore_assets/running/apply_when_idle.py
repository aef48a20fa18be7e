"""Applies corrections made in the app: runs the job `match` in a child process once no correction was made for a while.

A correction is saved at once; the run that matches, scores and publishes follows, one run for several corrections. If the process dies, the
run is repeated. If the home is not up to date when the app starts, a run begins at once.
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
# Pauses before the run is repeated after its process died; after the last one it is given up, and the app says so.
_RETRY_AFTER_S = (2.0, 10.0, 60.0)
# While other runs go on, the last of which will bring the home up to date: how often that is checked.
_OTHERS_S = 10.0
_LOOK_EVERY_S = 0.1

Kind = Literal["up to date", "waiting", "running", "failed"]
# Brings a home up to date in this process; returns "", or why other runs will do it.
Update = Callable[[Path, BuildDefinitions], str]


@dataclass(frozen=True)
class ApplyState:
    """Whether saved corrections are applied.

    Attributes:
        kind: all are applied; a run is due; a run is going on; or it failed and waits for `retry` or the next correction.
        reason: why it failed, or what it waits for, in a sentence; "" if there is no reason.
        since: naive UTC.
    """

    kind: Kind
    reason: str
    since: dt.datetime


class ApplyWhenIdle:
    """Brings a home up to date once no correction was made for a while. Its methods may be called from any thread.

    Args:
        home_folder: the home.
        build_definitions: makes the Dagster definitions of a home; a function of a module, so that the child process can import it.
        pause_s: seconds without a correction after which a run begins.
        update: called in the child process.
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
        self._state = ApplyState("up to date", "", _now())
        self._thread = threading.Thread(target=self._watch, name="apply when idle", daemon=True)

    def start(self) -> None:
        """Start the thread; if the home is not up to date, a run begins at once."""
        self._thread.start()

    def correction_saved(self) -> None:
        """Let a run begin `pause_s` after the last call."""
        with self._moving:
            self._deaths = 0
            self._wait_for(self._pause_s)

    def retry(self) -> None:
        """Begin a run at once, after a failure."""
        with self._moving:
            self._deaths = 0
            self._wait_for(0.0)

    def state(self) -> ApplyState:
        """The current state."""
        return self._state

    def stop(self, patience_s: float = 10.0) -> None:
        """Stop the thread. A run gets `patience_s` seconds to end, then it is interrupted; saved corrections wait for the next start."""
        with self._moving:
            self._is_stopped = True
            self._moving.notify_all()
        deadline = time.monotonic() + patience_s
        if self._thread.is_alive():
            self._thread.join(patience_s)
        while (process := self._process) is not None and process.is_alive():
            if time.monotonic() < deadline + patience_s:
                process.terminate()  # Dagster records that the run was interrupted
            else:
                process.kill()
            process.join(1.0)
        if self._thread.is_alive():
            self._thread.join()

    def _wait_for(self, seconds: float, reason: str = "") -> None:
        self._due_s = time.monotonic() + seconds
        if self._process is None:
            self._set_state("waiting", reason)
        self._moving.notify_all()

    def _set_state(self, kind: Kind, reason: str = "") -> None:
        self._state = ApplyState(kind, reason, _now())

    def _watch(self) -> None:
        self._attempt(self._check_home)
        while self._wait_until_due():
            self._attempt(self._run)

    def _attempt(self, step: Callable[[], None]) -> None:
        """Call `step`; an error becomes the state, because corrections would wait unnoticed if this thread ended."""
        try:
            step()
        except Exception as error:
            _LOG.exception("corrections could not be applied")
            with self._moving:
                self._process = None
                self._set_state("failed", f"corrections could not be applied: {error}. All of them are saved.")

    def _check_home(self) -> None:
        try:
            is_waiting = not is_up_to_date(open_home(self._home_folder))
        except MeetbeforeError as error:
            self._set_state("failed", str(error))
            return
        if is_waiting:
            self.retry()

    def _wait_until_due(self) -> bool:
        """Wait until a run is due; returns False once `stop` was called."""
        with self._moving:
            while not self._is_stopped:
                left_s = None if self._due_s is None else self._due_s - time.monotonic()
                if left_s is not None and left_s <= 0:
                    self._due_s = None
                    return True
                self._moving.wait(left_s)
        return False

    def _run(self) -> None:
        """Start a child process for one run, wait for it, and set the state."""
        context = multiprocessing.get_context("spawn")
        results, sender = context.Pipe(duplex=False)
        process = context.Process(target=_apply, args=(self._update, self._home_folder, self._build_definitions, sender), name="apply")
        with self._moving:
            self._process = process
            self._set_state("running")
        process.start()
        sender.close()
        while process.is_alive() and not results.poll(_LOOK_EVERY_S):
            pass
        result = _received(results)
        process.join()
        with self._moving:
            self._process = None
            self._conclude(result, process.exitcode)

    def _conclude(self, result: str | MeetbeforeError | None, exit_code: int | None) -> None:
        if self._due_s is not None:  # a correction was made meanwhile
            self._set_state("waiting")
        elif isinstance(result, MeetbeforeError):
            self._set_state("failed", str(result))
        elif result is None:
            self._deaths += 1
            died = f"the process that applies corrections died ({exit_code})"
            if self._deaths > len(_RETRY_AFTER_S):
                self._set_state("failed", f"{died}, {count(self._deaths, 'time')} in a row. All corrections are saved.")
            else:
                self._wait_for(_RETRY_AFTER_S[self._deaths - 1], f"{died}; it will be started again.")
        elif result:
            self._wait_for(_OTHERS_S, f"another run is going on: {result}")
        else:
            self._set_state("up to date")


def _received(results: "Connection[None, str | MeetbeforeError]") -> str | MeetbeforeError | None:
    try:
        return results.recv()
    except EOFError:
        return None


def _apply(
    update: Update, home_folder: Path, build_definitions: BuildDefinitions, sender: "Connection[str | MeetbeforeError, None]"
) -> None:
    """Run by the child process: bring the home up to date and send the result. It finishes even if the app has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the app, which lets this run end
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    prepare(home_folder)
    redirect_output(home_folder)
    result: str | MeetbeforeError
    try:
        result = update(home_folder, build_definitions)
    except MeetbeforeError as error:
        result = error
    with contextlib.suppress(BrokenPipeError):
        sender.send(result)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
