"""Prints the ranking of people, and what other thresholds would change."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from meetbefore_assets.core import words
from meetbefore_assets.publishing.page.evidence import habit

if TYPE_CHECKING:
    from meetbefore_assets.review.what_if import WhatIf

Cell = Callable[[dict[str, Any], str], str]
_WIDEST = 1_000_000
_NUMBERS = {"#", "met", "days", "score", "sure"}


def printable(text: str) -> str:
    """A name without control characters, and without meaning to the terminal."""
    return escape("".join(character if character.isprintable() else "�" for character in text))


def ranking(people: pl.DataFrame, *, show_all: bool) -> tuple[pl.DataFrame, int]:
    """The rows to show, and how many people seen once were left out."""
    again = people.filter(pl.col("encounters") > 1)
    return (people, 0) if show_all else (again, people.height - again.height)


def print_ranking(console: Console, people: pl.DataFrame, zone: str, *, show_all: bool) -> None:
    """A table of people, the most remarkable first; sentences where there is room, numbers where there is not."""
    rows, left_out = ranking(people, show_all=show_all)
    columns = {title: cell for title, (cell, least, most) in _COLUMNS.items() if least <= console.width <= most}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in columns:
        table.add_column(title, justify="right" if title in _NUMBERS else "left", no_wrap=True)
    for number, row in enumerate(rows.iter_rows(named=True), start=1):
        table.add_row(*(cell({**row, "rank": number}, zone) for cell in columns.values()))
    if rows.height:
        console.print(table)
    else:
        nobody = "Nobody was found yet. Import recordings: meetbefore run FOLDER"
        console.print("Nobody was met twice yet." if people.height else nobody)
    if left_out:
        console.print(f"{words.count(left_out, 'person', 'people')} seen once (to list them: meetbefore people --all).")


def _usually(row: dict[str, Any]) -> str:
    told = habit(row)
    return told.en if told else ""


# Title -> what stands in it, and the narrowest and widest terminal that shows it: sentences where there is room for them.
_COLUMNS: dict[str, tuple[Cell, int, int]] = {
    "#": (lambda row, _zone: str(row["rank"]), 0, _WIDEST),
    "person": (lambda row, _zone: printable(row["name"] or row["person_id"]), 0, _WIDEST),
    "encounters": (words.sentence, 104, _WIDEST),
    "usually": (lambda row, _zone: _usually(row), 150, _WIDEST),
    "met": (lambda row, _zone: str(row["encounters"]), 0, 103),
    "days": (lambda row, _zone: str(row["days"]), 0, 103),
    "over": (lambda row, _zone: words.span(row["span_h"]) if row["encounters"] > 1 else "", 70, 103),
    "last seen": (lambda row, zone: words.stamp(row["last_seen"], zone), 60, 103),
    "score": (lambda row, _zone: f"{row['score']:.2f}", 0, _WIDEST),
    "sure": (lambda row, _zone: words.sureness(row.get("same_person")), 74, _WIDEST),
    "role": (lambda row, _zone: row["role"] or (f"{row['proposed_role']}?" if row["proposed_role"] else ""), 0, _WIDEST),
}


def print_what_if(console: Console, now: float, results: "list[WhatIf]", source: str) -> None:
    """What other thresholds would change; `source` says where the one in force comes from."""
    console.print(f"Your threshold: {now:g} ({source})")
    for result in results:
        change = result.change
        people = f"{words.count(change.people, 'person', 'people')}, {change.met_again:,} of them met more than once"
        meetings = f"{words.count(len(change.gained), 'meeting')} gained, {len(change.lost):,} lost"
        largest = f"the largest group has {change.largest_share:.1%} of all tracks"
        sure = f" (joins from {words.sureness(result.sureness)} sure on)" if result.sureness is not None else ""
        console.print(f"[bold]{result.threshold:g}[/bold]{sure} instead of {now:g}: {people}; {meetings}; {largest}")
        for sign, examples in (("+", result.gained), ("-", result.lost)):
            for one in examples:
                places = " and ".join(f"{printable(at.file_name)}@{words.offset(at.time_s)}" for at in (one.earlier, one.later))
                console.print(f"   {sign} {places}  (similarity {one.similarity:.2f})")
    console.print("Nothing was changed. To use one: meetbefore config matching.threshold=N, then meetbefore run")
