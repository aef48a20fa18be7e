"""Who each face is."""

import dagster as dg

from meetbefore_assets.assets.common import OWNERS, Bench, column_schema, metadata, videos_partitions
from meetbefore_assets.assets.events import report_partitions
from meetbefore_assets.assets.face_index import face_index
from meetbefore_assets.assets.matching_policy import matching_policy
from meetbefore_assets.assets.tracks import tracks
from meetbefore_assets.schema import IDENTITY_ASSIGNMENTS
from meetbefore_assets.steps.matching import match


@dg.asset(
    partitions_def=videos_partitions,
    group_name="matching",
    kinds={"numpy", "parquet"},
    deps=[tracks, matching_policy, face_index],
    owners=OWNERS,
    metadata=column_schema(IDENTITY_ASSIGNMENTS),
)
def identity_assignments(context: dg.AssetExecutionContext, bench: Bench) -> dg.MaterializeResult[None]:
    """Face -> track -> person, with the similarity to the person and to the runner-up.

    Partitioned by video, but every run reads the tracks of **all** videos, because a new video may join two people. It decides
    once under a lock, rewrites the partitions whose rows changed, and reports a materialization for each of those. Where nothing
    changed it ends at once. The outcome does not depend on the order in which videos arrived.
    """
    matched = match(bench)
    facts = {
        "videos": matched.videos,
        "people": matched.people,
        "faces": matched.faces,
        "faces that changed their person": matched.churn,
        "ids that became aliases": matched.new_aliases,
        "names that moved": matched.names_moved,
        "corrections that cannot hold": matched.conflicts,
        "partitions rewritten": len(matched.changed),
        "was in step": matched.was_in_step,
        "threshold": matched.policy.threshold,
        "seconds": round(matched.seconds, 3),
    }
    return report_partitions(context, bench, "identity_assignments", matched.changed, metadata(facts, 0))
