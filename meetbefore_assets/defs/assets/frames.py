"""Asset `frames`: the sampled frames of a video."""

import dagster as dg

from meetbefore_assets.core.schema.faces import FRAMES
from meetbefore_assets.defs.assets.videos import videos
from meetbefore_assets.defs.materialize import OWNERS, HomeResource, column_schema, materialize
from meetbefore_assets.running.executors import op_tags
from meetbefore_assets.running.partitions import videos_partitions


@dg.asset(
    partitions_def=videos_partitions,
    group_name="perception",
    kinds={"ffmpeg", "parquet"},
    deps=[videos],
    owners=OWNERS,
    op_tags=op_tags("frames"),
    metadata=column_schema(FRAMES),
    code_version=str(FRAMES.code_version),
)
def frames(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
    """The sampled frames of a video: one every `sampling.interval_s`, keyframes preferred; no pixels."""
    return materialize(context, home, "frames")
