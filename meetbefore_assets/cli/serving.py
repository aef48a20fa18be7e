"""What `meetbefore app` and `meetbefore ui` share: their options, the port they listen on, the password and the printed address."""

import ipaddress
import json
import os
import socket
import stat
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

USUAL_PORT = 3000
THIS_MACHINE = "127.0.0.1"
LEAST_PASSWORD = 12
PASSWORD, PASSWORD_FILE = "MEETBEFORE_PASSWORD", "MEETBEFORE_PASSWORD_FILE"
LOCK = "ui"


class _Address(click.ParamType["str"]):
    """An IP address to listen on; host names are refused, as they may resolve to any address."""

    name = "address"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(ipaddress.ip_address("127.0.0.1" if value == "localhost" else value))
        except ValueError:
            self.fail(f"'{value}' is no address; expected numbers such as 127.0.0.1, 192.168.1.5 or 0.0.0.0 (all).", param, ctx)


def serving_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of both commands: --port, --no-browser, --host and --password-file."""
    for option in reversed(
        (
            click.option("--port", type=click.IntRange(1, 65535), help=f"Port of the address.  [default: {USUAL_PORT}, or a free one]"),
            click.option("--no-browser", is_flag=True, help="Only print the address."),
            click.option(
                "--bind",
                "--host",
                "host",
                type=_Address(),
                default=THIS_MACHINE,
                show_default=True,
                help="Address to listen on. Any but 127.0.0.1 lets other machines ask, needs a password, and sends faces and password "
                "over the network as they are: only behind a proxy with https, or in a container whose port is published on 127.0.0.1.",
            ),
            click.option(
                "--password-file",
                type=click.Path(path_type=Path, exists=True, dir_okay=False),
                envvar=PASSWORD_FILE,
                help=f"File that holds a password, which lets in too; or set {PASSWORD}. {LEAST_PASSWORD} characters at least.  "
                f"[default: ${PASSWORD_FILE}]",
            ),
        )
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class Door:
    """The listening socket of the app, and the password that lets people in.

    Attributes:
        listener: bound to `host` and listening.
        host: IP address of this machine.
        password: lets in besides one-time addresses; "" for none.
    """

    listener: socket.socket
    host: str
    password: str

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def address(self) -> str:
        """Return the app's address for a browser on this machine."""
        host = {"0.0.0.0": THIS_MACHINE, "::": "[::1]"}.get(self.host, f"[{self.host}]" if ":" in self.host else self.host)
        return f"http://{host}:{self.port}"

    @property
    def reach(self) -> str:
        """Say in a sentence which machines can reach the app."""
        if ipaddress.ip_address(self.host).is_loopback:
            return "For this machine only."
        return (
            f"Other machines can reach port {self.port} ({self.host}) and are asked for the password. What they are sent, faces too, "
            "is not encrypted: put a proxy with https before it (its name in the setting ui.hosts), or let nobody else reach the port."
        )


def open_door(port: int | None, host: str, password_file: Path | None) -> Door:
    """Bind the port before everything else loads, so that no other program takes it; read the password.

    Raises:
        UsageError: the port is in use or not allowed for this user; or a password is needed and there is none.
    """
    from meetbefore_assets.core.errors import UsageError

    password = read_password(password_file)
    if not password and not ipaddress.ip_address(host).is_loopback:
        raise UsageError(
            f"--host {host} lets other machines ask, and there is no password.",
            remedy=f"Set {PASSWORD} or name a file: --password-file FILE. From another machine without either: "
            f"ssh -L {port or USUAL_PORT}:localhost:{port or USUAL_PORT} THIS_MACHINE",
        )
    return Door(listen(port, host), host, password)


def read_password(path: Path | None) -> str:
    """Read the password from a file or the environment; the variable is removed, so that child processes do not get it.

    Raises:
        UsageError: it is too short, or other users can read its file.
    """
    from meetbefore_assets.core.errors import UsageError

    named, password = PASSWORD, os.environ.pop(PASSWORD, "")
    if path is not None:
        named, status = str(path), path.stat()
        if status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) & 0o077:
            raise UsageError(f"others can read the password in {path}.", remedy=f"Close it: chmod 600 {path}")
        password = path.read_text(encoding="utf-8").removesuffix("\n")
    if (password or path is not None) and len(password) < LEAST_PASSWORD:
        raise UsageError(f"expected a password of {LEAST_PASSWORD} characters at least, found {len(password)} in {named}.")
    return password


def listen(port: int | None, host: str = THIS_MACHINE) -> socket.socket:
    """Open a listening socket; without `port`, at the usual port or else a free one.

    Raises:
        UsageError: the port is in use, or not allowed for this user.
    """
    from meetbefore_assets.core.errors import UsageError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (port,) if port else (USUAL_PORT, 0):
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, wanted))
            listener.listen()  # now, because two sockets can be bound to one port until one of them listens
            return listener
        except OSError as error:
            listener.close()
            reason = error.strerror
    raise UsageError(
        f"port {port or USUAL_PORT} of {host} cannot be used: {reason}.", remedy="Name another with --port, or none for a free one."
    )


def remember_address(home_folder: Path, address: str) -> None:
    """Save the address of a home's running app, for `meetbefore app --link`."""
    from meetbefore_assets.storage.atomic_file import write_private
    from meetbefore_assets.web.one_time_links import web_folder

    write_private(web_folder(home_folder) / "address.json", json.dumps({"address": address}).encode())


def running_address(home_folder: Path) -> str | None:
    """Return the address of a home's running app; None if none runs."""
    from meetbefore_assets.core.errors import LockTimeoutError
    from meetbefore_assets.storage.file_locks import hold
    from meetbefore_assets.web.one_time_links import web_folder

    if not (home_folder / "locks").is_dir():
        return None
    try:
        with hold(home_folder / "locks", LOCK, 0):
            return None
    except LockTimeoutError:
        try:
            return str(json.loads((web_folder(home_folder) / "address.json").read_bytes())["address"])
        except FileNotFoundError:
            return None  # it has only just started


def one_time_address(home_folder: Path, address: str) -> str:
    """Make an address that lets one browser in, once, within an hour."""
    from meetbefore_assets.web.one_time_links import make_token

    return f"{address}/enter?token={make_token(home_folder)}"


def print_link(out: "Console", home_folder: Path, link: str) -> None:
    """Print the address on a line of its own, unwrapped, so that it can be copied."""
    from meetbefore_assets.core.command_line import command_line

    another = command_line(home_folder, "app", "--link")
    out.print(f"The app of {home_folder}:\n", end="")
    out.print(link, soft_wrap=True)
    out.print(f"This address works once, within an hour. Another one: {another}", soft_wrap=True)


def open_browser(home_folder: Path, link: str) -> None:
    """Open an address in the browser, if there is a screen.

    The browser is given a file that only this user can read and that leads to the address, because all accounts of the machine can see
    the arguments of a process.
    """
    from meetbefore_assets.storage.atomic_file import write_private
    from meetbefore_assets.web.one_time_links import web_folder

    if not has_screen():
        return
    path = web_folder(home_folder).absolute() / "open.html"
    leading = f'<meta http-equiv="refresh" content="0;url={escape(link)}"><a href="{escape(link)}">meetbefore</a>'
    write_private(path, f'<!doctype html><meta charset="utf-8">{leading}'.encode())
    webbrowser.open(path.as_uri())


def has_screen() -> bool:
    """Whether a browser can open a window; without a screen, a text browser would take over the terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
