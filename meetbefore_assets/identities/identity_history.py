"""The table identity_history: what happened to people's ids, an object for every time that something did."""

import datetime as dt

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import Stamp
from meetbefore_assets.core.schema.identities import IDENTITY_HISTORY
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.object_versions import object_versions
from meetbefore_assets.identities.id_changes import identity_events
from meetbefore_assets.identities.policy import Policy

ASSET = IDENTITY_HISTORY.name
# So many objects, one a re-match, are worth putting into one.
MANY = 30


def write_history(home: Home, before: pl.DataFrame, after: pl.DataFrame, decided: Policy, threshold_before: float | None) -> int:
    """Put on record what happened to ids; returns how many of them it happened to.

    Args:
        home: the home.
        before, after: columns face_id, person_id.
        decided: by which policy.
        threshold_before: of the decision before this one; None if there was none.
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


def compact_history(home: Home) -> int:
    """Put what happened into one object, where it became many; returns of how many it was made. The caller holds the lock of matching.

    Whoever is interrupted between the new object and the old ones leaves rows twice, which nobody sees (`history_table`).
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
    """All that ever happened, oldest first: columns of IDENTITY_HISTORY."""
    keys = home.store.keys(ASSET)
    table = home.store.scan(ASSET, keys).unique() if keys else IDENTITY_HISTORY.empty()
    return table.sort("matched_at", "person_id", -pl.col("faces"), "other_person_id")


def history_version(home: Home) -> str:
    """Changes whenever something happened or was erased."""
    return digest("history", object_versions(home, ASSET))
