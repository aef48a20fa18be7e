"""Encounters, and how remarkable they are."""

import dagster as dg

from meetbefore_assets.assets.common import OWNERS, Bench, column_schema, metadata, videos_partitions
from meetbefore_assets.assets.events import report_partitions
from meetbefore_assets.assets.identity_assignments import identity_assignments
from meetbefore_assets.schema import ENCOUNTER_SCORES
from meetbefore_assets.steps.scoring import score


@dg.asset(
    partitions_def=videos_partitions,
    group_name="matching",
    kinds={"polars", "parquet"},
    deps=[identity_assignments],
    owners=OWNERS,
    metadata=column_schema(ENCOUNTER_SCORES),
)
def encounter_scores(context: dg.AssetExecutionContext, bench: Bench) -> dg.MaterializeResult[None]:
    """Encounters of each person in this video, and how remarkable the person is up to then.

    Like identity_assignments, a run scores all videos at once and rewrites the partitions that changed.
    """
    scored = score(bench)
    facts = {
        "encounters of all videos": scored.encounters,
        "partitions rewritten": len(scored.changed),
        "was in step": scored.was_in_step,
        "seconds": round(scored.seconds, 3),
    }
    return report_partitions(context, bench, "encounter_scores", scored.changed, metadata(facts, 0))
