"""Asset `face_index`: pairs of similar tracks."""

import dagster as dg

from meetbefore_assets.defs.assets.tracks import tracks
from meetbefore_assets.defs.materialize import OWNERS, HomeResource, metadata
from meetbefore_assets.identities.face_index import build_face_index


@dg.asset(
    group_name="matching",
    kinds={"faiss"},
    deps=[dg.AssetDep(tracks, partition_mapping=dg.AllPartitionMapping())],
    owners=OWNERS,
)
def face_index(home: HomeResource) -> dg.MaterializeResult[None]:
    """The most similar tracks of each track, found by Faiss: a cache that can always be rebuilt.

    Only new videos are compared with the archive. Another threshold groups the stored pairs again.
    """
    built = build_face_index(home)
    facts = {
        "tracks": built.tracks,
        "tracks compared": built.new_tracks,
        "similar pairs found": built.new_edges,
        "neighbours kept per track": built.neighbours,
        "vector size": built.size,
        "was up to date": built.was_in_step,
        "seconds": round(built.seconds, 3),
    }
    return dg.MaterializeResult(metadata=metadata(facts, built.tracks), data_version=dg.DataVersion(built.data_version))
