"""Prints one person: encounters, places in the videos, who else was there, and why it is one person."""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
from rich.console import Console

from meetbefore_assets.cli.terminal.ranking import printable
from meetbefore_assets.core import words
from meetbefore_assets.publishing.page import optional_columns
from meetbefore_assets.publishing.page.cards import labels
from meetbefore_assets.publishing.page.evidence import habit, rhythm_phrase
from meetbefore_assets.publishing.page.phrases import Phrase

OFFSETS = 6
COMPANY = 5
Row = dict[str, Any]
# Shows the best face of an encounter, or prints where its picture is; arguments: face id, video id, number of the encounter.
ShowFace = Callable[[str, str, int], None]


def print_person(
    console: Console,
    person: str,
    people: pl.DataFrame,
    encounters: pl.DataFrame,
    faces: pl.DataFrame,
    zone: str,
    threshold: float,
    sureness: Mapping[float, float],
    show_face: ShowFace,
) -> None:
    """Print one person: a summary, each encounter with its places in the videos, and why it is one person.

    Args:
        person: id.
        people: the whole ranking.
        encounters: of the person, by time: columns of ENCOUNTER_SCORES and file_name.
        faces: as `queries.assigned_faces` gives them.
        zone: IANA name of the zone of all times that are printed.
        threshold: in force.
        sureness: threshold -> probability from which on it joins two groups; empty if the recogniser was never measured.
        show_face: called once per encounter.
    """
    row = people.row(by_predicate=pl.col("person_id") == person, named=True)
    called = f"{row['name']} ({person})" if row["name"] else person
    console.print(f"[bold]{printable(called)}[/bold]  {words.sentence(row, zone)}")
    for line in _facts(row, rhythm_phrase(encounters, zone) or habit(row)):
        console.print(line)
    mine = faces.filter(pl.col("person_id") == person)
    names = labels(people)
    for number, (_, parts) in enumerate(encounters.group_by("encounter_id", maintain_order=True), start=1):
        _print_encounter(console, number, parts, mine, names, zone, sureness)
        best = _of_parts(mine, parts).sort([-pl.col("quality"), "face_id"]).head(1)
        for face_id, video_id in best.select("face_id", "video_id").iter_rows():
            show_face(face_id, video_id, number)
    joined = f"from {words.sureness(sureness[threshold])} sure on" if threshold in sureness else f"above {threshold:.2f}"
    console.print(f"\n{_why(mine, names, joined)}")


def _facts(row: Row, usual: Phrase | None) -> list[str]:
    visible = f"visible for {row['seconds_visible']:,.0f} s in {words.count(row['videos'], 'video')}"
    lines = [f"{usual.en}; {visible}" if usual else visible]
    chance = optional_columns.chance_phrase(row)
    if chance:
        lines.append(chance.en)
    metric = row.get("time_span_metric")
    beside = "" if metric is None else f" (AreWeMeetBefore's time span metric, for comparison: {metric:.3g})"
    lines.append(f"score {row['score']:.2f}{beside}")
    sure = optional_columns.sure_person_phrase(row)
    if sure:
        lines.append(sure.en)
    if row["role"]:
        lines.append(f"role: {row['role']} (set by you)")
    elif row["proposed_role"]:
        who = "you" if row["proposed_role"] == "me" else f"a {row['proposed_role']}"
        often = words.count(row["videos"], "video")
        lines.append(f"probably {who} (in {often}); to confirm: meetbefore {row['proposed_role']} {row['person_id']}")
    return [line[0].upper() + line[1:] for line in lines]


def _print_encounter(
    console: Console,
    number: int,
    parts: pl.DataFrame,
    mine: pl.DataFrame,
    names: Mapping[str, str],
    zone: str,
    sureness: Mapping[float, float],
) -> None:
    first = parts.row(0, named=True)
    gap = f", {words.span(first['gap_before_h'])} later" if first["gap_before_h"] is not None else ""
    sure = optional_columns.sure_encounter_phrase(first)
    gap += f", {sure.en}" if sure else ""
    place = optional_columns.place_phrase(first)
    console.print(f"\n{number}. [bold]{words.clock(first['started_at'], zone)}[/bold]{gap}{f', {place.en}' if place else ''}")
    for part in parts.iter_rows(named=True):
        _print_part(console, part, mine)
    company = sorted({names.get(other, other) for row in parts.iter_rows(named=True) for other in row.get("seen_with") or ()})
    if company:
        more = f" and {len(company) - COMPANY} more" if len(company) > COMPANY else ""
        console.print(f"   together with {', '.join(printable(other) for other in company[:COMPANY])}{more}")
    holds = optional_columns.threshold_range_phrase(first, sureness)
    if holds:
        console.print(f"   {holds.en[0].lower()}{holds.en[1:].rstrip('.')}")


def _of_parts(mine: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """Faces of a person that lie in the time spans of an encounter."""
    spans = parts.select("video_id", "started_at", "ended_at")
    return mine.join(spans, on="video_id").filter(pl.col("seen_at").is_between("started_at", "ended_at"))


def _print_part(console: Console, part: Row, mine: pl.DataFrame) -> None:
    here = mine.filter((pl.col("video_id") == part["video_id"]) & pl.col("seen_at").is_between(part["started_at"], part["ended_at"]))
    places = ", ".join(words.offset(time_s) for time_s in here["time_s"].head(OFFSETS))
    more = f" and {here.height - OFFSETS} more" if here.height > OFFSETS else ""
    low, high = _range(here["similarity"])
    similar = f"similarity {low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"similarity {low:.2f} to {high:.2f}"
    console.print(f"   {printable(str(part['file_name']))} at {places}{more}   ({words.count(here.height, 'face')}, {similar})")


def print_faces(console: Console, person_id: str, faces: pl.DataFrame, zone: str) -> None:
    """Print a line for each face of a person: local time, video@offset, similarity to the person's other faces, id."""
    mine = faces.filter(pl.col("person_id") == person_id).sort("seen_at", "face_id")
    places = [
        f"{printable(name)}@{words.offset(time_s)}" for name, time_s in mine.select(pl.col("file_name").cast(str), "time_s").iter_rows()
    ]
    width = max(map(len, places), default=0)
    for (seen_at, similarity, face_id), place in zip(mine.select("seen_at", "similarity", "face_id").iter_rows(), places, strict=True):
        console.print(f"{words.stamp(seen_at, zone)}  {place:{width}}  {similarity:.2f}  {face_id}", soft_wrap=True)


def _range(values: pl.Series) -> tuple[float, float]:
    numbers = values.to_list() or [float("nan")]
    return min(numbers), max(numbers)


def _why(mine: pl.DataFrame, names: Mapping[str, str], joined: str) -> str:
    """Why these faces are one person, in words; `joined` describes the threshold."""
    tracks = mine["track_id"].n_unique()
    if mine.height < 2:
        return "Only one face: nothing to compare it with."
    typical = statistics.median(mine["similarity"].to_list())
    runner = mine.filter(pl.col("runner_up_similarity").is_not_null()).sort("runner_up_similarity", descending=True).head(1)
    text = (
        f"Why one person: {words.count(mine.height, 'face')} in {words.count(tracks, 'track')}, similarity typically {typical:.2f}, "
        f"lowest {_range(mine['similarity'])[0]:.2f} (people are joined {joined})."
    )
    if runner.height:
        other = runner.row(0, named=True)
        called = printable(names.get(other["runner_up_person_id"], other["runner_up_person_id"]))
        text += f" Most similar other person: {called}, {other['runner_up_similarity']:.2f} at most."
    return text
