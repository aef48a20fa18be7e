"""The matching settings in force."""

import dagster as dg

from meetbefore_assets.assets.common import OWNERS, Bench, metadata
from meetbefore_assets.assets.tracks import tracks
from meetbefore_assets.steps.calibrating import learnt
from meetbefore_assets.steps.policy import policy


@dg.asset(
    group_name="matching",
    kinds={"toml"},
    deps=[dg.AssetDep(tracks, partition_mapping=dg.AllPartitionMapping())],
    owners=OWNERS,
)
def matching_policy(bench: Bench) -> dg.MaterializeResult[None]:
    """The matching settings, clock corrections and what people said about who is who; the data version is their hash.

    Edit `settings.toml` (or `meetbefore run --set matching.threshold=0.42`) and the sensor `rematch` brings everything after
    this asset in step; nothing before it is computed again. Where the threshold is `auto`, it follows from how alike strangers are
    among all tracks, and from how many tracks there are.
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
    facts |= learnt(decided.calibration) if decided.calibration else {}
    return dg.MaterializeResult(metadata=metadata(facts, 1), data_version=dg.DataVersion(decided.version))
