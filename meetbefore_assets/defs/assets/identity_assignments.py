"""Asset `identity_assignments`: who each face is."""

import dagster as dg

from meetbefore_assets.core.schema.identities import IDENTITY_ASSIGNMENTS
from meetbefore_assets.defs.assets.face_index import face_index
from meetbefore_assets.defs.assets.matching_policy import matching_policy
from meetbefore_assets.defs.assets.tracks import tracks
from meetbefore_assets.defs.materialize import OWNERS, HomeResource, column_schema, metadata
from meetbefore_assets.defs.partition_events import report_partitions
from meetbefore_assets.identities.match import match
from meetbefore_assets.running.partitions import videos_partitions


@dg.asset(
    partitions_def=videos_partitions,
    group_name="matching",
    kinds={"numpy", "parquet"},
    deps=[tracks, matching_policy, face_index],
    owners=OWNERS,
    metadata=column_schema(IDENTITY_ASSIGNMENTS),
)
def identity_assignments(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
    """Face -> track -> person, with the similarity to the person and to the runner-up.

    Partitioned by video, but every run reads the tracks of **all** videos, because a new video may join two people. It matches once
    under a lock, rewrites the partitions whose rows changed, and reports a materialization for each of them. If nothing changed, it
    ends at once. The result does not depend on the order in which videos were imported.

    What is wrong is put right in [the app](/review), which `meetbefore ui` serves beside this UI, or on the command line.
    """
    matched = match(home)
    facts = {
        "videos": matched.videos,
        "people": matched.people,
        "faces": matched.faces,
        "faces moved to another person": matched.churn,
        "ids that became aliases": matched.new_aliases,
        "names that moved": matched.names_moved,
        "contradicted corrections": matched.conflicts,
        "partitions rewritten": len(matched.changed),
        "was up to date": matched.was_in_step,
        "threshold": matched.policy.threshold,
        "how people are told apart": home.model_pack().recogniser.not_measured or "by evidence",
        "seconds": round(matched.seconds, 3),
    }
    return report_partitions(context, home, "identity_assignments", matched.changed, metadata(facts, 0))
