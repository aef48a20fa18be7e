"""The table `matching_policies`, and applying a threshold from run config."""

import datetime as dt

import polars as pl

from meetbefore_assets.core.ports import WHOLE, Stamp
from meetbefore_assets.core.schema.identities import MATCHING_POLICIES
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.policy import BY_SETTING, Policy

ASSET = "matching_policy"
BY_SETTINGS, BY_RUN_CONFIG = "settings", "run config"


def apply_threshold(home: Home, threshold: str) -> None:
    """Write a threshold into the settings, as `--set` does, because only one policy is in force: the last one applied.

    Args:
        threshold: a cosine, or "auto".

    Raises:
        SettingsError: it is neither; the settings are left as they were.
    """
    settings_file.apply(home.folder, [f"matching.threshold={threshold}"])


def undo_threshold(home: Home) -> str | None:
    """Undo the thresholds from run config since the user last set one; returns the setting in force again, or None if there are none.

    A threshold that the user set afterwards stays.

    Raises:
        SettingsError: the settings file is wrong.
    """
    changed = _changed_by_runs(policy_history(home))
    now = home.settings().matching.threshold
    if changed is None or changed[1] != (now if isinstance(now, str) else f"{now:g}"):
        return None
    before = changed[0]
    if before == "auto":
        settings_file.apply(home.folder, [], ["matching.threshold"])
    else:
        apply_threshold(home, before)
    return before


def former_setting(home: Home) -> str | None:
    """The setting of `matching.threshold` that was in force before today's ("auto" or a number); None if there was no other."""
    now = home.settings().matching.threshold
    setting = now if isinstance(now, str) else f"{now:g}"
    before = [_setting(*row) for row in policy_history(home).select("threshold", "threshold_source").iter_rows()]
    return next((one for one in reversed(before) if one != setting), None)


def _setting(threshold: float, source: str) -> str:
    return f"{threshold:g}" if source == BY_SETTING else "auto"


def _changed_by_runs(history: pl.DataFrame) -> tuple[str, str] | None:
    """The threshold that the user had set, and the one from run config; None if no change from run config is in force.

    Later policies that differ for another reason (a correction, another zone) inherit the run's threshold, and do not count as set.
    """
    chosen, by_run = "auto", None
    for threshold, source, applied_by in history.select("threshold", "threshold_source", "applied_by").iter_rows():
        setting = _setting(threshold, source)
        if applied_by == BY_RUN_CONFIG:
            by_run = setting
        elif setting != by_run:
            chosen, by_run = setting, None
    return None if by_run is None else (chosen, by_run)


def record_policy(home: Home, decided: Policy, applied_by: str) -> pl.DataFrame:
    """Add a policy to the history, unless it is the last one there; returns the history, oldest first."""
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
    """The policies that were in force, oldest first; columns of MATCHING_POLICIES."""
    return MATCHING_POLICIES.empty() if home.store.stamp(ASSET, WHOLE) is None else home.store.get(ASSET, WHOLE)
