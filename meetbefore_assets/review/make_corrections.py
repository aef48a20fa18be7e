"""Makes corrections: anchors them to faces, checks them against earlier ones, and writes them."""

import datetime as dt
from collections.abc import Sequence

import polars as pl

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.correction_links import ONE_ROW, PICTURE, Conflict
from meetbefore_assets.identities.corrections import ROLES, Anchor, Correction, Kind, correction, in_force
from meetbefore_assets.identities.grouping_input import GroupingInput, read_grouping_input
from meetbefore_assets.identities.policy import policy, usable_tracks
from meetbefore_assets.identities.queries import assigned_faces, people_table
from meetbefore_assets.identities.stored_corrections import read_corrections, write_correction

# Anchors of one side: a face of each track, the best first. More would say nothing new of somebody who is always there.
MAX_ANCHORS = 64
CLEAR_ROLE = "none"


def name_person(home: Home, person_id: str, name: str) -> Correction:
    """Give a name to a person; an empty one takes it away.

    Raises:
        UsageError: somebody else bears that name.
    """
    name = " ".join(name.split())
    others = people_table(home).filter((pl.col("person_id") != person_id) & (pl.col("name").str.to_lowercase() == name.lower()))
    if name and others.height:
        raise UsageError(
            f"{others['person_id'][0]} is called '{others['name'][0]}' already; expected a name that nobody has.",
            remedy=f"If they are one person: meetbefore merge {others['person_id'][0]} {person_id}",
        )
    return _say(home, "name", name, _faces_of(home, person_id))


def set_role(home: Home, person_id: str, role: str) -> Correction:
    """Say that a person is oneself, a companion, or nobody of interest; `none` takes it back.

    Raises:
        UsageError: it is no role, or somebody else is `me`.
    """
    if role not in (*ROLES, CLEAR_ROLE):
        raise UsageError(f"'{role}' is no role; expected one of {', '.join((*ROLES, CLEAR_ROLE))}.")
    me = people_table(home).filter((pl.col("role") == "me") & (pl.col("person_id") != person_id))
    if role == "me" and me.height:
        raise UsageError(
            f"{me['person_id'][0]} is you already; expected one person to be you.",
            remedy=f"Merge the two (meetbefore merge {me['person_id'][0]} {person_id}), or take the other back (meetbefore undo).",
        )
    return _say(home, "role", "" if role == CLEAR_ROLE else role, _faces_of(home, person_id))


def merge(home: Home, first: str, second: str) -> Correction:
    """Say that two people are one.

    Raises:
        UsageError: they are one already, are seen in one picture, or were said to be two.
    """
    _refuse_same(first, second)
    return _say(home, "merge", "", _faces_of(home, first), _faces_of(home, second))


def not_same(home: Home, first: str, second: str) -> Correction:
    """Say that two people are two, whatever the threshold.

    Raises:
        UsageError: they are one person by a correction.
    """
    _refuse_same(first, second)
    return _say(home, "not-same", "", _faces_of(home, first), _faces_of(home, second))


def split(home: Home, person_id: str, face_ids: Sequence[str], *, only_these: bool = False) -> Correction:
    """Say that some faces are not this person: they leave, with the whole of the tracks they are in unless `only_these`.

    Raises:
        UsageError: a face is not this person's, or none would be left.
    """
    mine = assigned_faces(home).filter(pl.col("person_id") == person_id)
    strange = sorted(set(face_ids) - set(mine["face_id"]))
    if strange or not face_ids:
        raise UsageError(
            f"{', '.join(strange) or 'nothing'} is no face of {person_id}; expected some of its {mine.height} faces.",
            remedy=f"`meetbefore show {person_id} --faces` lists them.",
        )
    named = mine.filter(pl.col("face_id").is_in(list(face_ids)))
    leaving = named if only_these else mine.filter(pl.col("track_id").is_in(named["track_id"].unique().implode()))
    staying = mine.filter(~pl.col("face_id").is_in(leaving["face_id"].implode()))
    if not staying.height:
        raise UsageError(
            f"these are all faces of {person_id}: nobody would be left to split them from.",
            remedy="Name only the faces of somebody else.",
        )
    # Every face that leaves is an anchor: of a track that goes in part, the rest must be told apart from them.
    return _say(home, "split", "", _anchors(leaving), _anchors(_best_of_tracks(staying)))


def undo(home: Home, correction_id: str = "") -> tuple[Correction, Correction]:
    """Take back a correction, or the latest; undoing an undo brings in again what it took back. Returns (undo, what it undid).

    Raises:
        UsageError: there is no such correction, it was undone before, or bringing it in again would contradict.
    """
    said = read_corrections(home)
    standing_ids = {one.correction_id for one in in_force(said)}
    if correction_id:
        found = [one for one in said if one.correction_id.startswith(correction_id)]
    else:
        found = [one for one in said if one.correction_id in standing_ids][-1:]
    if len(found) != 1:
        what = "there is nothing to undo" if not correction_id else f"'{correction_id}' fits {len(found)} corrections, expected one"
        raise UsageError(f"{what}.", remedy="`meetbefore corrections` lists them.")
    if found[0].kind != "undo" and found[0].correction_id not in standing_ids:
        raise UsageError(
            f"{found[0].correction_id} was undone before.", remedy="`meetbefore corrections` says by which undo; undo that one."
        )
    return _say(home, "undo", found[0].correction_id), found[0]


def _refuse_same(first: str, second: str) -> None:
    if first == second:
        raise UsageError(
            f"both are {first}; expected two people.",
            remedy=f"To take faces out of one: meetbefore split {first} FACE",
        )


def _faces_of(home: Home, person_id: str) -> list[Anchor]:
    return _anchors(_best_of_tracks(assigned_faces(home).filter(pl.col("person_id") == person_id)))


def _best_of_tracks(faces: pl.DataFrame) -> pl.DataFrame:
    best = faces.sort(["quality", "face_id"], descending=[True, False])
    return best.unique("track_id", keep="first", maintain_order=True).head(MAX_ANCHORS)


def _anchors(faces: pl.DataFrame) -> list[Anchor]:
    return [
        Anchor(video_id, round(time_s, 3), *(round(number, 2) for number in box))
        for video_id, time_s, *box in faces.select("video_id", "time_s", "x1", "y1", "x2", "y2").rows()
    ]


def _say(home: Home, kind: Kind, text: str, here: Sequence[Anchor] = (), there: Sequence[Anchor] = ()) -> Correction:
    with home.lock("corrections"):
        said = read_corrections(home)
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        newest = max((one.created_at for one in said), default=now)
        # The order in which things were said must be theirs even where the clock went back.
        moment = max(now, newest + dt.timedelta(microseconds=1))
        one = correction(moment, kind, text, here, there)
        videos = sorted(usable_tracks(home, policy(home).recogniser_id))
        known = set(read_grouping_input(home, videos, said).links.conflicts)
        given = read_grouping_input(home, videos, [*said, one])
        new = [conflict for conflict in given.links.conflicts if conflict not in known]
        if new:
            raise _contradiction(home, given, new[0], one)
        write_correction(home, one)
    return one


def _contradiction(home: Home, given: GroupingInput, conflict: Conflict, one: Correction) -> UsageError:
    rows = given.tracks[list(conflict.rows)]
    names = dict(home.store.scan("videos", sorted(set(rows["video_id"])), ["video_id", "file_name"]).rows())
    if conflict.against == PICTURE:
        shared = set(rows["frame_pts"][0]) & set(rows["frame_pts"][1])
        seen = home.store.get("detections", rows["video_id"][0], ["pts", "time_s"]).filter(pl.col("pts") == min(shared))
        place = f"{names[rows['video_id'][0]]} at {seen['time_s'][0]:.1f} s"
        return UsageError(f"they are seen in one picture ({place}), so they cannot be one person.", remedy="Nothing was written.")
    places = " and ".join(f"{names[video]} at {at:.1f} s" for video, at in rows.select("video_id", "first_time_s").rows())
    if conflict.against == ONE_ROW:
        return UsageError(f"the faces of {places} are one track by now, so they cannot be two people.", remedy="Nothing was written.")
    # An older statement that is brought in again makes a newer one the one that cannot hold.
    other = conflict.against if conflict.correction_id == one.correction_id else conflict.correction_id
    return UsageError(
        f"that contradicts what was said before: of {places}, correction {other} says otherwise. Nothing was written.",
        remedy=f"If that was wrong: meetbefore undo {other}",
    )
