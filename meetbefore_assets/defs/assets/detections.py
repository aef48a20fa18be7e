"""Asset `detections`: faces with boxes, landmarks, score, quality, an aligned crop and a thumbnail."""

import dagster as dg

from meetbefore_assets.core.schema.faces import DETECTIONS
from meetbefore_assets.defs.assets.frames import frames
from meetbefore_assets.defs.materialize import OWNERS, HomeResource, column_schema, materialize
from meetbefore_assets.defs.video_metadata import describe_faces
from meetbefore_assets.running.executors import op_tags
from meetbefore_assets.running.partitions import videos_partitions


@dg.asset(
    partitions_def=videos_partitions,
    group_name="perception",
    kinds={"opencv", "onnx", "parquet"},
    deps=[frames],
    owners=OWNERS,
    op_tags=op_tags("detections"),
    metadata=column_schema(DETECTIONS),
    code_version=str(DETECTIONS.code_version),
)
def detections(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
    """Faces: boxes, landmarks, score, quality, an aligned 112 x 112 crop and a small thumbnail.

    The only place where pixels are decoded. What was dropped, and why, is counted in the metadata.
    """
    return materialize(context, home, "detections", describe_faces)
