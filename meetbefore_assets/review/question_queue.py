"""Queue of review questions ("same person?"), most valuable first, each with the faces to compare.

Two people are asked about where the evidence leaves it open whether they are one; one person where it leaves open whether the two parts
that were joined last are. What an answer is worth rises with how open it is, and with the encounters that hang on it.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import I64
from meetbefore_assets.core.short_ids import short_id
from meetbefore_assets.identities.grouping_input import GroupingInput
from meetbefore_assets.identities.person_evidence import neighbouring_groups, weakest_links
from meetbefore_assets.review.unsure import is_unchanged

SAME, SPLIT = "same", "split"
# Surer than this nobody need be asked.
LEAST_OPEN = 0.05
# Faces of a side that are shown: as many as people look at.
SHOWN = 12
_UNASKED = "ignored"


@dataclass(frozen=True)
class Moment:
    """Where a face is seen; `seen_at` is UTC, None where the clock is unknown."""

    face_id: str
    video_id: str
    file_name: str
    time_s: float
    seen_at: dt.datetime | None


@dataclass(frozen=True)
class Part:
    """One side of a question: a person, or a part of one.

    Attributes:
        person_id, name: of the person.
        track_ids: its tracks.
        faces, encounters: how many; of a part, encounters are those of its person.
        moments: the best face of each of some tracks, spread over the time of all, the earliest first.
        best_of_tracks: a face of each track, as it was asked for with moments.
    """

    person_id: str
    name: str | None
    track_ids: tuple[str, ...]
    faces: int
    encounters: int
    moments: tuple[Moment, ...] = ()
    best_of_tracks: tuple[str, ...] = ()

    @property
    def tracks(self) -> int:
        return len(self.track_ids)

    @property
    def face_ids(self) -> tuple[str, ...]:
        """Those of the moments."""
        return tuple(moment.face_id for moment in self.moments)


@dataclass(frozen=True)
class Question:
    """Whether two sides are one person.

    Attributes:
        question_id: the same as long as it is about the same tracks.
        kind: SAME of two people; SPLIT of two parts of one.
        first, second: the sides, the one of more faces first.
        sureness: that they are one, 0..1; None: nobody measured the recogniser.
        threshold: at which they would just be one, or two.
        settles_faces: faces of the smaller side: so many are told whose they are.
        value: what an answer is worth, for comparison.
    """

    question_id: str
    kind: str
    first: Part
    second: Part
    sureness: float | None
    threshold: float
    settles_faces: int
    value: float


@dataclass(frozen=True)
class Queue:
    """Open questions.

    Attributes:
        questions: the most valuable first; may be fewer than there are.
        open: how many there are.
        settles_faces: faces that all of them settle.
    """

    questions: tuple[Question, ...]
    open: int
    settles_faces: int


def open_questions(given: GroupingInput, labels: I64, threshold: float, faces: pl.DataFrame, people: pl.DataFrame) -> Queue:
    """All open questions, without moments: see `with_moments`.

    Args:
        given: what was grouped.
        labels: (m,) the group of each track.
        threshold: it was grouped at.
        faces: who each face is: columns face_id, track_id, person_id.
        people: columns person_id, name, role, encounters.
    """
    if not len(labels):
        return Queue((), 0, 0)
    tracks = _Tracks(given, labels, faces, people)
    found = [*_same(given, labels, threshold, tracks), *_split(given, labels, threshold, tracks)]
    unsure = _Unsure(given)
    asked = [one for one in found if not unsure.holds(one)]
    ordered = sorted(asked, key=lambda one: (-one.value, one.question_id))
    return Queue(tuple(ordered), len(ordered), sum(one.settles_faces for one in ordered))


class _Tracks:
    """What is told of tracks and people."""

    def __init__(self, given: GroupingInput, labels: I64, faces: pl.DataFrame, people: pl.DataFrame) -> None:
        self.ids: list[str] = given.tracks["track_id"].to_list()
        self.faces = given.tracks["faces"].to_numpy()
        person_of = dict(faces.select("track_id", "person_id").unique("track_id").iter_rows())
        first = np.unique(labels, return_index=True)[1]
        self.person: list[str] = [person_of[self.ids[row]] for row in first]
        asked = people.filter(pl.col("role").fill_null("") != _UNASKED)
        self.people: Mapping[str, tuple[str | None, int]] = {
            person: (name, count) for person, name, count in asked.select("person_id", "name", "encounters").iter_rows()
        }

    def part(self, label: int, rows: Sequence[int]) -> Part:
        person_id = self.person[label]
        name, met = self.people[person_id]
        return Part(person_id, name, tuple(self.ids[row] for row in rows), int(self.faces[list(rows)].sum()), met)


def _same(given: GroupingInput, labels: I64, threshold: float, tracks: _Tracks) -> list[Question]:
    pairs = neighbouring_groups(given, labels, threshold)
    is_open = np.flatnonzero((pairs.sureness > LEAST_OPEN) & (pairs.sureness < 1 - LEAST_OPEN))
    rows_of = _rows_by_group(labels)
    found = []
    for at in is_open:
        a, b = (int(group) for group in pairs.pairs[:, at])
        if tracks.person[a] in tracks.people and tracks.person[b] in tracks.people:
            sides = (tracks.part(a, rows_of[a]), tracks.part(b, rows_of[b]))
            met = sides[0].encounters + sides[1].encounters
            found.append(_question(given, SAME, sides, float(pairs.sureness[at]), float(pairs.threshold[at]), met))
    return found


def _split(given: GroupingInput, labels: I64, threshold: float, tracks: _Tracks) -> list[Question]:
    part, pairs = weakest_links(given, labels, threshold)
    is_open = np.flatnonzero((pairs.sureness > LEAST_OPEN) & (pairs.sureness < 1 - LEAST_OPEN))
    rows_of = _rows_by_group(part)
    found = []
    for at in is_open:
        sides = [rows_of[int(number)] for number in pairs.pairs[:, at]]
        label = int(labels[sides[0][0]])
        if tracks.person[label] in tracks.people:
            parts = (tracks.part(label, sides[0]), tracks.part(label, sides[1]))
            found.append(_question(given, SPLIT, parts, float(pairs.sureness[at]), float(pairs.threshold[at]), parts[0].encounters))
    return found


def _question(given: GroupingInput, kind: str, sides: tuple[Part, Part], sureness: float, threshold: float, met: int) -> Question:
    larger, smaller = sorted(sides, key=lambda part: (-part.faces, part.track_ids))
    question_id = short_id("q", repr((kind, sorted(part.track_ids for part in sides))))
    told = sureness if given.model is not None else None
    value = 4 * sureness * (1 - sureness) * met
    return Question(question_id, kind, larger, smaller, told, threshold, smaller.faces, value)


def _rows_by_group(groups: I64) -> dict[int, list[int]]:
    order = np.argsort(groups, kind="stable")
    values, begins = np.unique(groups[order], return_index=True)
    return {int(value): rows.tolist() for value, rows in zip(values, np.split(order, begins[1:]), strict=True)}


class _Unsure:
    """Of which tracks nobody could tell whether they are one person, and what was seen then."""

    def __init__(self, given: GroupingInput) -> None:
        unsure = [one for one in given.stands.corrections if one.kind == "unsure"]
        faces = given.stands.faces() if unsure else {}
        sides = [[faces.get((one.correction_id, side), []) for side in ("here", "there")] for one in unsure]
        pairs = given.tracks.select("track_id", pl.col("face_ids").alias("face_id")).explode("face_id") if unsure else _NO_PAIRS
        wanted = [face for pair in sides for side in pair for face in side]
        track_of = dict(pairs.filter(pl.col("face_id").is_in(wanted)).select("face_id", "track_id").iter_rows())
        # By any one of their tracks: that of many tracks only some are named changes nothing.
        self._said: dict[str, list[tuple[set[str], set[str], str]]] = {}
        for one, (here, there) in zip(unsure, sides, strict=True):
            a, b = ({track_of[face] for face in side if face in track_of} for side in (here, there))
            if a and b:
                self._said.setdefault(min(a), []).append((a, b, one.text))

    def holds(self, question: Question) -> bool:
        """Whether there is nothing else to see than when nobody could tell."""
        first, second = set(question.first.track_ids), set(question.second.track_ids)
        return any(
            here <= mine and there <= other and is_unchanged(seen, question.sureness, (len(mine), len(other)))
            for track_id in first | second
            for here, there, seen in self._said.get(track_id, ())
            for mine, other in ((first, second), (second, first))
        )


_NO_PAIRS = pl.DataFrame(schema={"track_id": pl.String, "face_id": pl.String})


def with_moments(question: Question, faces: pl.DataFrame) -> Question:
    """A question with what there is to see of its sides.

    Args:
        question: one of `open_questions`.
        faces: columns face_id, track_id, video_id, file_name, time_s, seen_at, quality.
    """
    return replace(question, first=_part_with_moments(question.first, faces), second=_part_with_moments(question.second, faces))


def _part_with_moments(part: Part, faces: pl.DataFrame) -> Part:
    mine = faces.filter(pl.col("track_id").is_in(list(part.track_ids))).sort(["quality", "face_id"], descending=[True, False])
    best = mine.unique("track_id", keep="first", maintain_order=True).sort("seen_at", "file_name", "time_s", "face_id")
    of_tracks = tuple(best["face_id"].to_list())
    if best.height < SHOWN:  # of few tracks, more faces of each
        more = mine.filter(~pl.col("face_id").is_in(best["face_id"].implode())).head(SHOWN - best.height)
        best = pl.concat([best, more]).sort("seen_at", "file_name", "time_s", "face_id")
    chosen = best[np.unique(np.linspace(0, best.height - 1, min(SHOWN, best.height)).round().astype(np.int64)).tolist()]
    rows = chosen.select("face_id", "video_id", "file_name", "time_s", "seen_at").iter_rows()
    return replace(part, moments=tuple(Moment(*row) for row in rows), best_of_tracks=of_tracks)
