"""`meetbefore ui`: the app, Dagster's UI and its daemon over a home, for this machine only."""

import signal
import time
from pathlib import Path

import click

from meetbefore_assets.cli.options import console, home_option
from meetbefore_assets.cli.serving import (
    LOCK,
    PASSWORD,
    Door,
    one_time_address,
    open_browser,
    open_door,
    print_link,
    remember_address,
    serving_options,
)

WEB_MODULE = "meetbefore_assets.web.serve"
_LOOK_EVERY_S = 0.2


@click.command()
@home_option
@serving_options
def ui(home_folder: Path, port: int | None, no_browser: bool, host: str, password_file: Path | None) -> None:
    """Start the app together with the Dagster UI for a home, and open it in the browser.

    The app shows whom you keep meeting. Dagster's UI, at /dagster, shows every video's steps, runs, checks and schedules; its daemon
    processes what is new in your folders while this runs. Ctrl-C ends it and everything it started; nothing is lost, and the next
    start goes on.

    It answers to this machine only (127.0.0.1), to browsers that were let in by the address it prints, and to no page of another site.

    \b
      meetbefore ui                             the home 'data'
      meetbefore ui --home ~/faces --port 4000
      meetbefore ui --no-browser                on a server: ssh -L 3000:localhost:3000 SERVER, then open the address here
      meetbefore app --link                     another address, when the browser is asked to enter again
    """
    from meetbefore_assets.core.errors import LockTimeoutError, UsageError
    from meetbefore_assets.home.settings.settings_file import load
    from meetbefore_assets.storage.file_locks import hold

    load(home_folder)  # wrong settings are told before anything is started
    try:
        with hold(home_folder / "locks", LOCK, 0):
            door = open_door(port, host, password_file)
            with door.listener:
                _serve(home_folder, door, opens_browser=not no_browser)
    except LockTimeoutError as error:
        raise UsageError(
            f"the UI or the app of '{home_folder}' is running already.",
            remedy="Use that one (its address: meetbefore app --link), or end it first (Ctrl-C there).",
        ) from error


def _serve(home_folder: Path, door: Door, *, opens_browser: bool) -> None:
    from meetbefore_assets.running.instance_folder import prepare
    from meetbefore_assets.running.ui_processes import UiProcesses

    out = console()
    prepare(home_folder)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    with UiProcesses(home_folder, WEB_MODULE, door.listener, {PASSWORD: door.password}) as processes:
        try:
            while not processes.state():
                time.sleep(_LOOK_EVERY_S)
            remember_address(home_folder, door.address)
            link = one_time_address(home_folder, door.address)
            print_link(out, home_folder, link)
            if opens_browser:
                open_browser(home_folder, link)
            with out.status("Loading the Dagster UI (some seconds)…"):
                if not out.is_terminal:
                    out.print("Loading the Dagster UI (some seconds)…")
                while processes.state().get("dagster") != "ready":
                    time.sleep(_LOOK_EVERY_S)
            processes.start_daemon()
            out.print(f"Dagster UI: {door.address}/dagster\n{door.reach} Ctrl-C ends it. Log: {processes.log}")
            while True:
                time.sleep(_LOOK_EVERY_S)
                processes.check()
        except KeyboardInterrupt:
            out.print("Stopping (Ctrl-C again: at once)…")
    out.print("Stopped.")
