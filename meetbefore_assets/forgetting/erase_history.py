"""Erases forgotten faces from corrections, and ids that lead to nobody from the identity history."""

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.errors import RecordTornError
from meetbefore_assets.core.ports import WHOLE, Stamp
from meetbefore_assets.core.schema.identities import CORRECTIONS, IDENTITY_HISTORY
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppressions import suppress_name
from meetbefore_assets.identities.forgotten_places import is_gone, still_said
from meetbefore_assets.identities.identity_history import keep_events
from meetbefore_assets.recordings.intake import known_videos


def forget_corrections(home: Home, dropped: list[str]) -> None:
    """Remove the places of forgotten faces and erased videos from corrections; a correction without places is removed entirely.

    A name goes with the last face it was given on. The undo of a removed correction is removed too.
    """
    with home.lock("corrections"):
        _forget_corrections(home, set(known_videos(home)) - set(dropped))


def _forget_corrections(home: Home, known: set[str]) -> None:
    undos: dict[str, str] = {}
    removed: set[str] = set()
    for key in home.store.keys(CORRECTIONS.name):
        try:
            table = home.store.get(CORRECTIONS.name, key)
        except RecordTornError:
            removed.add(key)  # neither copy can be read, so it may name a forgotten person
            suppress_name(home, key)
            continue
        if table["kind"][0] == "undo":
            undos[key] = str(table["text"][0])
            continue
        rest = table.filter(~is_gone(home, table, known))
        if rest.height == table.height:
            continue
        rest = still_said(table, rest)
        if not rest.height:
            removed.add(key)
            continue
        stamp = Stamp(digest("trimmed", key, rest.height), {}, {"kind": str(table["kind"][0])}, rest.height)
        home.store.put(CORRECTIONS.name, key, check(CORRECTIONS, rest), stamp)
        home.store.sweep(CORRECTIONS.name, key)
    while dependent := {key for key, undone in undos.items() if undone in removed} - removed:
        removed |= dependent
    for key in removed:
        home.store.drop(CORRECTIONS.name, key)


def forget_history(home: Home) -> None:
    """Remove ids that lead to nobody any more from the identity history; call it after matching."""
    keys = [key for key in home.store.keys("identity_assignments") if key != WHOLE]
    people = home.store.scan("identity_assignments", keys, ["person_id"])["person_id"].unique() if keys else pl.Series([], dtype=pl.String)
    aliases = home.store.get("identity_assignments", WHOLE)["alias"]
    alive = set(people) | set(aliases) | {""}
    for key in home.store.keys(IDENTITY_HISTORY.name):
        table = home.store.get(IDENTITY_HISTORY.name, key)
        keep_events(home, key, table, pl.col("person_id").is_in(sorted(alive)) & pl.col("other_person_id").is_in(sorted(alive)))
