"""Runs `meetbefore run` in a child process that ends with the app."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.secrets import hide_secrets

_MODULE, _PROGRAM = "meetbefore_assets.running.child", "meetbefore_assets"
_SOME_VIDEOS_FAILED = 1  # exit code of a run that came to its end
_MOST_LETTERS = 2000


class BackgroundRun:
    """At most one run at a time. Runs started in a terminal are not known here; the run lock makes them wait for each other."""

    def __init__(self, home_folder: Path) -> None:
        self._home_folder = home_folder
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._trouble = ""

    @property
    def is_running(self) -> bool:
        """Whether a run started here is in progress."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def trouble(self) -> str:
        """Why the last run stopped early; "" if it finished, whether or not videos failed."""
        return self._trouble

    def start(self, *, retry_failed: bool = False, retry: Sequence[str] = ()) -> None:
        """Start a run: search the sources and process what is new or changed.

        Args:
            retry_failed: try all failed videos again, too.
            retry: ids of those that alone are tried again.

        Raises:
            UsageError: a run that was started here still goes on.
        """
        with self._lock:
            if self.is_running:
                raise UsageError("a run goes on already; expected it to end first.", remedy="The page fills by itself.")
            self._trouble = ""
            asked = [*(["--retry-failed"] if retry_failed else []), *(part for one in retry for part in ("--retry", one))]
            self._thread = threading.Thread(target=self._run, args=(asked,), daemon=True)
            self._thread.start()

    def _run(self, asked: list[str]) -> None:
        command = [sys.executable, "-m", _MODULE, _PROGRAM, "run", "--home", str(self._home_folder)]
        with subprocess.Popen(
            [*command, *asked],
            stdin=subprocess.PIPE,  # its end tells the child that the app is gone
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stderr
            output = b""
            while part := process.stderr.read(_MOST_LETTERS):
                output = (output + part)[-_MOST_LETTERS:]
        if process.returncode not in (0, _SOME_VIDEOS_FAILED):
            message = hide_secrets(output.decode("utf-8", "replace")).strip()
            self._trouble = message or f"the run ended with exit code {process.returncode}"
