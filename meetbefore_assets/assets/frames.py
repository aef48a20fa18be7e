"""The moments of a video that are looked at: one every `sampling.interval_s`, keyframes preferred; no pixels."""

import dagster as dg

from meetbefore_assets.assets.common import OWNERS, Bench, column_schema, make, videos_partitions
from meetbefore_assets.assets.videos import videos
from meetbefore_assets.domain.lineage import CODE_VERSIONS
from meetbefore_assets.engines import op_tags
from meetbefore_assets.schema import FRAMES


@dg.asset(
    partitions_def=videos_partitions,
    group_name="perception",
    kinds={"ffmpeg", "parquet"},
    deps=[videos],
    owners=OWNERS,
    op_tags=op_tags("frames"),
    metadata=column_schema(FRAMES),
    code_version=str(CODE_VERSIONS["frames"]),
)
def frames(context: dg.AssetExecutionContext, bench: Bench) -> dg.MaterializeResult[None]:
    """The moments of a video that are looked at: one every `sampling.interval_s`, keyframes preferred; no pixels."""
    return make(context, bench, "frames")
