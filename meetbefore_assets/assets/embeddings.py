"""One unit vector a face, made from the stored crops; the video itself is not needed."""

import dagster as dg

from meetbefore_assets.assets.common import OWNERS, Bench, column_schema, make, videos_partitions
from meetbefore_assets.assets.detections import detections
from meetbefore_assets.domain.lineage import CODE_VERSIONS
from meetbefore_assets.engines import op_tags
from meetbefore_assets.schema import EMBEDDINGS


@dg.asset(
    partitions_def=videos_partitions,
    group_name="perception",
    kinds={"onnx", "parquet"},
    deps=[detections],
    owners=OWNERS,
    op_tags=op_tags("embeddings"),
    metadata=column_schema(EMBEDDINGS),
    code_version=str(CODE_VERSIONS["embeddings"]),
)
def embeddings(context: dg.AssetExecutionContext, bench: Bench) -> dg.MaterializeResult[None]:
    """One unit vector a face, made from the stored crops; the video itself is not needed.

    Another recogniser re-embeds, and only another detector decodes again.
    """
    return make(context, bench, "embeddings")
