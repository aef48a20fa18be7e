"""Prints corrections, what came of them, and the history of ids."""

from collections import Counter

import polars as pl
from rich.console import Console
from rich.table import Table

from meetbefore_assets.cli.terminal.ranking import printable
from meetbefore_assets.core import words
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.corrections import Correction, in_force
from meetbefore_assets.identities.grouping_input import read_grouping_input
from meetbefore_assets.identities.identity_history import history_table
from meetbefore_assets.identities.match import ASSET, LastMatch
from meetbefore_assets.identities.policy import policy, usable_tracks
from meetbefore_assets.identities.queries import find_person, people_table
from meetbefore_assets.identities.stored_corrections import read_corrections


def print_outcome(console: Console, home: Home, one: Correction, decided: LastMatch | None) -> None:
    """What a correction changed."""
    names = people_table(home)
    console.print(f"{_describe(one)} [dim]({one.correction_id}; `meetbefore undo` takes it back)[/dim]")
    if decided:
        changed = f"{words.count(decided.churn, 'face')} changed their person" if decided.churn else "nobody else changed"
        console.print(f"{words.count(names.height, 'person', 'people')} now; {changed}.")


def print_corrections(console: Console, home: Home) -> None:
    """All corrections, whether they hold, and how many of their faces are there."""
    said = read_corrections(home)
    if not said:
        console.print(
            "Nothing was said yet. `meetbefore name PERSON NAME`, `merge`, `split`, `not-same` and others put corrections on record."
        )
        return
    given = read_grouping_input(home, sorted(usable_tracks(home, policy(home).recogniser_id)))
    standing = {one.correction_id for one in in_force(said)}
    broken = {conflict.correction_id for conflict in given.links.conflicts}
    found = Counter(given.stands.located["correction_id"].to_list())
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("id", "said", "what", "faces found", "state"):
        table.add_column(title)
    for one in said:
        anchors = len(one.here) + len(one.there)
        holds = one.kind == "undo" or one.correction_id in standing
        state = "undone" if not holds else "contradicted by what is seen now" if one.correction_id in broken else "holds"
        faces = f"{found[one.correction_id]} of {anchors}" if anchors and holds else ""
        table.add_row(one.correction_id, words.stamp(one.created_at, home.zone()), _describe(one), faces, state)
    console.print(table)


def _describe(one: Correction) -> str:
    here, there = (words.count(len(side), "face") for side in (one.here, one.there))
    text = printable(one.text)
    said = {
        "name": f"named '{text}'" if text else "name taken away",
        "role": f"role: {text}" if text else "role taken away",
        "merge": f"one person: {here} and {there}",
        "not-same": f"two people: {here} and {there}",
        "split": f"{here} taken out of {there}",
        "undo": f"undid {text}",
    }
    return said[one.kind]


def print_history(console: Console, home: Home, person: str) -> None:
    """What happened to ids, the oldest first; of one person if one is asked for.

    Raises:
        UsageError: no such person is or ever was there.
    """
    table = history_table(home)
    if person:
        ids = _ids(home, table, person)
        table = table.filter(pl.col("person_id").is_in(ids) | pl.col("other_person_id").is_in(ids))
    if not table.height:
        console.print("Nothing happened to ids yet." if not person else "Nothing ever happened to this id.")
    for row in table.iter_rows(named=True):
        before = f" (was {row['threshold_before']:g})" if row["threshold_before"] not in (None, row["threshold"]) else ""
        said = f", {words.count(row['corrections'], 'correction')}" if row["corrections"] else ""
        where = f"{_EVENTS[row['event']]} {row['other_person_id']}".rstrip()
        moment = words.stamp(row["matched_at"], home.zone())
        console.print(
            f"{moment}  {row['person_id']} {where}  [dim]{words.count(row['faces'], 'face')}, {row['threshold']:g}{before}{said}[/dim]"
        )


_EVENTS = {"joined": "was joined to", "split": "lost a part to", "renumbered": "has an earlier face and is now", "gone": "is gone"}


def _ids(home: Home, table: pl.DataFrame, person: str) -> list[str]:
    """The id that was asked for, who bears it now, and all ids that became that one."""
    known = {*table["person_id"], *table["other_person_id"]} - {""}
    begins = sorted(one for one in known if one.startswith(person))
    try:
        now = str(find_person(home, person).row["person_id"])
    except UsageError:
        if len(begins) != 1:
            raise
        now = begins[0]
    stamp = home.store.stamp(ASSET, WHOLE)
    aliases = home.store.get(ASSET, WHOLE).filter(pl.col("person_id") == now)["alias"].to_list() if stamp else []
    return [now, *aliases]
