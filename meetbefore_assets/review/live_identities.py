"""Identities in memory: applies each correction at once and writes it to the record; the next run updates the tables.

A correction is written as the command line writes it: under the same lock, after the same checks, whole and lasting before the answer.
Who is who is then decided in memory, on stored edges, by the functions that the run calls; so the run finds the same.

What others do (the command line, a run, `forget`) is seen by `refresh`. A view that was handed out never changes.
"""

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from meetbefore_assets.core.errors import RecordTornError, StoreError, UsageError
from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.core.schema.forgetting import FORGOTTEN_FACES, FORGOTTEN_VIDEOS
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.object_versions import object_versions
from meetbefore_assets.home.settings.sections import Settings
from meetbefore_assets.identities import person_ids
from meetbefore_assets.identities.corrections import Correction, anchor_rows, locate
from meetbefore_assets.identities.grouping_input import GroupingInput, corrected_input, grouping
from meetbefore_assets.identities.regrouping import regroup
from meetbefore_assets.identities.stored_corrections import ASSET, corrections_of
from meetbefore_assets.review import statements
from meetbefore_assets.review.live_view import Decision, View, deciding_stands, heirs, people_of_faces, placed_tracks
from meetbefore_assets.review.make_corrections import put_on_record, refuse_contradiction, seen_of_two
from meetbefore_assets.review.question_queue import SAME, Part, Question
from meetbefore_assets.review.statements import NOTHING_CHANGED, Statement
from meetbefore_assets.review.unsure import what_was_seen
from meetbefore_assets.review.warm_archive import (
    OfficialTables,
    WarmArchive,
    archive_version,
    official_state,
    read_archive,
    read_official,
)

ANSWERS = ("same", "different", "unsure")
# Others hold the lock of corrections while they write one.
_PATIENCE_S = 30.0
_PENDING = "forgetting"
_GROUPED = ("track_id", "face_ids")
_PLACES = ("face_id", "video_id", "time_s", "x1", "y1", "x2", "y2")


@dataclass(frozen=True)
class _Seen:
    """What there was besides corrections: what was forgotten, the tables of the last decision, and the settings."""

    forgotten: str
    official: tuple[str, ...]
    settings: Settings


class LiveIdentities:
    """Who is who in one home, for one process; safe to call from threads.

    Every method that says something returns the correction that is on record then, and raises UsageError where it makes no sense or
    contradicts what was said before; nothing is changed in that case. People are named by any id they were shown under.

    Raises:
        MeetbeforeError: the home cannot be read, or its settings are wrong.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock, self._reading = threading.RLock(), threading.Lock()
        self._changed = threading.Condition()
        self._prefix, self._number = secrets.token_hex(4), 0
        self._said: dict[str, tuple[str, list[Correction]]] = {}
        self._located: dict[str, pl.DataFrame] = {}
        self._former: dict[str, str] = {}
        self._seen = self._look()
        self._archive, self._official = read_archive(home), read_official(home)
        self._read_corrections()
        self._view = self._decide()

    def view(self) -> View:
        """The present moment; never waits."""
        return self._view

    def wait_for_change(self, version: str, timeout_s: float) -> View:
        """The present moment as soon as its version is another one than this, or when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._view.version != version, timeout_s)
        return self._view

    def refresh(self) -> bool:
        """Take in what others did; whether there is a new view.

        Raises:
            MeetbeforeError: the home cannot be read, or its settings are wrong; the view stays as it was.
        """
        with self._reading:
            keys, seen = tuple(self._home.store.keys(ASSET)), self._look()
            if seen == self._seen and keys == tuple(sorted(self._said)):
                return False
            # What takes long is read before anybody has to wait for it.
            archive, official = self._archive, self._official
            if seen != self._seen:
                is_forgotten = seen.forgotten != self._seen.forgotten
                if is_forgotten or archive_version(self._home) != archive.version:
                    archive = read_archive(self._home)
                found = read_official(self._home)
                # While a run writes its tables, those of before serve as well: they are told from what was said since.
                official = found if found.is_whole or is_forgotten or not official.is_whole else official
            with self._lock:
                if archive is not self._archive:
                    self._located.clear()
                self._archive, self._official, self._seen = archive, official, seen
                self._read_corrections()
                self._show(self._decide())
        return True

    def watch(self, stop: threading.Event, every_s: float = 1.0, trouble: Callable[[Exception], None] | None = None) -> None:
        """Refresh until told to stop; to be called by a thread of its own.

        Args:
            stop: ends it.
            every_s: how often it is looked.
            trouble: told what cannot be read; it is tried again.
        """
        while not stop.wait(every_s):
            try:
                self.refresh()
            except (StoreError, OSError) as error:
                if trouble:
                    trouble(error)

    def name(self, person_id: str, text: str) -> Correction:
        """Give a name to a person; an empty one takes it away."""
        return self._say(lambda view: statements.named(view.shown, view.current_id(person_id), text))

    def role(self, person_id: str, role: str) -> Correction:
        """Say that a person is me, a companion, ignored, or none of these."""
        return self._say(lambda view: statements.has_role(view.shown, view.current_id(person_id), role))

    def merge(self, people: Sequence[str]) -> Correction:
        """Say that two people or more are one."""
        return self._say(lambda view: statements.are_one(view.shown, [view.current_id(one) for one in people]))

    def not_same(self, first: str, second: str) -> Correction:
        """Say that two people are two."""
        return self._say(lambda view: statements.are_two(view.shown, view.current_id(first), view.current_id(second)))

    def unsure(self, first: str, second: str) -> Correction:
        """Say that nobody can tell whether two people are one."""

        def statement(view: View) -> Statement:
            people = view.current_id(first), view.current_id(second)
            seen = seen_of_two(view.decided.given, view.shown, people, view.archive.threshold)
            return statements.nobody_knows(view.shown, *people, seen)

        return self._say(statement)

    def split(self, person_id: str, face_ids: Sequence[str], *, only_these: bool = False) -> Correction:
        """Say that some faces are not this person, with the whole of their tracks unless `only_these`."""
        return self._say(lambda view: statements.are_somebody_else(view.shown, view.current_id(person_id), face_ids, only_these=only_these))

    def move(self, face_ids: Sequence[str], person_id: str, *, only_these: bool = False) -> Correction:
        """Say that some faces are this person's, and not whose they were."""
        return self._say(lambda view: statements.belong_to(view.shown, face_ids, view.current_id(person_id), only_these=only_these))

    def not_a_face(self, face_ids: Sequence[str]) -> Correction:
        """Say that these are no faces."""
        return self._say(lambda view: statements.are_no_faces(view.shown, face_ids))

    def portrait(self, face_id: str) -> Correction:
        """Say which face is shown of its person."""
        return self._say(lambda view: statements.is_portrait(view.shown, face_id))

    def undo(self, correction_id: str = "") -> Correction:
        """Take back a correction, or the latest in force; to bring it in again, undo the undo."""
        return self._say(lambda view: statements.is_taken_back(view.said, correction_id)[0])

    def answer(self, question_id: str, answer: str) -> Correction:
        """Answer a question: same, different or unsure.

        Raises:
            UsageError: besides what the class says, the question is over.
        """
        if answer not in ANSWERS:
            raise UsageError(f"unknown answer '{answer}'; expected one of {', '.join(ANSWERS)}.")

        def statement(view: View) -> Statement:
            question = view.question(question_id)
            if question is None:
                raise UsageError(f"this question is over: somebody answered it, or it is about others by now. {NOTHING_CHANGED}")
            return _answered(view, question, answer)

        return self._say(statement)

    def fit(self, person_id: str) -> pl.DataFrame:
        """How well each face of a person fits its others: face_id, similarity (cosine to the mean of the others), the worst first."""
        mine = self._view.faces_of(person_id)
        videos = sorted(set(mine["video_id"]))
        if not videos:
            return pl.DataFrame(schema={"face_id": pl.String, "similarity": pl.Float32})
        vectors = self._home.store.scan("embeddings", videos, ["face_id", "vector"]).join(mine.select("face_id"), on="face_id", how="semi")
        matrix = np.array(vectors["vector"].to_list(), np.float32)
        group = np.zeros(len(matrix), np.int64)
        similarity = person_ids.own_similarity(matrix, group, person_ids.gallery(matrix, group))
        return vectors.select("face_id", pl.Series("similarity", similarity)).sort("similarity", "face_id")

    def _say(self, make: Callable[[View], Statement]) -> Correction:
        with self._lock, self._home.lock("corrections", _PATIENCE_S):
            if self._read_corrections():  # somebody else said something a moment ago
                self._show(self._decide())
            if _forgotten(self._home) != self._seen.forgotten:
                raise UsageError(f"somebody was forgotten a moment ago: look again who is shown. {NOTHING_CHANGED}")
            statement = make(self._view)
            decided: list[Decision] = []

            def refuse(said: list[Correction]) -> None:
                decided.append(self._decided(said))
                refuse_contradiction(self._home, self._view.decided.given, decided[0].given, said[-1])

            one = put_on_record(self._home, statement, self._ordered(), refuse)
            if decided:  # it was not said before
                self._said[one.correction_id] = (one.correction_id, [one])
                self._show(self._viewed(decided[0]))
        return one

    def _look(self) -> _Seen:
        self._home.store.refresh()
        return _Seen(_forgotten(self._home), official_state(self._home), self._home.settings())

    def _read_corrections(self) -> bool:
        """Read what others said, or erased; whether there was anything."""
        store, there = self._home.store, dict((key, version) for key, version in object_versions(self._home, ASSET))
        gone = {key for key, (version, _) in self._said.items() if there.get(key) != version}
        for key in gone:
            for one in self._said.pop(key)[1]:
                self._located.pop(one.correction_id, None)
        new = [key for key in there if key not in self._said]
        for key in new:
            self._said[key] = (there[key], [])
            with suppress(RecordTornError, KeyError):  # `doctor` tells what is torn
                self._said[key] = (there[key], corrections_of(store.get(ASSET, key).sort("side", "ordinal")))
        return bool(gone or new)

    def _ordered(self) -> list[Correction]:
        return sorted((one for _, told in self._said.values() for one in told), key=lambda one: (one.created_at, one.correction_id))

    def _decide(self) -> View:
        return self._viewed(self._decided(self._ordered()))

    def _decided(self, said: list[Correction]) -> Decision:
        """Who is who, with what was said."""
        archive = self._archive
        given = corrected_input(self._home, archive.tracks, deciding_stands(said, self._where(said), self._official))
        before: View | None = getattr(self, "_view", None)
        if before is not None and before.archive is archive and _is_same(before.decided, given):
            return replace(before.decided, given=given)
        if before is None or before.archive is not archive:
            return people_of_faces(archive, given, grouping(given, archive.threshold), placed_tracks(archive, given.tracks))
        then = before.decided
        placed = then.placed if given.tracks is then.given.tracks else placed_tracks(archive, given.tracks)
        return people_of_faces(archive, given, regroup(given, then.given, then.grouping, archive.threshold), placed)

    def _where(self, said: list[Correction]) -> pl.DataFrame:
        """The faces that corrections are about."""
        new = [one for one in said if one.correction_id not in self._located]
        if new:
            anchors = anchor_rows(new)
            concerned = self._archive.faces.filter(pl.col("video_id").is_in(anchors["video_id"].unique().implode())).select(_PLACES)
            found = locate(anchors, concerned).partition_by("correction_id", as_dict=True)
            nothing = locate(anchors.clear(), concerned.clear())
            self._located |= {one.correction_id: found.get((one.correction_id,), nothing) for one in new}
        parts = [self._located[one.correction_id] for one in said]
        if not parts:
            return locate(anchor_rows([]), self._archive.faces.select(_PLACES).clear())
        return pl.concat(parts).sort("correction_id", "side", "ordinal")

    def _viewed(self, decided: Decision) -> View:
        self._number += 1
        said = tuple(self._ordered())
        former = self._followed(decided)
        before: View | None = getattr(self, "_view", None)
        is_known = before is not None and before.archive is self._archive and before.official is self._official
        assigned = before.assigned if before is not None and is_known else self._official.placed(self._archive)
        version, where = f"{self._prefix}-{self._number}", self._where(list(said))
        return View(version, self._archive, self._official, assigned, said, where, decided, dict(former))

    def _followed(self, decided: Decision) -> Mapping[str, str]:
        """Who bears ids that went out of use, those of the tables and those that only this process showed."""
        alive = decided.names
        before: View | None = getattr(self, "_view", None)
        if before is not None:
            ended = before.decided.names - alive
            if ended and before.archive is self._archive:
                self._former |= heirs(before.decided.person, decided.person, ended)
            elif ended:
                both = before.archive.faces.select("face_id", before.decided.person.alias("before")).join(
                    self._archive.faces.select("face_id", decided.person.alias("after")), on="face_id"
                )
                self._former |= heirs(both["before"], both["after"], ended)
        else:
            self._former |= _official_heirs(self._archive, self._official, decided, alive)
        known = {**self._official.aliases, **self._former}
        found: dict[str, str] = {}
        for one in known:
            now, steps = known.get(one, ""), 0
            while now not in alive and now in known and steps < len(known):
                now, steps = known[now], steps + 1
            if now in alive and one not in alive:
                found[one] = now
        self._former = {one: now for one, now in self._former.items() if one not in alive}
        return found

    def _show(self, view: View) -> None:
        with self._changed:
            self._view = view
            self._changed.notify_all()


def _official_heirs(archive: WarmArchive, official: OfficialTables, decided: Decision, alive: frozenset[str]) -> dict[str, str]:
    both = archive.faces.select("face_id", decided.person.alias("after")).join(
        official.assigned.select("face_id", pl.col("person_id").alias("before")), on="face_id"
    )
    return heirs(both["before"], both["after"], set(both["before"].unique()) - alive)


def _is_same(before: Decision, given: GroupingInput) -> bool:
    """Whether the same tracks are linked the same: then they are grouped the same."""
    then = before.given
    is_linked_same = np.array_equal(then.links.must_link, given.links.must_link) and np.array_equal(
        then.links.cannot_link, given.links.cannot_link
    )
    return is_linked_same and (then.tracks is given.tracks or then.tracks.select(_GROUPED).equals(given.tracks.select(_GROUPED)))


def _answered(view: View, question: Question, answer: str) -> Statement:
    first, second = question.first, question.second
    if question.kind == SAME:
        if answer == "same":
            return statements.are_one(view.shown, [first.person_id, second.person_id])
        if answer == "different":
            return statements.are_two(view.shown, first.person_id, second.person_id)
    elif answer == "different":
        mine = _faces(view, second)
        return statements.are_somebody_else(view.shown, second.person_id, mine["face_id"].to_list())
    if answer == "same":
        return statements.parts_are_one(_faces(view, first), _faces(view, second))
    seen = what_was_seen(question.sureness, (first.tracks, second.tracks))
    return statements.parts_unknown(_faces(view, first), _faces(view, second), seen)


def _faces(view: View, part: Part) -> pl.DataFrame:
    return view.faces.filter(pl.col("track_id").is_in(list(part.track_ids)))


def _forgotten(home: Home) -> str:
    """Changes whenever somebody is forgotten: first of all that is written down."""
    pending = home.store.stamp(_PENDING, WHOLE) is not None
    return repr((pending, object_versions(home, FORGOTTEN_FACES.name), home.store.keys(FORGOTTEN_VIDEOS.name)))
