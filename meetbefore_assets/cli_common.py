"""What the commands share: options, the home, the terminal."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from meetbefore_assets.workbench import Workbench

LOG_COLUMNS = 120

home_option = click.option(
    "--home",
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
        from meetbefore_assets.pool import WORKER_BYTES, default_jobs

        self.help = (
            f"Videos at a time.  [default: a core and {WORKER_BYTES / 2**30:.1f} GiB of free memory each, "
            f"a few where they share a GPU; here and now {default_jobs()}]"
        )
        return super().get_help_record(ctx)


class Place(click.ParamType["Path | str"]):
    """A file or folder as a Path; an address in an object store as text."""

    name = "path"

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path | str:
        from meetbefore_assets.settings import is_remote

        return value if isinstance(value, str) and is_remote(value) else Path(value)


jobs_option = click.option("--jobs", cls=_JobsOption, type=click.IntRange(1, 1024))


def open_bench(home: Path, assignments: tuple[str, ...] = (), *, must_exist: bool = False) -> "Workbench":
    """A home with its tools; `assignments` hold for this command.

    Raises:
        UsageError: there is no home there, and one must exist.
    """
    from meetbefore_assets.errors import UsageError
    from meetbefore_assets.settings import effective
    from meetbefore_assets.wiring import build_workbench

    bench = build_workbench(home, effective(home, list(assignments)) if assignments else None)
    if must_exist and not (home / "record").is_dir() and not bench.settings().store.uri:
        raise UsageError(f"there is no home at '{home}'; expected a folder that `meetbefore run` has filled.", remedy="Give --home DIR.")
    return bench


def console() -> "Console":
    """Where commands print: tables fit the terminal, and a log has lines of their own length."""
    from rich.console import Console

    is_watched = sys.stdout.isatty()
    return Console(highlight=False, soft_wrap=not is_watched, width=None if is_watched else LOG_COLUMNS)
