"""Makes corrections for the commands: checks each against the record and earlier corrections, and writes it."""

import datetime as dt
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.correction_links import ONE_ROW, PICTURE, Conflict
from meetbefore_assets.identities.corrections import SHOWN, Correction, correction, in_force
from meetbefore_assets.identities.grouping_input import GroupingInput, TracksOnRecord, corrected_input, read_tracks
from meetbefore_assets.identities.known_people import imported_names
from meetbefore_assets.identities.person_evidence import compare
from meetbefore_assets.identities.policy import policy, usable_tracks
from meetbefore_assets.identities.queries import assigned_faces, people_table
from meetbefore_assets.identities.stored_corrections import CorrectionsInForce, corrections_in_force, read_corrections, write_correction
from meetbefore_assets.review import statements
from meetbefore_assets.review.statements import NOTHING_CHANGED, Shown, Statement
from meetbefore_assets.review.unsure import what_was_seen

# Raises UsageError if the last of these corrections contradicts the others.
Refuse = Callable[[list[Correction]], None]

# Kinds of which a later correction replaces an earlier one about the same faces; others hold beside each other.
REPLACED = ("name", "role", "portrait", "unsure")


def name_person(home: Home, person_id: str, name: str) -> Correction:
    """Name a person; an empty name removes it: see `statements.named`."""
    return _say(home, statements.named(_shown(home), person_id, name))


def set_role(home: Home, person_id: str, role: str) -> Correction:
    """Say that a person is the user, a companion, or to be ignored: see `statements.has_role`."""
    return _say(home, statements.has_role(_shown(home), person_id, role))


def merge(home: Home, *people: str) -> Correction:
    """Say that two people or more are one.

    Raises:
        UsageError: they are one person already, appear in one picture, or an earlier correction says that they are two.
    """
    return _say(home, statements.are_one(_shown(home), people))


def not_same(home: Home, first: str, second: str) -> Correction:
    """Say that two people are two, whatever the threshold.

    Raises:
        UsageError: an earlier correction says that they are one person.
    """
    return _say(home, statements.are_two(_shown(home), first, second))


def unsure(home: Home, first: str, second: str) -> Correction:
    """Say that nobody can tell whether two people are one; the question is not asked again until there is more to see."""
    shown = _shown(home)
    known = _tracks(home)
    seen = seen_of_two(corrected_input(home, known, _stands(home, known)), shown, (first, second), policy(home).threshold)
    return _say(home, statements.nobody_knows(shown, first, second, seen), known)


def split(home: Home, person_id: str, face_ids: Sequence[str], *, only_these: bool = False) -> Correction:
    """Say that some faces are not this person: see `statements.are_somebody_else`."""
    return _say(home, statements.are_somebody_else(_shown(home), person_id, face_ids, only_these=only_these))


def move(home: Home, face_ids: Sequence[str], person_id: str, *, only_these: bool = False) -> Correction:
    """Say that some faces are this person and not the one they were assigned to: see `statements.belong_to`.

    Raises:
        UsageError: they appear in one picture with this person; or as `statements.belong_to` says.
    """
    return _say(home, statements.belong_to(_shown(home), face_ids, person_id, only_these=only_these))


def not_a_face(home: Home, face_ids: Sequence[str]) -> Correction:
    """Say that some detections are not faces: they then belong to nobody and count nowhere."""
    return _say(home, statements.are_no_faces(_shown(home), face_ids))


def portrait(home: Home, face_id: str) -> Correction:
    """Choose the face that is shown for its person."""
    return _say(home, statements.is_portrait(_shown(home), face_id))


def undo(home: Home, correction_id: str = "") -> tuple[Correction, Correction]:
    """Undo a correction, or the latest: see `statements.is_taken_back`. Returns (the undo, the correction that it undid).

    Raises:
        UsageError: a correction that would hold again contradicts others; or as `statements.is_taken_back` says.
    """
    statement, undone = statements.is_taken_back(read_corrections(home), correction_id)
    return _say(home, statement), undone


def seen_of_two(given: GroupingInput, shown: Shown, people: tuple[str, str], threshold: float) -> str:
    """Return the evidence on whether two people are one, as `unsure.what_was_seen` writes it."""
    tracks = [shown.of(person_id)["track_id"].unique() for person_id in people]
    group = np.full(given.tracks.height, -1, np.int64)
    for number, its in enumerate(tracks):
        group[given.tracks["track_id"].is_in(its.implode()).to_numpy()] = number
    is_known = given.model is not None and {0, 1} <= set(group.tolist())
    sureness = float(compare(given, group, np.array([[0], [1]]), threshold).sureness[0]) if is_known else None
    return what_was_seen(sureness, (len(tracks[0]), len(tracks[1])))


def _shown(home: Home) -> Shown:
    # An imported name is weaker than one that the user gives, so it must not keep that name from others.
    name = pl.when(pl.col("person_id").is_in(list(imported_names(home)))).then(None).otherwise(pl.col("name")).alias("name")
    return Shown(people_table(home).with_columns(name), assigned_faces(home))


def _tracks(home: Home) -> TracksOnRecord:
    return read_tracks(home, sorted(usable_tracks(home, policy(home).recogniser_id)))


def _stands(home: Home, known: TracksOnRecord, said: list[Correction] | None = None) -> CorrectionsInForce:
    return corrections_in_force(home, list(known.graph.plan.numbers), said)


def _say(home: Home, statement: Statement, known: TracksOnRecord | None = None) -> Correction:
    if statement.kind in SHOWN:  # has no effect on grouping, so it cannot contradict
        with home.lock("corrections"):
            return put_on_record(home, statement, read_corrections(home), lambda _said: None)
    known = known or _tracks(home)  # before the lock: of a large archive that takes seconds

    def refuse(said: list[Correction]) -> None:
        before, after = (corrected_input(home, known, _stands(home, known, some)) for some in (said[:-1], said))
        refuse_contradiction(home, before, after, said[-1])

    with home.lock("corrections"):
        return put_on_record(home, statement, read_corrections(home), refuse)


def put_on_record(home: Home, statement: Statement, said: list[Correction], refuse: Refuse) -> Correction:
    """Write a correction, unless the same one is in force already. The caller holds the lock of corrections.

    Args:
        home: the home.
        statement: the new correction.
        said: all corrections ever made.
        refuse: raises UsageError if the last of the given corrections contradicts the others.

    Returns:
        The correction on record, which is safely on disk when this returns.
    """
    before = said_before(said, statement)
    if before is not None:
        return before
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    newest = max((one.created_at for one in said), default=now)
    # Corrections are ordered by time, so a new one must be later than all others even if the clock was set back.
    moment = max(now, newest + dt.timedelta(microseconds=1))
    one = correction(moment, statement.kind, statement.text, statement.here, statement.there, statement.to)
    refuse([*said, one])
    write_correction(home, one)
    return one


def said_before(said: Sequence[Correction], statement: Statement) -> Correction | None:
    """Return the correction in force that says exactly the same, or None; for a command that was killed and is given again.

    Args:
        said: all corrections ever made.
        statement: the new correction.
    """
    if statement.kind == "undo":
        return None
    faces = {*statement.here, *statement.there, *statement.to}
    standing = in_force(said)
    about_them = [one for one in standing if one.kind == statement.kind and faces & {*one.here, *one.there, *one.to}]
    candidates = about_them[-1:] if statement.kind in REPLACED else about_them
    same = [one for one in candidates if _content(one) == _content(statement)]
    if not same or any(one.kind in ("split", "move") and faces & set(one.here) for one in standing[standing.index(same[-1]) + 1 :]):
        return None  # a later correction gave its faces to somebody else
    return same[-1]


def _content(one: Correction | Statement) -> tuple[object, ...]:
    return one.kind, one.text, set(one.here), set(one.there), set(one.to)


def refuse_contradiction(home: Home, before: GroupingInput, after: GroupingInput, one: Correction) -> None:
    """Raise UsageError if a new correction causes a contradiction that was not there before.

    Args:
        home: the home.
        before, after: the tracks without and with the new correction.
        one: the new correction.
    """
    known = {conflict_key(before, conflict) for conflict in before.links.conflicts}
    new = [conflict for conflict in after.links.conflicts if conflict_key(after, conflict) not in known]
    if new:
        raise _contradiction(home, after, new[0], one)


def conflict_key(given: GroupingInput, conflict: Conflict) -> tuple[str, str, frozenset[str]]:
    """Return a conflict with the ids of its tracks instead of row numbers, which change when a track is divided."""
    return conflict.correction_id, conflict.against, frozenset(given.tracks["track_id"][list(conflict.rows)])


def _contradiction(home: Home, given: GroupingInput, conflict: Conflict, one: Correction) -> UsageError:
    rows = given.tracks[list(conflict.rows)]
    names = dict(home.store.scan("videos", sorted(set(rows["video_id"])), ["video_id", "file_name"]).rows())
    if conflict.against == PICTURE:
        shared = set(rows["frame_pts"][0]) & set(rows["frame_pts"][1])
        seen = home.store.get("detections", rows["video_id"][0], ["pts", "time_s"]).filter(pl.col("pts") == min(shared))
        place = f"{names[rows['video_id'][0]]} at {seen['time_s'][0]:.1f} s"
        return UsageError(f"they are in the same picture ({place}), so they cannot be one person.", remedy=NOTHING_CHANGED)
    places = " and ".join(f"{names[video]} at {at:.1f} s" for video, at in rows.select("video_id", "first_time_s").rows())
    if conflict.against == ONE_ROW:
        return UsageError(f"the faces of {places} are one track now, so they cannot be two people.", remedy=NOTHING_CHANGED)
    # If an undo brings an older correction back, the newer one is named as the one that cannot hold.
    other = conflict.against if conflict.correction_id == one.correction_id else conflict.correction_id
    return UsageError(
        f"this contradicts correction {other} about {places}. {NOTHING_CHANGED}",
        remedy=f"If that one is wrong: meetbefore undo {other}",
    )
