"""Erases forgotten faces from corrections, and ids that lead to nobody from the history of ids."""

import numpy as np
import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import WHOLE, Stamp
from meetbefore_assets.core.schema.identities import CORRECTIONS, IDENTITY_HISTORY
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppression_match import suppressed_faces
from meetbefore_assets.home.record.suppressions import BOX, suppressions_of
from meetbefore_assets.recordings.intake import known_videos


def forget_corrections(home: Home, dropped: list[str]) -> None:
    """Take the places of forgotten faces and of videos that are gone out of corrections; one without any place left is removed whole.

    A name goes with the last face it was given on. What undid a correction that is removed goes too.
    """
    with home.lock("corrections"):
        _forget_corrections(home, set(known_videos(home)) - set(dropped))


def _forget_corrections(home: Home, known: set[str]) -> None:
    undos: dict[str, str] = {}
    removed: set[str] = set()
    for key in home.store.keys(CORRECTIONS.name):
        table = home.store.get(CORRECTIONS.name, key)
        if table["kind"][0] == "undo":
            undos[key] = str(table["text"][0])
            continue
        rest = table.filter(~_is_gone(home, table, known))
        if rest.height == table.height:
            continue
        if set(rest["side"]) != set(table["side"]):
            removed.add(key)
            continue
        stamp = Stamp(digest("trimmed", key, rest.height), {}, {"kind": str(table["kind"][0])}, rest.height)
        home.store.put(CORRECTIONS.name, key, check(CORRECTIONS, rest), stamp)
        home.store.sweep(CORRECTIONS.name, key)
    while dependent := {key for key, undone in undos.items() if undone in removed} - removed:
        removed |= dependent
    for key in removed:
        home.store.drop(CORRECTIONS.name, key)


def _is_gone(home: Home, table: pl.DataFrame, known: set[str]) -> pl.Series:
    gone = np.zeros(table.height, bool)
    for video_id in set(table["video_id"].drop_nulls()):
        rows = (table["video_id"] == video_id).fill_null(False).to_numpy()
        boxes = table.select(BOX).to_numpy().astype(np.float32)
        lost = suppressed_faces(table["time_s"].to_numpy()[rows], boxes[rows], suppressions_of(home, video_id))
        gone[rows] = lost if video_id in known else True
    return pl.Series(gone)


def forget_history(home: Home) -> None:
    """Remove what is on record of ids that lead to nobody any more; to be called when who is who was decided anew."""
    keys = [key for key in home.store.keys("identity_assignments") if key != WHOLE]
    people = home.store.scan("identity_assignments", keys, ["person_id"])["person_id"].unique() if keys else pl.Series([], dtype=pl.String)
    aliases = home.store.get("identity_assignments", WHOLE)["alias"]
    alive = set(people) | set(aliases) | {""}
    for key in home.store.keys(IDENTITY_HISTORY.name):
        table = home.store.get(IDENTITY_HISTORY.name, key)
        rest = table.filter(pl.col("person_id").is_in(sorted(alive)) & pl.col("other_person_id").is_in(sorted(alive)))
        if not rest.height:
            home.store.drop(IDENTITY_HISTORY.name, key)
        elif rest.height < table.height:
            stamp = home.store.stamp(IDENTITY_HISTORY.name, key)
            inputs = stamp.inputs if stamp else {}
            changed = Stamp(digest("trimmed", key, rest.height), inputs, {}, rest.height)
            home.store.put(IDENTITY_HISTORY.name, key, check(IDENTITY_HISTORY, rest), changed)
