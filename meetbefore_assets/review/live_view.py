"""Immutable snapshot of all people with every correction applied, including those that the tables do not hold yet.

Who is who is decided by the functions of matching, and what is told of people by those of scoring, but only of those whom an answer
changed: all others are in the tables of the last decision.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import I64
from meetbefore_assets.core.schema.encounters import ENCOUNTER_SCORES, PEOPLE
from meetbefore_assets.core.short_ids import person_id_after
from meetbefore_assets.encounters.company import with_company
from meetbefore_assets.encounters.encounters import encounters
from meetbefore_assets.encounters.make_tables import with_corrections
from meetbefore_assets.encounters.person_facts import habits, proposed_roles
from meetbefore_assets.encounters.score import people, score_encounters
from meetbefore_assets.identities.certainty import certain
from meetbefore_assets.identities.corrections import ASIDE, SHOWN, SIDES, Correction, in_force
from meetbefore_assets.identities.grouping import Grouping
from meetbefore_assets.identities.grouping_input import GroupingInput
from meetbefore_assets.identities.queries import FACE_COLUMNS
from meetbefore_assets.identities.stored_corrections import CorrectionsInForce
from meetbefore_assets.recordings.places import with_places_of
from meetbefore_assets.review.question_queue import Question, Queue, open_questions, with_moments
from meetbefore_assets.review.statements import Shown
from meetbefore_assets.review.warm_archive import AssignedFaces, OfficialTables, WarmArchive

# What is compared with everybody else, and so comes with the next run.
_LATER = ("expected_by_chance", "chance_p", "chance_q", "time_span_metric")
_RANGES = ("holds_from", "holds_to")
_NOBODY = pl.Series([None], dtype=pl.String)


@dataclass(frozen=True)
class PlacedTracks:
    """Where the faces of tracks stand among those of an archive.

    Attributes:
        rows: (k,) the row of each face in the archive, track by track.
        owner: (k,) the row of its track.
        track_id: (n,) the track of each face of the archive; null: it is in none.
    """

    rows: I64
    owner: I64
    track_id: pl.Series


def placed_tracks(archive: WarmArchive, tracks: pl.DataFrame) -> PlacedTracks:
    """Find the faces of tracks in an archive."""
    flat = tracks.select("track_id", pl.col("face_ids").alias("face_id")).with_row_index("owner").explode("face_id")
    flat = flat.join(archive.row_of_face, on="face_id", how="left", maintain_order="left")
    rows = flat["row"].to_numpy().astype(np.int64)
    track_at = np.full(archive.faces.height, flat.height, np.int64)
    track_at[rows] = np.arange(flat.height)
    track_id = pl.concat([flat["track_id"], _NOBODY]).gather(track_at)
    return PlacedTracks(rows, flat["owner"].to_numpy().astype(np.int64), track_id.alias("track_id"))


@dataclass(frozen=True)
class Decision:
    """Who is who.

    Attributes:
        given: what was grouped, and the corrections it comes from.
        grouping: its tracks as they were grouped.
        placed: where the faces of its tracks stand.
        names: the people.
        person: (n,) whom each face of the archive belongs to; null: to nobody.
    """

    given: GroupingInput
    grouping: Grouping
    placed: PlacedTracks
    names: frozenset[str]
    person: pl.Series


# The same people are named after every answer.
_person_id_after = lru_cache(maxsize=100_000)(person_id_after)


def people_of_faces(archive: WarmArchive, given: GroupingInput, grouping: Grouping, placed: PlacedTracks) -> Decision:
    """Name groups as `person_ids.person_ids` does: after their earliest face."""
    group = grouping.labels[placed.owner]
    earliest = np.full(int(grouping.labels.max(initial=-1)) + 1, archive.faces.height, np.int64)
    np.minimum.at(earliest, group, archive.rank[placed.rows])
    face_of_rank = np.empty(archive.faces.height, np.int64)
    face_of_rank[archive.rank] = np.arange(archive.faces.height)
    names = [_person_id_after(face) for face in archive.faces["face_id"].gather(face_of_rank[earliest])]
    at = np.full(archive.faces.height, len(names), np.int64)
    at[placed.rows] = group
    person = pl.concat([pl.Series(names, dtype=pl.String), _NOBODY]).gather(at).alias("person_id")
    return Decision(given, grouping, placed, frozenset(names), person)


@dataclass(frozen=True)
class Said:
    """A correction, and what it is about now.

    Attributes:
        correction: what was said.
        state: "applies", "undone", or "contradicts" what is seen now.
        is_waiting: the tables do not hold it yet.
        here, there, to: the faces found.
        people: whose most of them are, of each side; "" where there are none.
    """

    correction: Correction
    state: str
    is_waiting: bool
    here: tuple[str, ...]
    there: tuple[str, ...]
    to: tuple[str, ...]
    people: tuple[str, str, str]


@dataclass(frozen=True)
class View:
    """One moment of an archive. Tables are made when they are asked for first; whatever is asked belongs to the same moment.

    Attributes:
        version: changes whenever anything in it could have.
        archive, official: what is on record.
        assigned: whose the faces were by the official tables.
        said: all that was ever said, oldest first.
        located: the faces that all of it is about, as `corrections.locate` gives it.
        decided: who is who.
        former: an id that is no longer in use -> who that is.
    """

    version: str
    archive: WarmArchive
    official: OfficialTables
    assigned: AssignedFaces
    said: tuple[Correction, ...]
    located: pl.DataFrame
    decided: Decision
    former: Mapping[str, str]

    @property
    def is_empty(self) -> bool:
        """Whether there is nobody: nothing was processed yet, say."""
        return self.decided.person.null_count() == len(self.decided.person)

    @cached_property
    def stands(self) -> CorrectionsInForce:
        """What is in force."""
        return stands_of(self.said, self.located)

    @cached_property
    def waiting(self) -> int:
        """Corrections that the tables do not hold yet."""
        return sum(is_waiting for _, is_waiting in self._told)

    @cached_property
    def _told(self) -> list[tuple[Correction, bool]]:
        """What was said, and whether it waits for the next run."""
        subject = subjects(self.said)
        told = [(one, subject[one.correction_id]) for one in self.said]
        return [(one, about not in ASIDE and not self.official.has(one, about)) for one, about in told]

    def prepare(self) -> None:
        """Make what every page and every answer asks for: of a large archive the first would wait for half a second."""
        for table in ("people", "faces"):
            getattr(self, table)

    @cached_property
    def faces(self) -> pl.DataFrame:
        """A row a face that is somebody's, by file name and time: FACE_COLUMNS; similarity is null where an answer moved somebody."""
        table = self.archive.faces.with_columns(self.decided.person, self.decided.placed.track_id, *self.assigned.faces.drop("face_id"))
        table = table.filter(pl.col("person_id").is_not_null())
        is_same = ~pl.col("person_id").is_in(list(self._changed)) & (pl.col("was") == pl.col("person_id"))
        figures = [pl.when(is_same).then(name).alias(name) for name in ("similarity", "runner_up_person_id", "runner_up_similarity")]
        return table.with_columns(*figures).select(list(FACE_COLUMNS))

    @cached_property
    def _changed(self) -> frozenset[str]:
        """People of whom something else is to be told than the tables tell."""
        person = self.decided.person
        if not self.official.is_whole or self.official.said_until is None:
            return self.decided.names
        both = self.assigned.faces.select("face_id", "was", person.alias("now"))
        moved = both.filter(pl.col("now").ne_missing(pl.col("was")))
        gone = self.assigned.others.select("face_id", "was")
        then = self._official_stands
        other = then.merged() ^ self.stands.merged()
        named = both.filter(pl.col("face_id").is_in(list(other)))["now"]
        mine = self.stands.portraits(both.select("face_id", pl.col("now").alias("person_id")).drop_nulls())
        theirs = then.portraits(pl.concat([both.select("face_id", "was"), gone]).rename({"was": "person_id"}).drop_nulls())
        shown_otherwise = {person_id for person_id, _ in set(mine.items()) ^ set(theirs.items())}
        return frozenset({*moved["now"], *moved["was"], *gone["was"], *named, *shown_otherwise} - {None})

    @cached_property
    def _official_stands(self) -> CorrectionsInForce:
        return stands_of([one for one, is_waiting in self._told if not is_waiting], self.located)

    @cached_property
    def scored(self) -> pl.DataFrame:
        """Columns of ENCOUNTER_SCORES but seen_with, in no order."""
        archive, changed = self.archive, list(self._changed)
        kept = self.official.encounters.filter(~pl.col("person_id").is_in(changed))
        seen = self._sightings.filter(pl.col("person_id").is_in(changed))
        if not seen.height:
            return kept
        found = encounters(seen, archive.gap_min, archive.interval_s)
        scored = score_encounters(certain(found, seen, archive.looks, self.stands.merged()), archive.zone)
        placed = with_places_of(archive.places, archive.starts, scored).with_columns(
            *(pl.lit(None, pl.Float64).alias(name) for name in _RANGES)
        )
        return pl.concat([kept, placed.select(kept.columns).cast(kept.schema)])

    @cached_property
    def _sightings(self) -> pl.DataFrame:
        """person_id, video_id, face_id, seen_at, portrait, time_s of every face that is somebody's."""
        table = self.archive.faces.select("video_id", "face_id", "seen_at", "portrait", "time_s", self.decided.person)
        return table.filter(pl.col("person_id").is_not_null())

    @cached_property
    def encounters(self) -> pl.DataFrame:
        """Columns of ENCOUNTER_SCORES and file_name, by person and time; holds_from and holds_to come with the next run."""
        names = self.archive.faces.select("video_id", "file_name").unique()
        table = with_company(self.scored).select(list(ENCOUNTER_SCORES.dtypes))
        return table.join(names, on="video_id", how="left").sort("person_id", "started_at", "video_id")

    @cached_property
    def people(self) -> pl.DataFrame:
        """Columns of PEOPLE, the most remarkable first; what compares people with everybody is null where an answer changed somebody."""
        archive, changed, seen = self.archive, list(self._changed), self._sightings
        columns = list(PEOPLE.dtypes)
        scored = self.scored.filter(pl.col("person_id").is_in(changed))
        ranked = people(scored, seen.filter(pl.col("person_id").is_in(changed)), archive.zone)
        ranked = ranked.join(habits(scored, archive.zone), on="person_id", how="left", maintain_order="left")
        nothing = [pl.lit(None, PEOPLE.dtypes[name]).alias(name) for name in (*_LATER, "name", "role", "proposed_role")]
        kept = self.official.people.filter(~pl.col("person_id").is_in(changed)).select(columns)
        both = pl.concat([kept, ranked.with_columns(*nothing).select(columns).cast(kept.schema)])
        proposed = proposed_roles(seen.select("person_id", "video_id", "time_s"), archive.lengths, archive.interval_s)
        both = both.with_columns(pl.col("person_id").replace_strict(proposed, default=None, return_dtype=pl.String).alias("proposed_role"))
        table = with_corrections(both, self.stands, seen.select("face_id", "person_id"), self._known_names).select(columns)
        return table.sort(["score", "first_seen", "person_id"], descending=[True, False, False])

    @cached_property
    def _known_names(self) -> dict[str, str]:
        """Names from elsewhere by who bears them now; they hold as long as nobody took them back or said another name."""
        held = {one.text.casefold() for one in self.stands.corrections if one.kind == "known"}
        said = self.stands.names_said(self._sightings.select("face_id", "person_id"))
        names = {self.current_id(person_id): name for person_id, name in self.official.known.items() if name.casefold() in held}
        return {person_id: name for person_id, name in names.items() if person_id not in said}

    @cached_property
    def shown(self) -> Shown:
        """What whoever says something sees."""
        return Shown(self.people.select("person_id", "name", "role"), self.faces)

    def person(self, text: str) -> dict[str, object] | None:
        """The row of somebody by id, or by an id they had before; None where there is nobody."""
        found = self.people.filter(pl.col("person_id") == self.current_id(text))
        return found.row(0, named=True) if found.height else None

    def current_id(self, person_id: str) -> str:
        """The id in use of whoever had an id."""
        return self.former.get(person_id, person_id)

    def faces_of(self, person_id: str) -> pl.DataFrame:
        """The faces of a person, by time: FACE_COLUMNS."""
        return self.faces.filter(pl.col("person_id") == self.current_id(person_id)).sort("seen_at", "file_name", "time_s", "face_id")

    def encounters_of(self, person_id: str) -> pl.DataFrame:
        """The encounters of a person, by time: columns as of `encounters`."""
        return self.encounters.filter(pl.col("person_id") == self.current_id(person_id)).sort("started_at", "video_id")

    @cached_property
    def not_faces(self) -> pl.DataFrame:
        """What is said to be no face: face_id, video_id, file_name, time_s, seen_at, x1, y1, x2, y2, correction_id (the newest)."""
        order = {one.correction_id: number for number, one in enumerate(self.stands.corrections) if one.kind == "not-a-face"}
        found = self.stands.located.filter(pl.col("correction_id").is_in(list(order))).with_columns(
            pl.col("correction_id").replace_strict(order, default=-1, return_dtype=pl.Int64).alias("order")
        )
        newest = found.sort("order").unique("face_id", keep="last").select("face_id", "correction_id")
        places = self.archive.faces.select("face_id", "video_id", "file_name", "time_s", "seen_at", "x1", "y1", "x2", "y2")
        return places.join(newest, on="face_id", how="inner", maintain_order="left")

    @cached_property
    def corrections(self) -> tuple[Said, ...]:
        """All that was ever said, oldest first."""
        standing = {one.correction_id for one in self.stands.corrections}
        broken = {conflict.correction_id for conflict in self.decided.given.links.conflicts}
        faces = CorrectionsInForce([], self.located).faces()
        owner = self._owners()
        told = []
        for one, is_waiting in self._told:
            holds = one.kind == "undo" or one.correction_id in standing
            state = "undone" if not holds else "contradicts" if one.correction_id in broken else "applies"
            here, there, to = (tuple(faces.get((one.correction_id, side), ())) for side in SIDES)
            a, b, c = (owner.get((one.correction_id, side), "") for side in SIDES)
            told.append(Said(one, state, is_waiting, here, there, to, (a, b, c)))
        return tuple(told)

    def _owners(self) -> dict[tuple[str, str], str]:
        people_of = self.archive.faces.select("face_id", self.decided.person).drop_nulls()
        votes = (
            self.located.join(people_of, on="face_id").group_by("correction_id", "side", "person_id").agg(pl.len(), pl.col("ordinal").min())
        )
        most = votes.sort("correction_id", "side", -pl.col("len").cast(pl.Int64), "ordinal").unique(
            ["correction_id", "side"], keep="first", maintain_order=True
        )
        return {(str(one), str(side)): str(person) for one, side, person in most.select("correction_id", "side", "person_id").iter_rows()}

    @cached_property
    def _all_questions(self) -> Queue:
        return open_questions(self.decided.given, self.decided.grouping.labels, self.archive.threshold, self.faces, self.people)

    def questions(self, limit: int = 50) -> Queue:
        """The most valuable questions, at most `limit`, with what there is to see; and how many there are in all."""
        whole = self._all_questions
        return Queue(tuple(with_moments(one, self.faces) for one in whole.questions[:limit]), whole.open, whole.settles_faces)

    def question(self, question_id: str) -> Question | None:
        """An open question, without moments; None where it is over."""
        return next((one for one in self._all_questions.questions if one.question_id == question_id), None)


def _only(located: pl.DataFrame, corrections: Iterable[Correction]) -> pl.DataFrame:
    return located.filter(pl.col("correction_id").is_in([one.correction_id for one in corrections]))


def subjects(said: Iterable[Correction]) -> dict[str, str]:
    """correction_id -> what it is about: its kind, or the kind of what it undoes ("undo" where that is not known)."""
    found: dict[str, str] = {}
    for one in said:
        found[one.correction_id] = found.get(one.text, "undo") if one.kind == "undo" else one.kind
    return found


def deciding_stands(said: Sequence[Correction], located: pl.DataFrame, official: OfficialTables) -> CorrectionsInForce:
    """What the next run decides by: everything in force, but names as they were last where nothing asks for a decision.

    Two names keep people apart, so they count whenever who is who is decided; they alone are no reason to decide it anew.

    Args:
        said: all that was ever said, oldest first.
        located: the faces that it is about.
        official: the tables of the last decision.
    """
    subject = subjects(said)
    asks = [one for one in said if subject[one.correction_id] not in (*ASIDE, *SHOWN)]
    until = official.said_until
    if until is None or not official.is_matched or any(one.created_at > until for one in asks):
        return stands_of(said, located)
    then = {one.correction_id for one in in_force(one for one in said if one.created_at <= until) if one.kind == "name"}
    standing = [one for one in in_force(said) if one.kind != "name"] + [one for one in said if one.correction_id in then]
    ordered = sorted(standing, key=lambda one: (one.created_at, one.correction_id))
    return CorrectionsInForce(ordered, _only(located, ordered))


def stands_of(said: Iterable[Correction], located: pl.DataFrame) -> CorrectionsInForce:
    """What is in force of what was said.

    Args:
        said: all that was ever said.
        located: the faces that it is about.
    """
    standing = in_force(said)
    return CorrectionsInForce(standing, _only(located, standing))


def heirs(before: pl.Series, after: pl.Series, gone: Collection[str]) -> dict[str, str]:
    """Who has most of the faces of those who are gone: person_id before -> now (of equals, the smaller id).

    Args:
        before, after: (n,) the people of the same faces.
        gone: ids that are no longer in use.
    """
    moved = pl.DataFrame({"before": before, "after": after}).filter(pl.col("before").is_in(list(gone))).drop_nulls()
    counted = moved.group_by("before", "after").len().sort(["before", "len", "after"], descending=[False, True, False])
    return dict(counted.unique("before", keep="first", maintain_order=True).select("before", "after").iter_rows())
