"""A warning where the threshold sits on the cliff below which people run together."""

import dagster as dg

from meetbefore_assets.assets.common import Bench
from meetbefore_assets.assets.identity_assignments import identity_assignments
from meetbefore_assets.domain.cliff import cliff_below
from meetbefore_assets.steps.survival import rungs


@dg.asset_check(asset=identity_assignments, blocking=False)
def threshold_is_off_the_cliff(bench: Bench) -> dg.AssetCheckResult:
    """Warns when a slightly lower threshold would make the largest group jump: then this one holds by luck."""
    threshold, tried = rungs(bench)
    found = cliff_below(threshold, [(rung.threshold, rung.largest_share) for rung in tried])
    now = next((rung.largest_share for rung in tried if rung.threshold == threshold), 0.0)
    text = "the largest group hardly grows at slightly lower thresholds"
    if found:
        text = f"at {found[0]:g} the largest group would hold {found[1]:.1%} of all tracks instead of {now:.1%}: raise matching.threshold"
    metadata: dict[str, float | str] = {"threshold": threshold, "largest group's share": now, "what it means": text}
    return dg.AssetCheckResult(passed=found is None, severity=dg.AssetCheckSeverity.WARN, metadata={**metadata}, description=text)
