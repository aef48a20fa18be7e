"""The matching settings in force."""

import dagster as dg

from meetbefore_assets.assets.common import OWNERS, Bench, metadata
from meetbefore_assets.steps.policy import policy


@dg.asset(group_name="matching", kinds={"toml"}, owners=OWNERS)
def matching_policy(bench: Bench) -> dg.MaterializeResult[None]:
    """The matching settings, clock corrections and what people said about who is who; the data version is their hash.

    Edit `settings.toml` (or `meetbefore run --set matching.threshold=0.42`) and the sensor `rematch` brings everything after
    this asset in step; nothing before it is computed again.
    """
    decided = policy(bench)
    facts = {
        "threshold": decided.threshold,
        "threshold from": decided.threshold_source,
        "recogniser": decided.recogniser_id,
        "corrections in force": decided.corrections,
        "time zone": decided.zone,
        "encounters.gap_min": bench.settings().encounters.gap_min,
    }
    return dg.MaterializeResult(metadata=metadata(facts, 1), data_version=dg.DataVersion(decided.version))
