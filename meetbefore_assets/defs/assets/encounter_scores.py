"""Asset `encounter_scores`: encounters and their scores."""

import dagster as dg

from meetbefore_assets.core.schema.encounters import ENCOUNTER_SCORES
from meetbefore_assets.defs.assets.identity_assignments import identity_assignments
from meetbefore_assets.defs.materialize import OWNERS, HomeResource, column_schema, metadata
from meetbefore_assets.defs.partition_events import report_partitions
from meetbefore_assets.encounters.make_tables import make_encounter_scores
from meetbefore_assets.running.partitions import videos_partitions


@dg.asset(
    partitions_def=videos_partitions,
    group_name="matching",
    kinds={"polars", "parquet"},
    deps=[identity_assignments],
    owners=OWNERS,
    metadata=column_schema(ENCOUNTER_SCORES),
)
def encounter_scores(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
    """Encounters of each person in this video, with their scores.

    As for identity_assignments, a run scores all videos at once and rewrites the partitions that changed.
    """
    scored = make_encounter_scores(home)
    facts = {
        "encounters of all videos": scored.encounters,
        "partitions rewritten": len(scored.changed),
        "was up to date": scored.was_in_step,
        "seconds": round(scored.seconds, 3),
    }
    return report_partitions(context, home, "encounter_scores", scored.changed, metadata(facts, 0))
