"""`meetbefore config`: the settings in force, and where each comes from."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meetbefore_assets.cli.options import console, home_option

if TYPE_CHECKING:
    from meetbefore_assets.home.settings.settings_file import ExplainedSetting


@click.command()
@click.argument("entries", nargs=-1, metavar="[KEY | KEY=VALUE]…")
@home_option
@click.option("--unset", "unset", multiple=True, metavar="KEY", help="Back to what holds without this setting. May be repeated.")
@click.option("--format", "kind", type=click.Choice(["table", "json"]), default="table", show_default=True)
def config(entries: tuple[str, ...], home_folder: Path, unset: tuple[str, ...], kind: str) -> None:
    """Show the settings in force, or change them.

    Without ENTRIES all are shown, each with its meaning and where it comes from; KEY shows one (`matching`: those of a section).
    KEY=VALUE writes it to HOME/settings.toml, or for all machines where the record is in an object store; a value is in TOML, and a
    bare word is text. What follows from it is made by the next `meetbefore run`.

    \b
      meetbefore config matching.threshold=0.42
      meetbefore config 'sources=["/media/bike", "~/Movies"]'
      meetbefore config --unset matching.threshold
    """
    from meetbefore_assets.home.settings import settings_file

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
