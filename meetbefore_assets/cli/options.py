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
    show_default="$MEETBEFORE_HOME, else 'data'",
    help="Folder in which everything is kept.",
)
set_option = click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A setting, for example matching.threshold=0.42. May be repeated."
)


class _JobsOption(click.Option):
    """Says what the default is on this machine; worked out only where somebody asks for help."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from meetbefore_assets.running.capacity import WORKER_BYTES, default_jobs

        self.help = (
            f"Videos at a time.  [default: a core and {WORKER_BYTES / 2**30:.1f} GiB of free memory each, "
            f"a few where they share a GPU; here and now {default_jobs()}]"
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
    """A home with its adapters; `assignments` hold for this command.

    Raises:
        UsageError: there is no home there, and one must exist.
    """
    from meetbefore_assets.core.errors import UsageError
    from meetbefore_assets.home.settings.settings_file import effective
    from meetbefore_assets.open_home import open_home

    home = open_home(home_folder, effective(home_folder, list(assignments)) if assignments else None)
    if must_exist and not (home_folder / "record").is_dir() and not home.settings().store.uri:
        raise UsageError(
            f"there is no home at '{home_folder}'; expected a folder that `meetbefore run` has filled.", remedy="Give --home DIR."
        )
    return home


def build_definitions(home: "Home") -> Any:
    """The Dagster definitions over a home; what they need (seconds of imports) is loaded when they are built."""
    from meetbefore_assets.definitions import build_definitions as build

    return build(home)


def console() -> "Console":
    """Where commands print: tables fit the terminal, and a log has lines of their own length."""
    from rich.console import Console

    is_watched = sys.stdout.isatty()
    return Console(highlight=False, soft_wrap=not is_watched, width=None if is_watched else LOG_COLUMNS)
