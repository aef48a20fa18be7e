"""Options that commands share, the home of a command, and the console."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from meetbefore_assets.home.home import Home

LOG_COLUMNS = 120

home_option = click.option(
    "--home",
    "home_folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=lambda: Path(os.environ.get("MEETBEFORE_HOME") or "data"),
    callback=lambda _context, _option, home_folder: _masked(home_folder),
    show_default="$MEETBEFORE_HOME, else 'data'",
    help="Folder for everything meetbefore stores.",
)
set_option = click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A setting, for example matching.threshold=0.42. May be repeated."
)


def _masked(home_folder: Path) -> Path:
    """Set the umask, so that files made by this command and its children are as private as the home; return the home."""
    from meetbefore_assets.storage.private_folder import mask_process

    mask_process(home_folder)
    return home_folder


class _JobsOption(click.Option):
    """Shows this machine's default number of jobs in the help text; it is computed only when help is asked for."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from meetbefore_assets.running.capacity import WORKER_BYTES, default_jobs

        self.help = (
            f"Videos at a time.  [default: one per core, with {WORKER_BYTES / 2**30:.1f} GiB of free memory each; "
            f"fewer on a shared GPU; here {default_jobs()}]"
        )
        return super().get_help_record(ctx)


class PathOrUri(click.ParamType["Path | str"]):
    """A file or folder as a Path; an address in an object store as text."""

    name = "path"

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path | str:
        from meetbefore_assets.core.uris import is_remote

        return value if isinstance(value, str) and is_remote(value) else Path(value)


jobs_option = click.option("--jobs", cls=_JobsOption, type=click.IntRange(1, 1024))


def home_for_command(home_folder: Path, assignments: tuple[str, ...] = (), *, must_exist: bool = False) -> "Home":
    """Open the home of a command; `assignments` are settings for this command only.

    Raises:
        UsageError: the home does not exist, and `must_exist`.
    """
    from meetbefore_assets.core.errors import UsageError
    from meetbefore_assets.home.settings.settings_file import effective
    from meetbefore_assets.open_home import open_home

    home = open_home(home_folder, effective(home_folder, list(assignments)) if assignments else None)
    if must_exist and not (home_folder / "record").is_dir() and not home.settings().store.uri:
        raise UsageError(
            f"there is no home at '{home_folder}'; expected a folder made by `meetbefore run`.", remedy="Name the right one: --home DIR"
        )
    return home


def build_definitions(home: "Home") -> Any:
    """Make the Dagster definitions of a home; imports what they need only now, since that takes seconds."""
    from meetbefore_assets.definitions import build_definitions as build

    return build(home)


def console() -> "Console":
    """Return the console that commands print to: tables fit a terminal; lines are not wrapped in a log."""
    from rich.console import Console

    is_watched = sys.stdout.isatty()
    return Console(highlight=False, soft_wrap=not is_watched, width=None if is_watched else LOG_COLUMNS)
