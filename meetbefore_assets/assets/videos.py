"""A recording's facts: streams, duration, rotation, content hash and what its clock can be told from."""

import dagster as dg

from meetbefore_assets.assets.common import OWNERS, Bench, column_schema, make, videos_partitions
from meetbefore_assets.domain.lineage import CODE_VERSIONS
from meetbefore_assets.engines import op_tags
from meetbefore_assets.schema import VIDEOS
from meetbefore_assets.steps.telling import told_of_the_clock


@dg.asset(
    partitions_def=videos_partitions,
    group_name="recordings",
    kinds={"ffmpeg", "parquet"},
    owners=OWNERS,
    op_tags=op_tags("videos"),
    metadata=column_schema(VIDEOS),
    code_version=str(CODE_VERSIONS["videos"]),
)
def videos(context: dg.AssetExecutionContext, bench: Bench) -> dg.MaterializeResult[None]:
    """A recording's facts: streams, duration, rotation, content hash and what its clock can be told from."""
    return make(context, bench, "videos", told_of_the_clock)
