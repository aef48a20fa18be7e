"""Faces: boxes, landmarks, score, quality, an aligned 112 x 112 crop and a small thumbnail."""

import dagster as dg

from meetbefore_assets.assets.common import OWNERS, Bench, column_schema, make, videos_partitions
from meetbefore_assets.assets.frames import frames
from meetbefore_assets.domain.lineage import CODE_VERSIONS
from meetbefore_assets.engines import op_tags
from meetbefore_assets.schema import DETECTIONS
from meetbefore_assets.steps.telling import told_of_the_faces


@dg.asset(
    partitions_def=videos_partitions,
    group_name="perception",
    kinds={"opencv", "onnx", "parquet"},
    deps=[frames],
    owners=OWNERS,
    op_tags=op_tags("detections"),
    metadata=column_schema(DETECTIONS),
    code_version=str(CODE_VERSIONS["detections"]),
)
def detections(context: dg.AssetExecutionContext, bench: Bench) -> dg.MaterializeResult[None]:
    """Faces: boxes, landmarks, score, quality, an aligned 112 x 112 crop and a small thumbnail.

    The only place where pixels are decoded. What was dropped, and why, is counted in the metadata.
    """
    return make(context, bench, "detections", told_of_the_faces)
