"""`meetbefore app`: the app over a home, for this machine only."""

import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meetbefore_assets.cli.options import console, home_option
from meetbefore_assets.cli.serving import (
    LOCK,
    Door,
    one_time_address,
    open_browser,
    open_door,
    print_link,
    remember_address,
    running_address,
    serving_options,
)

if TYPE_CHECKING:
    from rich.console import Console


@click.command()
@home_option
@serving_options
@click.option("--link", is_flag=True, help="Only print a new address for the app that runs: for another browser, or one that forgot.")
def app(home_folder: Path, port: int | None, no_browser: bool, host: str, password_file: Path | None, link: bool) -> None:
    """Open the app: see whom you keep meeting, name them, and put right what is wrong.

    It prints an address that lets one browser in, once; the browser is known by a cookie from then on. Other accounts of this machine
    cannot reach anything without it, and neither can pages of other sites. Ctrl-C ends the app; every answer is on record by then.

    `meetbefore ui` serves the same app together with Dagster's UI, and processes new recordings by itself.

    \b
      meetbefore app                            the home 'data'
      meetbefore app --link                     another address, when the browser is asked to enter again
      meetbefore app --no-browser               on a server: ssh -L 3000:localhost:3000 SERVER, then open the address here
    """
    from meetbefore_assets.core.errors import LockTimeoutError, UsageError
    from meetbefore_assets.home.settings.settings_file import load
    from meetbefore_assets.storage.file_locks import hold

    out = console()
    running = running_address(home_folder)
    if link or running:
        if running is None:
            raise UsageError(f"no app of '{home_folder}' is running.", remedy="Start it: meetbefore app")
        address = one_time_address(home_folder, running)
        print_link(out, home_folder, address)
        if not (link or no_browser):
            open_browser(home_folder, address)
        return
    load(home_folder)  # wrong settings are told before anything is started
    try:
        with hold(home_folder / "locks", LOCK, 0):
            door = open_door(port, host, password_file)
            with door.listener:
                _serve(out, home_folder, door, opens_browser=not no_browser)
    except LockTimeoutError as error:
        raise UsageError(f"the app of '{home_folder}' is just starting.", remedy="Wait a moment: meetbefore app --link") from error


def _serve(out: "Console", home_folder: Path, door: Door, *, opens_browser: bool) -> None:
    from meetbefore_assets.open_home import open_home
    from meetbefore_assets.running.instance_folder import prepare
    from meetbefore_assets.storage.private_folder import private_folder
    from meetbefore_assets.web.serve import serve_app

    log = private_folder(prepare(home_folder) / "logs") / "app.log"
    log.touch(0o600)
    logging.basicConfig(filename=log, filemode="w", level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)

    def tell() -> None:
        remember_address(home_folder, door.address)
        link = one_time_address(home_folder, door.address)
        print_link(out, home_folder, link)
        out.print(f"{door.reach} Ctrl-C ends it. Log: {log}")
        if opens_browser:
            open_browser(home_folder, link)

    serve_app(open_home(home_folder), door.listener, door.host, door.password, on_started=tell)
    out.print("Stopped.")
