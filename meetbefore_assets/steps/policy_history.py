"""Which matching policies were in force, and putting one in force from a run's configuration."""

import datetime as dt

import polars as pl

from meetbefore_assets import settings
from meetbefore_assets.domain.ports import Stamp
from meetbefore_assets.schema import MATCHING_POLICIES, check
from meetbefore_assets.steps.policy import Policy
from meetbefore_assets.workbench import WHOLE, Workbench

ASSET = "matching_policy"
BY_SETTINGS, BY_RUN_CONFIG = "settings", "run config"


def apply_threshold(bench: Workbench, threshold: str) -> None:
    """Write a threshold into the settings, as `--set` does: there is one policy in force, the one last applied.

    Args:
        threshold: a cosine, or "auto".

    Raises:
        SettingsError: it is neither; the settings are left as they were.
    """
    with bench.lock("settings"):
        settings.apply(bench.home, [f"matching.threshold={threshold}"])


def note_policy(bench: Workbench, decided: Policy, applied_by: str) -> pl.DataFrame:
    """Add a policy to the history, unless it is the last one there; returns the history, in order."""
    with bench.lock("policy-history"):
        history = policy_history(bench)
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
        bench.store.put(ASSET, WHOLE, history, Stamp(f"{history.height}-{decided.version}", {}, {}, history.height))
    return history


def policy_history(bench: Workbench) -> pl.DataFrame:
    """The policies that were in force, in order; columns of MATCHING_POLICIES."""
    return MATCHING_POLICIES.empty() if bench.store.stamp(ASSET, WHOLE) is None else bench.store.get(ASSET, WHOLE)
