"""Asset `videos`: a recording and what its container says."""

import dagster as dg

from meetbefore_assets.core.schema.recordings import VIDEOS
from meetbefore_assets.defs.materialize import OWNERS, HomeResource, column_schema, materialize
from meetbefore_assets.defs.video_metadata import describe_clock
from meetbefore_assets.running.executors import op_tags
from meetbefore_assets.running.partitions import videos_partitions


@dg.asset(
    partitions_def=videos_partitions,
    group_name="recordings",
    kinds={"ffmpeg", "parquet"},
    owners=OWNERS,
    op_tags=op_tags("videos"),
    metadata=column_schema(VIDEOS),
    code_version=str(VIDEOS.code_version),
)
def videos(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
    """A recording: duration, size, rotation, codec, content hash, and where its date comes from."""
    return materialize(context, home, "videos", describe_clock)
