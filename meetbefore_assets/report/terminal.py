"""The ranking and one person's story, on a terminal."""

import datetime as dt
import json
import statistics
from collections.abc import Callable
from typing import Any

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from meetbefore_assets.report import words
from meetbefore_assets.steps.what_if import WhatIf


def printable(text: str) -> str:
    """A name without control characters, and without meaning to the terminal."""
    return escape("".join(character if character.isprintable() else "�" for character in text))


def ranking(people: pl.DataFrame, *, show_all: bool) -> tuple[pl.DataFrame, int]:
    """The rows to show, and how many people seen once were left out."""
    again = people.filter(pl.col("encounters") > 1)
    return (people, 0) if show_all else (again, people.height - again.height)


def print_ranking(console: Console, people: pl.DataFrame, zone: str, *, show_all: bool) -> None:
    """A table of people, the most remarkable first; narrow terminals get fewer columns."""
    rows, left_out = ranking(people, show_all=show_all)
    columns = {title: cell for title, (cell, width) in _COLUMNS.items() if console.width >= width}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in columns:
        table.add_column(title, justify="right" if title in _NUMBERS else "left", no_wrap=True)
    for number, row in enumerate(rows.iter_rows(named=True), start=1):
        table.add_row(*(cell({**row, "rank": number}, zone) for cell in columns.values()))
    if rows.height:
        console.print(table)
    else:
        nobody = "Nobody was found yet. `meetbefore run FOLDER` takes recordings in."
        console.print("Nobody was met twice yet." if people.height else nobody)
    if left_out:
        console.print(f"{words.count(left_out, 'person', 'people')} seen once: `meetbefore people --all` shows them.")


Cell = Callable[[dict[str, Any], str], str]
# Title -> what stands in it, and the width of a terminal that has room for it.
_COLUMNS: dict[str, tuple[Cell, int]] = {
    "#": (lambda row, _zone: str(row["rank"]), 0),
    "person": (lambda row, _zone: printable(row["name"] or row["person_id"]), 0),
    "met": (lambda row, _zone: str(row["encounters"]), 0),
    "days": (lambda row, _zone: str(row["days"]), 0),
    "over": (lambda row, _zone: words.span(row["span_h"]) if row["encounters"] > 1 else "", 70),
    "first seen": (lambda row, zone: words.stamp(row["first_seen"], zone), 96),
    "last seen": (lambda row, zone: words.stamp(row["last_seen"], zone), 60),
    "seconds": (lambda row, _zone: f"{row['seconds_visible']:.0f}", 88),
    "score": (lambda row, _zone: f"{row['score']:.2f}", 0),
    "role": (lambda row, _zone: row["role"] or (f"{row['proposed_role']}?" if row["proposed_role"] else ""), 0),
}
_NUMBERS = {"#", "met", "days", "seconds", "score"}


def print_person(console: Console, row: dict[str, Any], encounters: pl.DataFrame, faces: pl.DataFrame, zone: str, threshold: float) -> None:
    """Encounters with times and places in the videos, and why they count as one person."""
    person = str(row["person_id"])
    console.print(f"[bold]{printable(str(row['name'] or person))}[/bold]  {words.sentence(row, zone)}; score {row['score']:.2f}")
    if row["proposed_role"]:
        console.print(f"Probably a {row['proposed_role']}: seen in {row['videos']} videos.")
    mine = faces.filter(pl.col("person_id") == person)
    for number, (_, parts) in enumerate(encounters.group_by("encounter_id", maintain_order=True), start=1):
        first = parts.row(0, named=True)
        gap = f", {words.span(first['gap_before_h'])} after the one before" if first["gap_before_h"] is not None else ""
        console.print(f"\n{number}. {words.clock(first['started_at'], zone)}{gap}")
        for part in parts.iter_rows(named=True):
            _print_part(console, part, mine)
    console.print(f"\n{_why(mine, threshold)}")


def print_faces(console: Console, person_id: str, faces: pl.DataFrame, zone: str) -> None:
    """Every face of a person, a line a track: when, where, how similar to the others, and the ids of its faces."""
    mine = faces.filter(pl.col("person_id") == person_id).sort("seen_at", "face_id")
    for _, track in mine.group_by("track_id", maintain_order=True):
        first = track.row(0, named=True)
        low, high = _range(track["similarity"])
        place = f"{printable(str(first['file_name']))}@{words.offset(first['time_s'])}"
        console.print(f"{words.stamp(first['seen_at'], zone)}  {place}  similarity {low:.2f} to {high:.2f}")
        console.print("   " + " ".join(track["face_id"].to_list()), soft_wrap=True)


def _print_part(console: Console, part: dict[str, Any], mine: pl.DataFrame) -> None:
    here = mine.filter((pl.col("video_id") == part["video_id"]) & pl.col("seen_at").is_between(part["started_at"], part["ended_at"]))
    places = ", ".join(words.offset(time_s) for time_s in here["time_s"].head(6))
    more = f" and {here.height - 6} more" if here.height > 6 else ""
    low, high = _range(here["similarity"])
    similar = f"similarity {low:.2f} to {high:.2f}"
    console.print(f"   {printable(str(part['file_name']))} at {places}{more}   ({words.count(here.height, 'face')}, {similar})")


def _range(values: pl.Series) -> tuple[float, float]:
    numbers = values.to_list() or [float("nan")]
    return min(numbers), max(numbers)


def _why(mine: pl.DataFrame, threshold: float) -> str:
    tracks = mine["track_id"].n_unique()
    if mine.height < 2:
        return "One face only: there is nothing it could be compared with."
    typical = statistics.median(mine["similarity"].to_list())
    runner = mine.filter(pl.col("runner_up_similarity").is_not_null()).sort("runner_up_similarity", descending=True).head(1)
    text = (
        f"Why one person: {words.count(mine.height, 'face')} in {words.count(tracks, 'track')} agree; a face's similarity to the others is "
        f"{typical:.2f} in the middle and {_range(mine['similarity'])[0]:.2f} at the least, and groups are joined from {threshold:.2f} on."
    )
    if runner.height:
        other = runner.row(0, named=True)
        text += f" The most similar other person is {other['runner_up_person_id']}, at {other['runner_up_similarity']:.2f} for one face."
    return text


def print_what_if(console: Console, now: float, results: list[WhatIf], source: str) -> None:
    """What other thresholds would change; `source` says where the one in force comes from."""
    console.print(f"In force: {now:g} ({source})")
    for result in results:
        change = result.change
        people = f"{words.count(change.people, 'person', 'people')}, {change.met_again:,} of them met again"
        meetings = f"{words.count(len(change.gained), 'meeting')} gained, {len(change.lost):,} lost"
        largest = f"the largest group holds {change.largest_share:.1%} of all tracks"
        console.print(f"[bold]{result.threshold:g}[/bold] instead of {now:g}: {people}; {meetings}; {largest}")
        for sign, examples in (("+", result.gained), ("-", result.lost)):
            for one in examples:
                places = " and ".join(f"{printable(at.file_name)}@{words.offset(at.time_s)}" for at in (one.earlier, one.later))
                console.print(f"   {sign} {places}  (similarity {one.similarity:.2f})")
    console.print("Nothing was written. To put one in force: meetbefore run --set matching.threshold=N")


def as_json(frame: pl.DataFrame) -> str:
    """Rows as a JSON array; times are ISO 8601, UTC."""
    rows = [{name: _plain(value) for name, value in row.items()} for row in frame.iter_rows(named=True)]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def _plain(value: object) -> object:
    return value.isoformat() + "Z" if isinstance(value, dt.datetime) else value
