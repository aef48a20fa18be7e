"""One person's faces within one shot, with their mean vector: what people are grouped from."""

import dagster as dg

from meetbefore_assets.assets.common import OWNERS, Bench, column_schema, make, videos_partitions
from meetbefore_assets.assets.embeddings import embeddings
from meetbefore_assets.domain.lineage import CODE_VERSIONS
from meetbefore_assets.engines import op_tags
from meetbefore_assets.schema import TRACKS


@dg.asset(
    partitions_def=videos_partitions,
    group_name="perception",
    kinds={"numpy", "parquet"},
    deps=[embeddings],
    owners=OWNERS,
    op_tags=op_tags("tracks"),
    metadata=column_schema(TRACKS),
    code_version=str(CODE_VERSIONS["tracks"]),
)
def tracks(context: dg.AssetExecutionContext, bench: Bench) -> dg.MaterializeResult[None]:
    """One person's faces within one shot, with their mean vector: what people are grouped from."""
    return make(context, bench, "tracks")
