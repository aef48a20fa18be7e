"""Asset `tracks`: one person's faces within one shot."""

import dagster as dg

from meetbefore_assets.core.schema.faces import TRACKS
from meetbefore_assets.defs.assets.embeddings import embeddings
from meetbefore_assets.defs.materialize import OWNERS, HomeResource, column_schema, materialize
from meetbefore_assets.running.executors import op_tags
from meetbefore_assets.running.partitions import videos_partitions


@dg.asset(
    partitions_def=videos_partitions,
    group_name="perception",
    kinds={"numpy", "parquet"},
    deps=[embeddings],
    owners=OWNERS,
    op_tags=op_tags("tracks"),
    metadata=column_schema(TRACKS),
    code_version=str(TRACKS.code_version),
)
def tracks(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
    """One person's faces within one shot, with their mean vector; people are grouped from these."""
    return materialize(context, home, "tracks")
