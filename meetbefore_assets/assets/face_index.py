"""Nearest neighbours of all tracks."""

import dagster as dg

from meetbefore_assets.assets.common import OWNERS, Bench, metadata
from meetbefore_assets.assets.tracks import tracks
from meetbefore_assets.steps.indexing import build_index


@dg.asset(
    group_name="matching",
    kinds={"faiss"},
    deps=[dg.AssetDep(tracks, partition_mapping=dg.AllPartitionMapping())],
    owners=OWNERS,
)
def face_index(bench: Bench) -> dg.MaterializeResult[None]:
    """Faiss index over the mean vectors of all tracks, with a manifest: a cache that can always be rebuilt."""
    built = build_index(bench)
    facts = {"vectors": built.vectors, "vector size": built.size, "was in step": built.was_in_step, "seconds": round(built.seconds, 3)}
    shown = {**metadata(facts, built.vectors), "file": dg.MetadataValue.path(built.path)}
    return dg.MaterializeResult(metadata=shown, data_version=dg.DataVersion(built.data_version))
