"""Asset `embeddings`: one unit vector per face."""

import dagster as dg

from meetbefore_assets.core.schema.faces import EMBEDDINGS
from meetbefore_assets.defs.assets.detections import detections
from meetbefore_assets.defs.materialize import OWNERS, HomeResource, column_schema, materialize
from meetbefore_assets.running.executors import op_tags
from meetbefore_assets.running.partitions import videos_partitions


@dg.asset(
    partitions_def=videos_partitions,
    group_name="perception",
    kinds={"onnx", "parquet"},
    deps=[detections],
    owners=OWNERS,
    op_tags=op_tags("embeddings"),
    metadata=column_schema(EMBEDDINGS),
    code_version=str(EMBEDDINGS.code_version),
)
def embeddings(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
    """One unit vector per face, made from the stored crops; the video itself is not needed.

    With another recogniser, faces are embedded again; videos are decoded again only with another detector.
    """
    return materialize(context, home, "embeddings")
