"""The face index: which tracks are similar."""

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
    """Each track's nearest among all tracks, found by Faiss and stored once a video: a cache that can always be rebuilt.

    A new video is compared with the archive, and nothing else is. Another threshold groups the same edges again.
    """
    built = build_face_index(home)
    facts = {
        "tracks": built.tracks,
        "tracks compared": built.new_tracks,
        "similar pairs found": built.new_edges,
        "nearest kept of each track": built.neighbours,
        "vector size": built.size,
        "was in step": built.was_in_step,
        "seconds": round(built.seconds, 3),
    }
    return dg.MaterializeResult(metadata=metadata(facts, built.tracks), data_version=dg.DataVersion(built.data_version))
