"""Corrections: what people say about who is who; append-only, anchored to faces by where they are seen.

A correction names no person and no track, for those change with the threshold and the recogniser. It names places: a video, a
time in it, a box. The faces found there whenever identities are decided are what it is about, so it outlives another threshold,
another recogniser and another detector.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from meetbefore_assets.identities.person_ids import short_id

Kind = Literal["name", "role", "merge", "not-same", "split", "undo"]
ROLES = ("me", "companion", "ignored")

# A face found again: another sampling may look half a second earlier, another detector draws another box.
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
    """One thing that was said.

    Attributes:
        correction_id: hash of the rest.
        created_at: UTC.
        kind: name and role speak of the person who bears most of `here`; merge: `here` and `there` are one person;
            not-same and split: nobody of `here` is anybody of `there`; undo takes another correction back.
        text: the name, the role, or the id of the correction that is undone; empty for the others, and to clear a name or role.
        here, there: the faces it is about.
    """

    correction_id: str
    created_at: dt.datetime
    kind: Kind
    text: str
    here: tuple[Anchor, ...] = ()
    there: tuple[Anchor, ...] = ()


def correction(created_at: dt.datetime, kind: Kind, text: str, here: Sequence[Anchor] = (), there: Sequence[Anchor] = ()) -> Correction:
    """A correction with its id."""
    content = repr((created_at.isoformat(), kind, text, tuple(here), tuple(there)))
    return Correction(short_id("c", content), created_at, kind, text, tuple(here), tuple(there))


def in_force(corrections: Iterable[Correction]) -> list[Correction]:
    """Those that hold, oldest first: an undo takes one back, and an undo of an undo brings it in again."""
    ordered = sorted(corrections, key=lambda one: (one.created_at, one.correction_id))
    undone: set[str] = set()
    for one in reversed(ordered):
        if one.kind == "undo" and one.correction_id not in undone:
            undone.add(one.text)
    return [one for one in ordered if one.kind != "undo" and one.correction_id not in undone]


def anchor_rows(corrections: Iterable[Correction]) -> pl.DataFrame:
    """A row an anchor: correction_id, side ("here" or "there"), ordinal, and the anchor."""
    rows = [
        (one.correction_id, side, ordinal, at.video_id, at.time_s, at.x1, at.y1, at.x2, at.y2)
        for one in corrections
        for side, anchors in (("here", one.here), ("there", one.there))
        for ordinal, at in enumerate(anchors)
    ]
    schema = {"correction_id": pl.String, "side": pl.String, "ordinal": pl.Int64, "video_id": pl.String}
    numbers = dict.fromkeys(("time_s", "x1", "y1", "x2", "y2"), pl.Float64)
    return pl.DataFrame(rows, schema={**schema, **numbers}, orient="row")


def locate(anchors: pl.DataFrame, faces: pl.DataFrame) -> pl.DataFrame:
    """The faces that lie where anchors say.

    Args:
        anchors: as `anchor_rows` gives them.
        faces: columns face_id, video_id, time_s, x1, y1, x2, y2; those of other videos do not matter.

    Returns:
        Columns correction_id, side, ordinal, face_id, in order of the first three: of the faces within NEAR_S seconds that
        overlap the box by LEAST_IOU or more the nearest in time, of those the one that overlaps most. Anchors without any are
        left out.
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


def names_or_roles(corrections: Sequence[Correction], located: pl.DataFrame, assigned: pl.DataFrame, kind: Kind) -> dict[str, str]:
    """Who bears a name, or a role: person_id -> text.

    A name follows the faces it was given on to whoever bears most of them (of equals, whoever bears the
    most telling one: that is the face one looked at). Of several names for one
    person the newest holds, and of several people for one correction only the first bears it.

    Args:
        corrections: those in force, oldest first.
        located: as `locate` gives it.
        assigned: columns face_id, person_id.
        kind: name or role.
    """
    faces = located.join(assigned.select("face_id", "person_id"), on="face_id")
    counted = faces.group_by("correction_id", "person_id").agg(pl.len(), pl.col("ordinal").min())
    votes = counted.sort("correction_id", -pl.col("len").cast(pl.Int64), "ordinal")
    bearer = dict(votes.group_by("correction_id", maintain_order=True).first().select("correction_id", "person_id").rows())
    spoken = {bearer[one.correction_id]: one.text for one in corrections if one.kind == kind and one.correction_id in bearer}
    return {person: text for person, text in spoken.items() if text}
