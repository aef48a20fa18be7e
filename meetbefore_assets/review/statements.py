"""Turns what the user says about people and faces into corrections (which name places in videos), and refuses what makes no sense.

The command line reads people and faces from the record, the app has them in memory; both make corrections by these functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from meetbefore_assets.core.command_line import is_placeholder
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.untrusted_text import find_control
from meetbefore_assets.identities.corrections import ROLES, Anchor, Correction, Kind, in_force

# Most anchors of one side: a face of each track, the best first. More would add nothing about somebody who is seen that often.
MAX_ANCHORS = 64
MAX_NAME = 200
CLEAR_ROLE = "none"
NOTHING_CHANGED = "Nothing was changed."


@dataclass(frozen=True)
class Shown:
    """People and faces as the user sees them.

    Attributes:
        people: columns person_id, name, role.
        faces: columns face_id, person_id, track_id, video_id, time_s, x1, y1, x2, y2, quality; a row per face that belongs to somebody.
    """

    people: pl.DataFrame
    faces: pl.DataFrame

    def of(self, person_id: str) -> pl.DataFrame:
        """Return the faces of a person. Raises UsageError if there are none."""
        found = self.faces.filter(pl.col("person_id") == person_id)
        if not found.height:  # a correction without faces could never apply to anybody
            raise UsageError(f"{person_id} has no faces any more. {NOTHING_CHANGED}", remedy="To list everybody: meetbefore people --all")
        return found

    def named(self, face_ids: Sequence[str]) -> pl.DataFrame:
        """Return faces by id. Raises UsageError if one belongs to nobody."""
        found = self.faces.filter(pl.col("face_id").is_in(list(face_ids)))
        unknown = sorted(set(face_ids) - set(found["face_id"]))
        if unknown or not face_ids:
            raise UsageError(
                f"{', '.join(unknown[:5]) or 'nothing'} is no face of anybody; expected ids of faces. {NOTHING_CHANGED}",
                remedy="To list the faces of a person: meetbefore show PERSON --faces",
            )
        return found


@dataclass(frozen=True)
class Statement:
    """A correction that is not on record yet: see `corrections.Correction`."""

    kind: Kind
    text: str = ""
    here: tuple[Anchor, ...] = ()
    there: tuple[Anchor, ...] = ()
    to: tuple[Anchor, ...] = ()


def named(shown: Shown, person_id: str, name: str) -> Statement:
    """Name a person; an empty name removes it.

    Raises:
        UsageError: somebody else has that name; or it is the placeholder of a suggested command, too long, or has control characters.
    """
    name = readable_name(name)
    if is_placeholder(name):
        raise UsageError(
            f"'{name}' stands for the name; expected the name itself.", remedy=f"For example: meetbefore name {person_id} Anna"
        )
    others = shown.people.filter((pl.col("person_id") != person_id) & (pl.col("name").str.to_lowercase() == name.lower()))
    if name and others.height:
        raise UsageError(
            f"{others['person_id'][0]} already has the name '{others['name'][0]}'; expected a new name.",
            remedy=f"If they are one person: meetbefore merge {others['person_id'][0]} {person_id}",
        )
    return Statement("name", name, _side(shown.of(person_id)))


def readable_name(name: str) -> str:
    """Return a name with single spaces. Raises UsageError if it has control characters or is too long."""
    name = " ".join(name.split())
    if control := find_control(name):
        raise UsageError(f"the name has the control character {control}; expected readable characters.", remedy=NOTHING_CHANGED)
    if len(name) > MAX_NAME:
        raise UsageError(f"expected a name of at most {MAX_NAME} characters, found {len(name):,}.", remedy=NOTHING_CHANGED)
    return name


def has_role(shown: Shown, person_id: str, role: str) -> Statement:
    """Give a person the role me, companion or ignored; `none` removes it.

    Raises:
        UsageError: there is no such role, or somebody else is `me`.
    """
    if role not in (*ROLES, CLEAR_ROLE):
        raise UsageError(f"unknown role '{role}'; expected one of {', '.join((*ROLES, CLEAR_ROLE))}.")
    me = shown.people.filter((pl.col("role") == "me") & (pl.col("person_id") != person_id))
    if role == "me" and me.height:
        raise UsageError(
            f"{me['person_id'][0]} is already you; only one person can be.",
            remedy=f"Merge the two (meetbefore merge {me['person_id'][0]} {person_id}), or undo the other (meetbefore undo).",
        )
    return Statement("role", "" if role == CLEAR_ROLE else role, _side(shown.of(person_id)))


def are_one(shown: Shown, people: Sequence[str]) -> Statement:
    """Say that two people or more are one.

    Raises:
        UsageError: fewer than two different people are named.
    """
    _refuse_same(people)
    first, *others = (_side(shown.of(person_id)) for person_id in people)
    return Statement("merge", str(len(people)) if len(people) > 2 else "", first, tuple(anchor for side in others for anchor in side))


def are_two(shown: Shown, first: str, second: str) -> Statement:
    """Say that two people are two, whatever the threshold."""
    _refuse_same((first, second))
    return Statement("not-same", "", _side(shown.of(first)), _side(shown.of(second)))


def nobody_knows(shown: Shown, first: str, second: str, seen: str) -> Statement:
    """Say that nobody can tell whether two people are one; `seen` is the evidence there was (`unsure.what_was_seen`)."""
    _refuse_same((first, second))
    return Statement("unsure", seen, _side(shown.of(first)), _side(shown.of(second)))


def parts_are_one(first: pl.DataFrame, second: pl.DataFrame) -> Statement:
    """Say that two parts of one person (given as faces) are one person, whatever the threshold."""
    return Statement("merge", "", _side(first), _side(second))


def parts_unknown(first: pl.DataFrame, second: pl.DataFrame, seen: str) -> Statement:
    """Say that nobody can tell whether two parts of one person (given as faces) are one; `seen` as in `nobody_knows`."""
    return Statement("unsure", seen, _side(first), _side(second))


def are_somebody_else(shown: Shown, person_id: str, face_ids: Sequence[str], *, only_these: bool = False) -> Statement:
    """Say that some faces, with their whole tracks unless `only_these`, are not this person.

    Raises:
        UsageError: a face does not belong to this person, or none would be left.
    """
    mine = shown.of(person_id)
    strange = sorted(set(face_ids) - set(mine["face_id"]))
    if strange or not face_ids:
        raise UsageError(
            f"{', '.join(strange) or 'nothing'} is not a face of {person_id}; expected some of its {mine.height} faces.",
            remedy=f"To list them: meetbefore show {person_id} --faces",
        )
    leaving = _leaving(mine, face_ids, only_these=only_these)
    if leaving.height == mine.height:
        raise UsageError(
            f"these are all faces of {person_id}; some must stay.",
            remedy="Name only the faces of somebody else.",
        )
    return Statement("split", "", _anchors(leaving), _staying(mine, leaving))


def belong_to(shown: Shown, face_ids: Sequence[str], person_id: str, *, only_these: bool = False) -> Statement:
    """Say that some faces are this person and not the one they were assigned to: a split and a merge in one.

    Raises:
        UsageError: a face belongs to nobody, or all belong to this person already.
    """
    theirs = shown.of(person_id)
    moved = shown.named(face_ids).filter(pl.col("person_id") != person_id)
    if not moved.height:
        raise UsageError(f"these are faces of {person_id} already. {NOTHING_CHANGED}")
    owners = shown.faces.filter(pl.col("person_id").is_in(moved["person_id"].unique().implode()))
    leaving = _leaving(owners, moved["face_id"].to_list(), only_these=only_these)
    return Statement("move", "", _anchors(leaving), _staying(owners, leaving), _side(theirs))


def are_no_faces(shown: Shown, face_ids: Sequence[str]) -> Statement:
    """Say that some detections are not faces of people (a statue, a print on a shirt): only these, not their tracks."""
    return Statement("not-a-face", "", _anchors(shown.named(face_ids)))


def is_portrait(shown: Shown, face_id: str) -> Statement:
    """Choose a face to be shown for the person it belongs to."""
    return Statement("portrait", "", _anchors(shown.named([face_id])))


def is_taken_back(said: Sequence[Correction], correction_id: str = "") -> tuple[Statement, Correction]:
    """Undo a correction, or the latest; the undo of an undo restores the correction.

    Args:
        said: all corrections ever made, oldest first.
        correction_id: its id, or the beginning of it.

    Returns:
        The undo, and the correction that it undoes.

    Raises:
        UsageError: there is no such correction, or it is undone already.
    """
    standing_ids = {one.correction_id for one in in_force(said)}
    if correction_id:
        found = [one for one in said if one.correction_id.startswith(correction_id)]
    else:
        found = [one for one in said if one.correction_id in standing_ids][-1:]
    if len(found) != 1:
        what = "there is nothing to undo" if not correction_id else f"'{correction_id}' fits {len(found)} corrections, expected one"
        raise UsageError(f"{what}.", remedy="To list them: meetbefore corrections")
    if found[0].kind != "undo" and found[0].correction_id not in standing_ids:
        raise UsageError(
            f"{found[0].correction_id} is already undone.", remedy="To bring it back, undo the undo: see `meetbefore corrections`."
        )
    return Statement("undo", found[0].correction_id), found[0]


def _refuse_same(people: Sequence[str]) -> None:
    twice = next((one for one in people if list(people).count(one) > 1), None)
    if twice is None and len(people) > 1:
        return
    if twice is None:
        raise UsageError(f"expected two people or more, found {len(people)}. {NOTHING_CHANGED}")
    which = f"both are {twice}; expected two people." if len(people) == 2 else f"{twice} is named twice; expected different people."
    raise UsageError(which, remedy=f"To take faces out of one: meetbefore split {twice} FACE")


def _leaving(faces: pl.DataFrame, face_ids: Sequence[str], *, only_these: bool) -> pl.DataFrame:
    """Return the faces that leave: all are kept as anchors, because the rest of a divided track must be told apart from them."""
    chosen = faces.filter(pl.col("face_id").is_in(list(face_ids)))
    return chosen if only_these else faces.filter(pl.col("track_id").is_in(chosen["track_id"].unique().implode()))


def _staying(faces: pl.DataFrame, leaving: pl.DataFrame) -> tuple[Anchor, ...]:
    """Return anchors of the faces that stay, those of divided tracks first, because of many tracks only some get an anchor."""
    staying = faces.filter(~pl.col("face_id").is_in(leaving["face_id"].implode()))
    best = _best_of_tracks(staying, staying.height)
    is_torn = pl.col("track_id").is_in(leaving["track_id"].unique().implode())
    return _anchors(best.sort(is_torn, descending=True, maintain_order=True).head(MAX_ANCHORS))


def _side(faces: pl.DataFrame) -> tuple[Anchor, ...]:
    return _anchors(_best_of_tracks(faces, MAX_ANCHORS))


def _best_of_tracks(faces: pl.DataFrame, most: int) -> pl.DataFrame:
    best = faces.sort(["quality", "face_id"], descending=[True, False])
    return best.unique("track_id", keep="first", maintain_order=True).head(most)


def _anchors(faces: pl.DataFrame) -> tuple[Anchor, ...]:
    return tuple(
        Anchor(video_id, round(time_s, 3), *(round(number, 2) for number in box))
        for video_id, time_s, *box in faces.select("video_id", "time_s", "x1", "y1", "x2", "y2").rows()
    )
