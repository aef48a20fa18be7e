"""Which places of corrections are those of forgotten faces, and what a correction still says without them."""

import datetime as dt
from collections.abc import Collection

import numpy as np
import polars as pl

from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppression_match import suppressed_faces
from meetbefore_assets.home.record.suppressions import BOX, are_suppressions_known, suppressions_of
from meetbefore_assets.identities.corrections import Anchor, Correction, correction
from meetbefore_assets.identities.stored_corrections import corrections_of, table_of

_ANY_TIME = dt.datetime(2000, 1, 1)


def without_forgotten(home: Home, one: Correction, known: Collection[str]) -> Correction | None:
    """A correction without the places of forgotten faces and of other videos than the known; None where it then says nothing."""
    table = table_of(one)
    if table["video_id"].null_count():
        return one  # it has no places
    rest = table.filter(~is_gone(home, table, known))
    if rest.height == table.height:
        return one
    rest = still_said(table, rest)
    return corrections_of(rest)[0] if rest.height else None


def forgotten_among(home: Home, places: Collection[Anchor], known: Collection[str]) -> set[Anchor]:
    """Which of some places are those of forgotten faces, or of other videos than the known."""
    distinct = sorted(set(places), key=lambda place: (place.video_id, place.time_s, place.x1))
    if not distinct:
        return set()
    table = table_of(correction(_ANY_TIME, "name", "", distinct))
    return {place for place, gone in zip(distinct, is_gone(home, table, known), strict=True) if gone}


def still_said(table: pl.DataFrame, rest: pl.DataFrame) -> pl.DataFrame:
    """The rows of a correction that still make sense without its erased faces; empty if nothing is left to say."""
    kind, gone = str(table["kind"][0]), set(table["side"]) - set(rest["side"])
    if kind == "move" and "there" in gone:
        gone.remove("there")  # whose the faces were is gone, whose they are is not
    if kind == "merge" and gone and str(table["text"][0]) and rest.height > 1:
        # Of three who were merged, two are one person still.
        first = pl.int_range(pl.len()) == 0
        return rest.with_columns(pl.when(first).then(pl.lit(min(gone))).otherwise("side").alias("side"))
    return rest.clear() if gone else rest


def is_gone(home: Home, table: pl.DataFrame, known: Collection[str]) -> pl.Series:
    """Which rows (columns of CORRECTIONS, of one correction) are places of forgotten faces, or of other videos than the known."""
    gone = np.zeros(table.height, bool)
    for video_id in set(table["video_id"].drop_nulls()):
        rows = (table["video_id"] == video_id).fill_null(False).to_numpy()
        boxes = table.select(BOX).to_numpy().astype(np.float32)
        if video_id not in known:
            gone[rows] = True
        elif are_suppressions_known(home, video_id):
            gone[rows] = suppressed_faces(table["time_s"].to_numpy()[rows], boxes[rows], suppressions_of(home, video_id))
    return pl.Series(gone)
