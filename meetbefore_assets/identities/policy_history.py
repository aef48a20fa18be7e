"""The table matching_policies, and applying the threshold of a run's configuration."""

import datetime as dt

import polars as pl

from meetbefore_assets.core.ports import WHOLE, Stamp
from meetbefore_assets.core.schema.identities import MATCHING_POLICIES
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.policy import Policy

ASSET = "matching_policy"
BY_SETTINGS, BY_RUN_CONFIG = "settings", "run config"


def apply_threshold(home: Home, threshold: str) -> None:
    """Write a threshold into the settings, as `--set` does: there is one policy in force, the one last applied.

    Args:
        threshold: a cosine, or "auto".

    Raises:
        SettingsError: it is neither; the settings are left as they were.
    """
    settings_file.apply(home.folder, [f"matching.threshold={threshold}"])


def record_policy(home: Home, decided: Policy, applied_by: str) -> pl.DataFrame:
    """Add a policy to the history, unless it is the last one there; returns the history, in order."""
    with home.lock("policy-history"):
        history = policy_history(home)
        if history.height and history["version"][-1] == decided.version:
            return history
        row = {
            "number": history.height + 1,
            "since": dt.datetime.now(dt.UTC).replace(tzinfo=None),
            "threshold": decided.threshold,
            "threshold_source": decided.threshold_source,
            "recogniser": decided.recogniser_id,
            "zone": decided.zone,
            "corrections": decided.corrections,
            "applied_by": applied_by,
            "version": decided.version,
        }
        history = check(MATCHING_POLICIES, pl.concat([history, MATCHING_POLICIES.frame([row])]))
        home.store.put(ASSET, WHOLE, history, Stamp(f"{history.height}-{decided.version}", {}, {}, history.height))
    return history


def policy_history(home: Home) -> pl.DataFrame:
    """The policies that were in force, in order; columns of MATCHING_POLICIES."""
    return MATCHING_POLICIES.empty() if home.store.stamp(ASSET, WHOLE) is None else home.store.get(ASSET, WHOLE)
