"""Corrections: what users say about who is who. Append-only, and anchored to places of faces.

A correction names no person and no track, because those change with threshold and recogniser. It names places: a video, a time, a box. It
is about the faces found there whenever videos are matched, so it survives another threshold, recogniser or detector.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import polars as pl

from meetbefore_assets.core.short_ids import short_id

Kind = Literal["name", "role", "merge", "not-same", "split", "move", "not-a-face", "unsure", "portrait", "known", "undo"]
KINDS: tuple[str, ...] = get_args(Kind)
# The sides of a correction: its faces, the faces of the other person, and, for a move, the faces of the new person.
SIDES = ("here", "there", "to")
# Corrections that say nothing about who is who, and change no group.
ASIDE = ("unsure",)
# Corrections that say how people are shown. They change no group either, but the ranking.
SHOWN = ("name", "role", "portrait", "known")
ROLES = ("me", "companion", "ignored")

# Tolerances for finding an anchored face again: other frames may be sampled, and another detector draws other boxes.
NEAR_S = 0.5
LEAST_IOU = 0.3


@dataclass(frozen=True)
class Anchor:
    """Where a face is seen; the box is (x1, y1, x2, y2) in pixels of the upright source picture."""

    video_id: str
    time_s: float
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class Correction:
    """One correction.

    Attributes:
        correction_id: hash of the rest.
        created_at: UTC.
        kind: name and role: about the person who has most of `here`; merge: all of `here` and `there` are one person;
            not-same and split: nobody of `here` is anybody of `there`; move: the same, and all of `here` are the person of `to`;
            not-a-face: `here` are no faces; portrait: `here` is the face to show of its person; unsure: the user cannot tell whether
            `here` and `there` are one person; known: a name from elsewhere, whose faces lie beside it
            (`known_people`); undo takes another correction back. A later version of this program may
            know more: what it does not know says nothing.
        text: the name, the role, or the id of the correction that is undone; of a merge of three people or more how many they were; of
            unsure what there was to see (`review.unsure`); empty for the others, and to clear a name or role.
        here, there, to: the faces it is about.
    """

    correction_id: str
    created_at: dt.datetime
    kind: Kind
    text: str
    here: tuple[Anchor, ...] = ()
    there: tuple[Anchor, ...] = ()
    to: tuple[Anchor, ...] = ()

    @property
    def sides(self) -> tuple[tuple[str, tuple[Anchor, ...]], ...]:
        """(name, anchors) of each of SIDES."""
        return ("here", self.here), ("there", self.there), ("to", self.to)


def correction(
    created_at: dt.datetime,
    kind: Kind,
    text: str,
    here: Sequence[Anchor] = (),
    there: Sequence[Anchor] = (),
    to: Sequence[Anchor] = (),
) -> Correction:
    """Make a correction, with its id."""
    content = repr((created_at.isoformat(), kind, text, tuple(here), tuple(there), *([tuple(to)] if to else [])))
    return Correction(short_id("c", content), created_at, kind, text, tuple(here), tuple(there), tuple(to))


def in_force(corrections: Iterable[Correction]) -> list[Correction]:
    """Corrections in force, oldest first: an undo cancels a correction, and an undo of an undo restores it."""
    ordered = sorted(corrections, key=lambda one: (one.created_at, one.correction_id))
    undone: set[str] = set()
    for one in reversed(ordered):
        if one.kind == "undo" and one.correction_id not in undone:
            undone.add(one.text)
    return [one for one in ordered if one.kind != "undo" and one.correction_id not in undone]


def anchor_rows(corrections: Iterable[Correction]) -> pl.DataFrame:
    """One row per anchor: correction_id, side (one of SIDES), ordinal, and the anchor."""
    rows = [
        (one.correction_id, side, ordinal, at.video_id, at.time_s, at.x1, at.y1, at.x2, at.y2)
        for one in corrections
        for side, anchors in one.sides
        for ordinal, at in enumerate(anchors)
    ]
    schema = {"correction_id": pl.String, "side": pl.String, "ordinal": pl.Int64, "video_id": pl.String}
    numbers = dict.fromkeys(("time_s", "x1", "y1", "x2", "y2"), pl.Float64)
    return pl.DataFrame(rows, schema={**schema, **numbers}, orient="row")


def locate(anchors: pl.DataFrame, faces: pl.DataFrame) -> pl.DataFrame:
    """Find the faces at anchors.

    Args:
        anchors: from `anchor_rows`.
        faces: columns face_id, video_id, time_s, x1, y1, x2, y2; other videos may be included.

    Returns:
        Columns correction_id, side, ordinal, face_id, sorted by the first three. Candidates are faces within NEAR_S seconds that overlap
        the box by LEAST_IOU or more; the nearest in time is chosen, then the one that overlaps most. Anchors without a face are left out.
    """
    numbers = ("time_s", "x1", "y1", "x2", "y2")
    there = faces.select("face_id", "video_id", *(pl.col(name).cast(pl.Float64).alias(f"{name}_face") for name in numbers))
    pairs = anchors.join(there, on="video_id").with_columns((pl.col("time_s") - pl.col("time_s_face")).abs().round(3).alias("away_s"))
    near = pairs.filter(pl.col("away_s") <= NEAR_S).with_columns(_overlap().alias("overlap")).filter(pl.col("overlap") >= LEAST_IOU)
    best = near.sort("away_s", -pl.col("overlap"), "face_id").group_by("correction_id", "side", "ordinal", maintain_order=True).first()
    return best.sort("correction_id", "side", "ordinal").select("correction_id", "side", "ordinal", "face_id")


def _overlap() -> pl.Expr:
    width = pl.min_horizontal("x2", "x2_face") - pl.max_horizontal("x1", "x1_face")
    height = pl.min_horizontal("y2", "y2_face") - pl.max_horizontal("y1", "y1_face")
    shared = width.clip(0) * height.clip(0)
    area = (pl.col("x2") - pl.col("x1")) * (pl.col("y2") - pl.col("y1"))
    area_face = (pl.col("x2_face") - pl.col("x1_face")) * (pl.col("y2_face") - pl.col("y1_face"))
    return shared / (area + area_face - shared)


def names_or_roles(
    corrections: Sequence[Correction], located: pl.DataFrame, assigned: pl.DataFrame, kind: Kind, *, keeps_empty: bool = False
) -> dict[str, str]:
    """Names or roles of people: person_id -> text.

    A name follows the faces it was given on to the person who has most of them (of equals, the one who has the first face, which the user
    looked at). Of several names for one person the newest counts.

    Args:
        corrections: those in force, oldest first.
        located: from `locate`.
        assigned: columns face_id, person_id.
        kind: name or role.
        keeps_empty: include people whose name was removed, as "".
    """
    faces = located.join(assigned.select("face_id", "person_id"), on="face_id")
    counted = faces.group_by("correction_id", "person_id").agg(pl.len(), pl.col("ordinal").min())
    votes = counted.sort("correction_id", -pl.col("len").cast(pl.Int64), "ordinal")
    bearer = dict(votes.group_by("correction_id", maintain_order=True).first().select("correction_id", "person_id").rows())
    spoken = {bearer[one.correction_id]: one.text for one in corrections if one.kind == kind and one.correction_id in bearer}
    return {person: text for person, text in spoken.items() if text or keeps_empty}


def portraits(corrections: Sequence[Correction], located: pl.DataFrame, assigned: pl.DataFrame) -> dict[str, str]:
    """Portraits chosen by the user: person_id -> face_id; of several for one person the newest counts.

    Args:
        corrections: those in force, oldest first.
        located: from `locate`.
        assigned: columns face_id, person_id.
    """
    chosen = [one.correction_id for one in corrections if one.kind == "portrait"]
    faces = located.filter(pl.col("correction_id").is_in(chosen)).join(assigned.select("face_id", "person_id"), on="face_id")
    shown = {str(one): (str(person), str(face)) for one, person, face in faces.select("correction_id", "person_id", "face_id").rows()}
    return dict(shown[one] for one in chosen if one in shown)


def faces_of_nobody(corrections: Sequence[Correction], located: pl.DataFrame) -> set[str]:
    """Detections that corrections call no face; arguments as for `portraits`."""
    said = [one.correction_id for one in corrections if one.kind == "not-a-face"]
    return set(located.filter(pl.col("correction_id").is_in(said))["face_id"])
