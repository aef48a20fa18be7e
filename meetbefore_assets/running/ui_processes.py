"""The processes of `meetbefore ui`: code server, web server and daemon, started and stopped together."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import psutil

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.running.code_location import LOCATION_NAME, MODULE
from meetbefore_assets.storage.private_folder import private_folder

LOG = Path("dagster") / "logs" / "ui.log"
_CHILD = "meetbefore_assets.running.child"
# Seconds that a process may take to end when interrupted, and then when terminated.
_GRACE_S, _LAST_GRACE_S = 10.0, 3.0
_TAIL_LINES = 12


class UiProcesses:
    """Context manager that starts the processes, and stops them and their children; their output goes to `<home>/dagster/logs/ui.log`."""

    def __init__(self, home_folder: Path, web_module: str, listener: socket.socket, web_environment: Mapping[str, str]) -> None:
        """Prepare for a home whose environment is set (`instance_folder.prepare`).

        Args:
            home_folder: the home.
            web_module: module that serves the web app; its arguments are the code server's socket, the address and the listening socket.
            listener: bound to the address and the port of the web app.
            web_environment: environment variables for the web app only.
        """
        self.log = home_folder / LOG
        self._web_module, self._listener, self._web_environment = web_module, listener, web_environment
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "UiProcesses":
        private_folder(self.log.parent)
        self._out: BinaryIO = self._stack.enter_context(open(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"))
        # The path of a socket must be short, and that of a home may be long; this folder is private too.
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="meetbefore-ui-")))
        self._code_server, self._workspace = folder / "definitions", folder / "workspace.yaml"
        self._workspace.write_text(f"load_from: [{{grpc_server: {{socket: {self._code_server}, location_name: {LOCATION_NAME}}}}}]\n")
        self._stack.callback(self._stop)
        serving = ["code-server", "start", "--socket", str(self._code_server), "--module-name", MODULE, "--location-name", LOCATION_NAME]
        self._start("definitions", "dagster", [*serving, "--log-level", "warning", "--use-python-environment-entry-point"])
        number = self._listener.fileno()
        arguments = [str(self._code_server), self._listener.getsockname()[0], str(number)]
        self._start("web server", self._web_module, arguments, (number,), self._web_environment)
        return self

    def start_daemon(self) -> None:
        """Start the daemon; only after the web server has created Dagster's databases, which the daemon opens."""
        self._start("daemon", "dagster._daemon", ["run", "--log-level", "warning", "--workspace", str(self._workspace)])

    def _start(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        inherited: tuple[int, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        # -P: files in the current folder must not be imported. A session of its own: only this process gets Ctrl-C.
        command = [sys.executable, "-P", "-m", _CHILD, module, *arguments]
        variables = {**os.environ, **(environment or {})}
        streams = {"stdin": subprocess.PIPE, "stdout": self._out, "stderr": self._out}
        self._children[name] = subprocess.Popen(command, start_new_session=True, pass_fds=inherited, env=variables, **streams)  # type: ignore[call-overload]

    def check(self) -> None:
        """Raise MeetbeforeError if one of the processes ended."""
        for name, child in self._children.items():
            if child.poll() is not None:
                raise MeetbeforeError(f"The {name} ended unexpectedly ({child.returncode}).{self._log_tail()}", remedy=f"See {self.log}.")

    def state(self) -> dict[str, str]:
        """State of the web server: keys `app` and `dagster`, values `ready` or `loading`; empty while it does not answer.

        Raises:
            MeetbeforeError: a process ended.
        """
        self.check()
        host, port = self._listener.getsockname()[:2]
        address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        connection = http.client.HTTPConnection(address, port, timeout=5)  # not urllib, which would use a proxy of the environment
        try:
            connection.request("GET", "/alive")
            return dict(json.loads(connection.getresponse().read()))
        except (OSError, ValueError, http.client.HTTPException):
            return {}
        finally:
            connection.close()

    def _log_tail(self) -> str:
        self._out.flush()
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return "".join(f"\n  {line}" for line in ["The end of its log:", *lines]) if lines else ""

    def _stop(self) -> None:
        """Stop all processes and the runs they started; nothing that was written is lost. Another Ctrl-C stops them at once."""
        family = [member for child in self._children.values() for member in _family(child)]
        try:
            # The code server last: the others use it.
            self._interrupt("daemon", "web server")
            self._interrupt("definitions")
            _, family = psutil.wait_procs(family, timeout=_LAST_GRACE_S)
        except KeyboardInterrupt:
            pass
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        for child in self._children.values():
            child.wait()

    def _interrupt(self, *names: str) -> None:
        children = [self._children[name] for name in names if name in self._children]
        # With their children, so that an unfinished run records that it was interrupted.
        for member in (member for child in children for member in _family(child)):
            with suppress(psutil.NoSuchProcess):
                member.send_signal(signal.SIGINT)
        deadline = time.monotonic() + _GRACE_S
        while time.monotonic() < deadline and any(child.poll() is None for child in children):
            time.sleep(0.05)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._stack.close()


def _family(child: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """A running child process and its descendants."""
    try:
        process = psutil.Process(child.pid)
        return [process, *process.children(recursive=True)] if child.poll() is None else []
    except psutil.NoSuchProcess:
        return []
