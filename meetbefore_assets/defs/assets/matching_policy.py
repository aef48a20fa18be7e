"""The matching settings in force."""

import dagster as dg
import polars as pl
from pydantic import Field

from meetbefore_assets.core.errors import SettingsError
from meetbefore_assets.core.schema.identities import MATCHING_POLICIES
from meetbefore_assets.defs.assets.tracks import tracks
from meetbefore_assets.defs.materialize import OWNERS, HomeResource, column_schema, metadata
from meetbefore_assets.identities.calibration import calibration_facts
from meetbefore_assets.identities.policy import policy
from meetbefore_assets.identities.policy_history import BY_RUN_CONFIG, BY_SETTINGS, apply_threshold, record_policy

SHOWN = 20


class MatchingPolicyConfig(dg.Config):
    """What a run may put in force."""

    threshold: str = Field("", description="a cosine such as 0.42, or auto; empty: as the settings say. It is written into the settings.")


@dg.asset(
    group_name="matching",
    kinds={"toml"},
    deps=[dg.AssetDep(tracks, partition_mapping=dg.AllPartitionMapping())],
    owners=OWNERS,
    metadata=column_schema(MATCHING_POLICIES),
)
def matching_policy(home: HomeResource, config: MatchingPolicyConfig) -> dg.MaterializeResult[None]:
    """The matching settings, clock corrections and what people said about who is who; the data version is their hash.

    Edit `settings.toml` (or `meetbefore run --set matching.threshold=0.42`, or give `threshold` as run config of the job
    `match`, which writes it there) and the sensor `rematch` brings everything after this asset in step; nothing before it is
    computed again. Where the threshold is `auto`, it follows from how alike strangers are among all tracks, and from how many
    tracks there are. The metadata shows which policies were in force before.
    """
    if config.threshold:
        try:
            apply_threshold(home, config.threshold)
        except SettingsError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
    decided = policy(home)
    history = record_policy(home, decided, BY_RUN_CONFIG if config.threshold else BY_SETTINGS)
    facts = {
        "threshold": decided.threshold,
        "threshold from": decided.threshold_source,
        "recogniser": decided.recogniser_id,
        "corrections in force": decided.corrections,
        "time zone": decided.zone,
        "encounters.gap_min": home.settings().encounters.gap_min,
    }
    facts |= calibration_facts(decided.calibration) if decided.calibration else {}
    shown = {**metadata(facts, history.height), "history": _history(history)}
    return dg.MaterializeResult(metadata=shown, data_version=dg.DataVersion(decided.version))


def _history(history: pl.DataFrame) -> dg.MarkdownMetadataValue:
    """The last policies, the one in force first."""
    rows = history.tail(SHOWN).reverse().select("since", "threshold", "threshold_source", "recogniser", "applied_by").rows()
    lines = [f"| {since:%Y-%m-%d %H:%M:%S} | {threshold:g} | {source} | {model} | {by} |" for since, threshold, source, model, by in rows]
    return dg.MetadataValue.md("\n".join(["| since (UTC) | threshold | from | recogniser | by |", "|---|---|---|---|---|", *lines]))
