"""Serves the app, and with it Dagster's UI where there is one.

As one process of `meetbefore ui`: python -m meetbefore_assets.web.serve CODE_SERVER HOST LISTENER; the home is that of MEETBEFORE_HOME,
a password that of MEETBEFORE_PASSWORD. `meetbefore app` calls `serve_app`, and loads no Dagster.
"""

import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

import uvicorn

from meetbefore_assets.home.home import Home
from meetbefore_assets.open_home import open_home
from meetbefore_assets.web.addresses import DAGSTER
from meetbefore_assets.web.app import DagsterApp, guarded, make_app
from meetbefore_assets.web.guard import local_hosts

PASSWORD = "MEETBEFORE_PASSWORD"
# A page waits so long for the archive to be read, then says that it is.
_PATIENCE_S = 2.0
_ALL = ("0.0.0.0", "::")


def serve_app(
    home: Home,
    listener: socket.socket,
    host: str,
    password: str = "",
    dagster: DagsterApp | None = None,
    on_started: Callable[[], None] = lambda: None,
) -> "Server":
    """Serve until told to end (SIGINT or SIGTERM).

    Args:
        home: whose people are shown.
        listener: bound to the address, and listening.
        host: the address that it was bound to, as people write it.
        password: lets in too; "" for none.
        dagster: Dagster's UI, if it is served too.
        on_started: called once it answers.
    """
    server = make_server(home, listener.getsockname()[1], host, password, dagster, on_started, applies=True)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    return server


def make_server(
    home: Home,
    port: int,
    host: str,
    password: str,
    dagster: DagsterApp | None,
    on_started: Callable[[], None] = lambda: None,
    *,
    applies: bool = False,
) -> "Server":
    """A server that was not started yet; see `serve_app`. `applies`: whether answers are made official by runs."""
    hosts = [*local_hosts(port), *home.settings().ui.hosts]
    if host not in _ALL:
        named = f"[{host}]" if ":" in host else host
        hosts += [f"{named}:{port}", *([named] if port == 80 else [])]
    pages = make_app(home, applies=applies, has_dagster=dagster is not None, patience_s=_PATIENCE_S)
    app = guarded(pages, home, port, dict.fromkeys(hosts), password, dagster)
    # Open pages keep a connection each: nobody waits for those at the end.
    # Tracebacks go where the process logs to: a file, in both commands.
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1, server_header=False)
    return Server(config, on_started)


class Server(uvicorn.Server):
    """A server that tells when it answers, and ends at once where it is told to end twice."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets=sockets)
        self._on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End after what is under way, or where that takes somebody too long at once: all that was said is on record."""
        if self.should_exit:
            os._exit(128 + sig)
        super().handle_exit(sig, frame)


def main(code_server: str, host: str, listener: str) -> None:
    """Serve the app and Dagster's UI until told to end; the app at once, Dagster's UI when it has loaded.

    Args:
        code_server: socket of the process with the definitions.
        host: address that the listener was bound to.
        listener: file descriptor of a socket that listens.
    """
    logging.basicConfig(level=logging.WARNING)
    home, dagster, bound = open_home(Path(os.environ["MEETBEFORE_HOME"])), DagsterApp(), socket.socket(fileno=int(listener))
    server = make_server(home, bound.getsockname()[1], host, os.environ.pop(PASSWORD, ""), dagster, applies=True)
    loader = _DagsterLoader(home.folder, Path(code_server), dagster, server)
    loader.start()
    with suppress(KeyboardInterrupt):
        server.run(sockets=[bound])
    loader.end()


class _DagsterLoader(threading.Thread):
    """Loads Dagster's UI beside the server, and keeps it until the end; where that fails, the server ends, and `end` raises why."""

    def __init__(self, home_folder: Path, code_server: Path, dagster: DagsterApp, server: Server) -> None:
        super().__init__(daemon=True)
        self._places, self._dagster, self._server = (home_folder, code_server), dagster, server
        self._is_over = threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            from meetbefore_assets.running.ui import dagster_app

            with dagster_app(*self._places, DAGSTER) as self._dagster.app:
                self._is_over.wait()
        except BaseException as error:
            self._error = error
            self._server.should_exit = True

    def end(self) -> None:
        self._is_over.set()
        self.join()
        if self._error is not None:
            raise self._error


if __name__ == "__main__":
    main(*sys.argv[1:])
