"""`meetbefore config`: the settings in force, and where each comes from."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meetbefore_assets.cli.options import console, home_for_command, home_option

if TYPE_CHECKING:
    from meetbefore_assets.home.settings.settings_file import ExplainedSetting


@click.command()
@click.argument("entries", nargs=-1, metavar="[KEY | KEY=VALUE]…")
@home_option
@click.option("--unset", "unset", multiple=True, metavar="KEY", help="Back to the default. May be repeated.")
@click.option("--undo-threshold", is_flag=True, help="Take back a matching.threshold that a run of the Dagster UI saved.")
@click.option("--format", "kind", type=click.Choice(["table", "json"]), default="table", show_default=True)
def config(entries: tuple[str, ...], home_folder: Path, unset: tuple[str, ...], undo_threshold: bool, kind: str) -> None:
    """Show or change settings.

    Without arguments: all settings, with their meaning and where each value comes from. KEY shows one setting, or a section (`matching`).
    KEY=VALUE saves it in HOME/settings.toml (or, if the record is in an object store, there for all machines); values are TOML, a
    bare word is text. The next `meetbefore run` applies it.

    \b
      meetbefore config matching.threshold=0.42
      meetbefore config 'sources=["/media/bike", "~/Movies"]'
      meetbefore config --unset matching.threshold
    """
    from meetbefore_assets.home.settings import settings_file

    if undo_threshold:
        _undo_threshold(home_folder)
        entries = (*entries, "matching.threshold")
    changes = [entry for entry in entries if "=" in entry]
    settings_file.explain_settings(
        home_folder, [entry for entry in entries if "=" not in entry]
    )  # nothing is written where one of them is no setting
    if changes or unset:
        settings_file.apply(home_folder, changes, unset)
    keys = [entry.partition("=")[0].strip() for entry in entries] + list(unset)
    rows = settings_file.explain_settings(home_folder, keys)
    if kind == "json":
        click.echo(json.dumps({row.key: {"value": row.value, "from": row.source} for row in rows}, indent=2, ensure_ascii=False))
    else:
        _print(rows)


def _undo_threshold(home_folder: Path) -> None:
    from meetbefore_assets.identities.policy_history import undo_threshold

    before = undo_threshold(home_for_command(home_folder, must_exist=True))
    if before is None:
        click.echo("No run's threshold is in force: there is nothing to take back.", err=True)
    else:
        click.echo(f"matching.threshold is {before} again, as before a run changed it; the next `meetbefore run` applies it.", err=True)


def _print(rows: "list[ExplainedSetting]") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("key", "value", "from", "means"):
        table.add_column(name, overflow="fold")
    for row in rows:
        cells = (row.key, json.dumps(row.value, ensure_ascii=False), row.source, row.meaning)
        table.add_row(*(escape(cell) for cell in cells))
    console().print(table)
