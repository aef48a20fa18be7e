"""Imports names with a progress bar, and prints who was named, which names wait, and which photographs could not be used."""

from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.progress import Progress

from meetbefore_assets.asking.import_names import import_names
from meetbefore_assets.cli.terminal.ranking import printable
from meetbefore_assets.core import words
from meetbefore_assets.encounters.make_tables import make_people
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.known_people import known_matches
from meetbefore_assets.identities.match import is_matched
from meetbefore_assets.publishing.database import publish
from meetbefore_assets.running.run import update_identities
from meetbefore_assets.running.worker import BuildDefinitions

LISTED = 20


def import_with_progress(console: Console, home: Home, source: Path) -> None:
    """Import the names in a folder or photograph, and print which photographs could not be used."""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("photographs", total=None)
        done = import_names(home, source, lambda number, total: bars.update(task, completed=number, total=total))
    for photograph, why in done.problems[:LISTED]:
        console.print(f"[yellow]not used:[/yellow] {printable(photograph)}: {printable(why)}")
    if len(done.problems) > LISTED:
        console.print(f"[yellow]not used:[/yellow] {len(done.problems) - LISTED:,} more")
    new = [one for one in done.added.values() if one.correction is not None]
    faces = words.count(sum(one.faces for one in new), "face")
    before = len(done.added) - len(new)
    known = f", {before} known before" if before else ""
    console.print(f"{words.count(len(new), 'name')} with {faces} imported{known}.")


def apply_names(console: Console, home: Home, home_folder: Path, build_definitions: BuildDefinitions) -> None:
    """Match imported names to people, and print the result."""
    if is_matched(home):  # names group nobody: no run of Dagster is needed
        make_people(home)
        publish(home)
    else:
        waits_for = update_identities(home_folder, build_definitions)
        if waits_for:
            console.print(f"They are saved. Another run is going on and will apply them when it ends ({printable(waits_for)})")
            return
    print_known(console, known_matches(home))


def print_known(console: Console, known: pl.DataFrame) -> None:
    """Print imported names by state: named, near a person but not sure, left as you said, waiting."""
    titles = {"named": "Named", "near": "Near, but not sure", "said": "Left as you said", "waits": "Waiting until they turn up"}
    for state, title in titles.items():
        rows = known.filter(pl.col("state") == state)
        if rows.height:
            listed = ", ".join(_describe(row) for row in rows.iter_rows(named=True))
            console.print(f"{title} ({rows.height}): {printable(listed)}")
    if known.filter(pl.col("state") == "near").height:
        console.print("To decide about those who are near: meetbefore review")


def _describe(row: dict[str, Any]) -> str:
    if row["state"] not in ("named", "near"):
        return str(row["name"])
    return f"{row['name']}: {row['person_id']}{'' if row['state'] == 'named' else '?'} ({words.sureness(row['probability'])})"
