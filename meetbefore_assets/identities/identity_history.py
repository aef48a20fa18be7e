"""The table `identity_history`: what happened to people's ids, one object for each match that changed ids."""

import datetime as dt

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import Stamp
from meetbefore_assets.core.schema.identities import IDENTITY_HISTORY
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.forgotten_ids import ForgottenIds
from meetbefore_assets.home.record.object_versions import object_versions
from meetbefore_assets.identities.id_changes import identity_events
from meetbefore_assets.identities.policy import Policy

ASSET = IDENTITY_HISTORY.name
# From this number of objects on they are merged into one.
MANY = 30


def write_history(home: Home, before: pl.DataFrame, after: pl.DataFrame, decided: Policy, threshold_before: float | None) -> int:
    """Record what happened to ids in a match; returns the number of changed ids.

    Args:
        home: the home.
        before, after: columns face_id, person_id.
        decided: policy of this match.
        threshold_before: threshold of the previous match; None if there was none.
    """
    events = identity_events(before, after)
    if not events.height:
        return 0
    moment = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    table = events.with_columns(
        pl.lit(moment, pl.Datetime("us")).alias("matched_at"),
        pl.lit(decided.threshold, pl.Float64).alias("threshold"),
        pl.lit(threshold_before, pl.Float64).alias("threshold_before"),
        pl.lit(decided.corrections, pl.Int64).alias("corrections"),
        pl.lit(decided.version).alias("policy_version"),
    )
    table = check(IDENTITY_HISTORY, table)
    key = f"{moment:%Y%m%d%H%M%S%f}-{digest(decided.version, str(moment))[:8]}"
    home.store.put(ASSET, key, table, Stamp(digest(key), {"policy": decided.version}, {}, table.height))
    return table["person_id"].n_unique()


def purge_history(home: Home, forgotten: ForgottenIds) -> None:
    """Remove forgotten ids from the history. The caller holds the lock of matching."""
    if not forgotten.hashes:
        return
    for key in home.store.keys(ASSET):
        table = home.store.get(ASSET, key)
        gone = forgotten.among(pl.concat([table["person_id"], table["other_person_id"]]))
        keep_events(home, key, table, ~(pl.col("person_id").is_in(gone) | pl.col("other_person_id").is_in(gone)))


def keep_events(home: Home, key: str, table: pl.DataFrame, which: pl.Expr) -> None:
    """Keep only some rows of one object of the history; drop it if none is left."""
    rest = table.filter(which)
    if not rest.height:
        home.store.drop(ASSET, key)
    elif rest.height < table.height:
        stamp = home.store.stamp(ASSET, key)
        changed = Stamp(digest("trimmed", key, rest.height), stamp.inputs if stamp else {}, {}, rest.height)
        home.store.put(ASSET, key, check(IDENTITY_HISTORY, rest), changed)


def compact_history(home: Home) -> int:
    """Merge the objects of the history into one, if there are many; returns how many. The caller holds the lock of matching.

    An interruption between writing the new object and dropping the old ones leaves duplicate rows, which `history_table` removes.
    """
    keys = home.store.keys(ASSET)
    if len(keys) < MANY or any(home.store.stamp(ASSET, key) is None for key in keys):
        return 0
    table = check(IDENTITY_HISTORY, history_table(home))
    one = f"{max(keys).partition('-')[0]}-{digest(sorted(keys))[:8]}"
    home.store.put(ASSET, one, table, Stamp(digest(one), {}, {}, table.height))
    for key in keys:
        home.store.drop(ASSET, key)
    return len(keys)


def history_table(home: Home) -> pl.DataFrame:
    """The whole history, oldest first; columns of IDENTITY_HISTORY."""
    keys = home.store.keys(ASSET)
    table = home.store.scan(ASSET, keys).unique() if keys else IDENTITY_HISTORY.empty()
    return table.sort("matched_at", "person_id", -pl.col("faces"), "other_person_id")


def history_version(home: Home) -> str:
    """Hash that changes whenever the history does."""
    return digest("history", object_versions(home, ASSET))
