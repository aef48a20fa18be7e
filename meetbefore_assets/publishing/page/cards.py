"""The cards of the page: people and their encounters."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import polars as pl

from meetbefore_assets.core import words
from meetbefore_assets.encounters.score import score_parts
from meetbefore_assets.publishing.page import optional_columns
from meetbefore_assets.publishing.page.charts import Week, strip_path, week
from meetbefore_assets.publishing.page.data import Overview, is_companion
from meetbefore_assets.publishing.page.evidence import Command, corrections, habit, runner_up, split_command, why
from meetbefore_assets.publishing.page.phrases import Phrase, clock, count, say, sentence, span
from meetbefore_assets.publishing.page.pictures import PER_ENCOUNTER, Pictures

SEEN_WITH = 5
Row = dict[str, Any]


@dataclass(frozen=True)
class Picture:
    """One picture: base64 of a JPEG, and where in the video."""

    data: str
    offset: str


@dataclass(frozen=True)
class Part:
    """The part of an encounter that is in one video; `clock` is local wall-clock time, `places` are offsets in the video."""

    file_name: str
    clock: str
    places: str
    note: Phrase
    shots: tuple[Picture, ...]


@dataclass(frozen=True)
class Link:
    """Link to another person on the page, with how often they were seen together."""

    person_id: str
    label: str
    times: int


@dataclass(frozen=True)
class Meeting:
    """One encounter."""

    when: Phrase
    gap: Phrase | None
    place: Phrase | None
    parts: tuple[Part, ...]
    why: Phrase
    holds: Phrase | None
    sure: Phrase | None
    company: tuple[Link, ...]
    more_company: int
    split: str


@dataclass(frozen=True)
class Card:
    """One person."""

    rank: int
    person_id: str
    label: str
    name: str
    portrait: str
    sentence: Phrase
    habit: Phrase | None
    visible: Phrase
    chance: Phrase | None
    sure: Phrase | None
    role: Phrase | None
    score: str
    parts: Phrase | None
    strip: str
    week: Week
    meetings: tuple[Meeting, ...]
    seen_with: tuple[Link, ...]
    corrections: tuple[Command, ...]

    @property
    def found_by(self) -> str:
        """Return the line that the page's search looks through: see `search_line`."""
        return search_line(self.name, self.person_id)


@dataclass(frozen=True)
class Tile:
    """One person who was seen once."""

    person_id: str
    label: str
    name: str
    portrait: str
    when: Phrase
    parts: tuple[Part, ...]
    faces: Phrase
    corrections: tuple[Command, ...]

    @property
    def found_by(self) -> str:
        """Return the line that the page's search looks through: see `search_line`."""
        return search_line(self.name, self.person_id)


def search_line(name: str, person_id: str) -> str:
    """Return the text by which the page's search finds a person: one line, which ends in the id."""
    return " ".join([*name.lower().split(), person_id])


@dataclass(frozen=True)
class _Sources:
    overview: Overview
    pictures: Pictures
    has_commands: bool
    labels: dict[str, str]
    shown: frozenset[str]
    encounters: dict[str, list[list[Row]]]
    faces: dict[tuple[str, str], Row]
    together: dict[str, list[tuple[str, int]]]
    first: dt.datetime
    last: dt.datetime


def cards(
    overview: Overview, encounters: pl.DataFrame, faces: pl.DataFrame, pairs: pl.DataFrame, pictures: Pictures, *, has_commands: bool = True
) -> list[Card]:
    """Make a card for each person who was met again: strangers first, then companions, each in the order of the ranking."""
    shown = overview.shown
    if not shown.height:
        return []
    sources = _sources(overview, encounters, faces, pairs, pictures, has_commands)
    made = []
    for rows in (shown.filter(~is_companion()), shown.filter(is_companion())):
        made += [_card(row, rank, sources) for rank, row in enumerate(rows.iter_rows(named=True), start=1)]
    return made


def tiles(overview: Overview, once: pl.DataFrame, encounters: pl.DataFrame, faces: pl.DataFrame, pictures: Pictures) -> list[Tile]:
    """Make a tile for each person seen once (rows of PEOPLE), in the order given; those without a picture come last."""
    if not once.height:
        return []
    pairs = pl.DataFrame(schema={"first": pl.String, "second": pl.String, "times": pl.Int64})
    sources = _sources(overview, encounters, faces, pairs, pictures, True)
    return sorted((_tile(row, sources) for row in once.iter_rows(named=True)), key=lambda tile: not tile.portrait)


def _sources(
    overview: Overview, encounters: pl.DataFrame, faces: pl.DataFrame, pairs: pl.DataFrame, pictures: Pictures, has_commands: bool
) -> _Sources:
    first: dt.datetime = encounters["started_at"].min()  # type: ignore[assignment]
    last: dt.datetime = encounters["started_at"].max()  # type: ignore[assignment]
    shown = frozenset(overview.shown["person_id"])
    grouped = (_grouped(encounters), _face_groups(faces), _companions_of(pairs))
    return _Sources(overview, pictures, has_commands, labels(overview.people), shown, *grouped, first, last)


def labels(people: pl.DataFrame) -> dict[str, str]:
    """Return what people are called on the page: person_id -> name, or the id where there is no name."""
    return {person_id: name or person_id for person_id, name in people.select("person_id", "name").iter_rows()}


def _grouped(encounters: pl.DataFrame) -> dict[str, list[list[Row]]]:
    """person_id -> encounters, each as its rows (one a video), by time."""
    ordered = encounters.with_columns(pl.col("started_at").min().over("encounter_id").alias("begins"))
    rows = ordered.sort("person_id", "begins", "encounter_id", "started_at", "video_id").iter_rows(named=True)
    return {
        person_id: [list(parts) for _, parts in groupby(own, itemgetter("encounter_id"))]
        for person_id, own in groupby(rows, itemgetter("person_id"))
    }


def _face_groups(faces: pl.DataFrame) -> dict[tuple[str, str], Row]:
    """(encounter_id, video_id) -> its faces as columns, by time; `place` 1 is the best of the encounter."""
    ranked = faces.sort([-pl.col("portrait"), "face_id"], maintain_order=True).with_columns(
        pl.int_range(1, pl.len() + 1).over("encounter_id").alias("place")
    )
    ordered = ranked.sort("encounter_id", "video_id", "time_s", "face_id")
    columns = ["face_id", "track_id", "time_s", "similarity", "place", "runner_up_person_id", "runner_up_similarity"]
    grouped = ordered.group_by("encounter_id", "video_id", maintain_order=True).agg(columns)
    return {(str(row["encounter_id"]), str(row["video_id"])): row for row in grouped.iter_rows(named=True)}


def _companions_of(pairs: pl.DataFrame) -> dict[str, list[tuple[str, int]]]:
    both = pl.concat([pairs.select("first", "second", "times"), pairs.select(first="second", second="first", times="times")])
    top = both.sort(["first", "times", "second"], descending=[False, True, False]).group_by("first", maintain_order=True).head(SEEN_WITH)
    found: dict[str, list[tuple[str, int]]] = {}
    for person_id, other, times in top.iter_rows():
        found.setdefault(person_id, []).append((other, times))
    return found


def _card(row: Row, rank: int, sources: _Sources) -> Card:
    person_id, zone = str(row["person_id"]), sources.overview.zone
    wholes = sources.encounters[person_id]
    begins: list[dt.datetime] = [whole[0]["started_at"] for whole in wholes]
    said, proposed = row["role"], row["proposed_role"]
    role = say(f"role.{said}") if said == "companion" else say(f"role.proposed.{proposed}") if proposed and not said else None
    return Card(
        rank=rank,
        person_id=person_id,
        label=sources.labels[person_id],
        name=str(row["name"] or ""),
        portrait=sources.pictures.jpegs.get(str(row["best_face_id"]), ""),
        sentence=sentence(row, zone),
        habit=habit(row),
        visible=say("visible", seconds=f"{row['seconds_visible']:,.0f}", videos=count(row["videos"], "video")),
        chance=optional_columns.chance_phrase(row),
        sure=optional_columns.sure_person_phrase(row),
        role=role,
        score=f"{row['score']:.1f}",
        parts=_score_text(wholes, int(str(row["days"])), float(str(row["score"]))),
        strip=strip_path(begins, sources.first, sources.last),
        week=week([words.local(moment, zone) for moment in begins]),
        meetings=tuple(_meeting(whole, sources) for whole in wholes),
        seen_with=tuple(Link(other, sources.labels[other], times) for other, times in sources.together.get(person_id, [])),
        corrections=_corrections(row, wholes, sources),
    )


def _tile(row: Row, sources: _Sources) -> Tile:
    person_id = str(row["person_id"])
    wholes = sources.encounters[person_id]
    return Tile(
        person_id=person_id,
        label=sources.labels[person_id],
        name=str(row["name"] or ""),
        portrait=sources.pictures.jpegs.get(str(row["best_face_id"]), ""),
        when=clock(wholes[0][0]["started_at"], sources.overview.zone),
        parts=tuple(_part(part, sources) for part in wholes[0]),
        faces=count(int(row["faces"]), "face"),
        corrections=_corrections(row, wholes, sources),
    )


def _corrections(row: Row, wholes: Sequence[Sequence[Row]], sources: _Sources) -> tuple[Command, ...]:
    if not sources.has_commands:
        return ()
    nearest = runner_up([group for whole in wholes for group in _groups(whole, sources)])
    company = {other for whole in wholes for part in whole for other in part.get("seen_with") or ()}
    return corrections(sources.overview.home_folder, row, nearest[0] if nearest else None, sources.labels, company)


def _score_text(wholes: Sequence[Sequence[Row]], days: int, score: float) -> Phrase | None:
    """Return the sum that makes the score, in words; None where its terms do not add up to the score on record."""
    between = wholes[-1][0]["started_at"] - max(part["ended_at"] for part in wholes[0])
    parts = score_parts(len(wholes), days, max(between.total_seconds(), 0.0))
    if abs(parts.score - score) >= 0.01:
        return None
    return say("score.parts", encounters=f"{parts.encounters:.1f}", days=f"{parts.days:.1f}", span=f"{parts.span:.1f}")


def _groups(rows: Sequence[Row], sources: _Sources) -> list[Row]:
    """The faces of an encounter, as columns, video by video."""
    keys = [(row["encounter_id"], row["video_id"]) for row in rows]
    return [sources.faces[key] for key in keys if key in sources.faces]


def _meeting(rows: list[Row], sources: _Sources) -> Meeting:
    groups = _groups(rows, sources)
    first = rows[0]
    seen_with = {other for row in rows for other in row.get("seen_with") or () if other in sources.shown}
    company = sorted(seen_with, key=lambda other: sources.labels[other])
    return Meeting(
        when=clock(first["started_at"], sources.overview.zone),
        gap=None if first["gap_before_h"] is None else say("meeting.gap", span=span(first["gap_before_h"])),
        place=optional_columns.place_phrase(first),
        parts=tuple(_part(row, sources) for row in rows),
        why=why(groups, sources.labels),
        holds=optional_columns.threshold_range_phrase(first, sources.overview.sureness),
        sure=optional_columns.sure_encounter_phrase(first),
        company=tuple(Link(other, sources.labels[other], 1) for other in company[:SEEN_WITH]),
        more_company=max(0, len(company) - SEEN_WITH),
        split=split_command(sources.overview.home_folder, first["person_id"], groups) if sources.has_commands else "",
    )


def _part(row: Row, sources: _Sources) -> Part:
    group = sources.faces.get((str(row["encounter_id"]), str(row["video_id"])), {})
    times: list[float] = group.get("time_s", [])
    ids: list[str] = group.get("face_id", [])
    places: list[int] = group.get("place", [])
    known = sources.pictures.jpegs
    shots = tuple(
        Picture(known[face_id], words.offset(time_s))
        for face_id, time_s, place in zip(ids, times, places, strict=True)
        if place <= PER_ENCOUNTER and face_id in known
    )
    faces = count(len(ids), "face")
    note = faces if len(shots) == len(ids) else say("part.more", shown=len(shots), faces=faces) if shots else say("part.none", faces=faces)
    zone = sources.overview.zone
    begins, ends = (words.local(row[name], zone) for name in ("started_at", "ended_at"))
    return Part(str(row["file_name"]), clock_range(begins, ends), ranges(sorted(times), 1.5 * sources.overview.interval_s), note, shots)


def clock_range(begins: dt.datetime, ends: dt.datetime) -> str:
    """Format a range of times of day: '08:12:05–08:12:40', or '08:12:05' where both are the same second."""
    first, last = f"{begins:%H:%M:%S}", f"{ends:%H:%M:%S}"
    return first if first == last else f"{first}–{last}"


def ranges(times: Sequence[float], most_apart_s: float) -> str:
    """Format offsets in a video (seconds, rising), neighbours at most `most_apart_s` apart as one range.

    Example: [5, 6, 7, 70] -> '0:05–0:07, 1:10'.
    """
    runs: list[list[float]] = []
    for time_s in times:
        if runs and time_s - runs[-1][1] <= most_apart_s:
            runs[-1][1] = time_s
        else:
            runs.append([time_s, time_s])
    texts = [(words.offset(first), words.offset(last)) for first, last in runs]
    return ", ".join(first if first == last else f"{first}–{last}" for first, last in texts)
