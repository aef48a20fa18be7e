"""Builds the face index: the similarity edges between all tracks, a cache that can always be rebuilt."""

import time
from dataclasses import dataclass

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.model_packs import default_threshold
from meetbefore_assets.core.schema.identities import SIMILAR_TRACKS
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.calibration import store_calibration
from meetbefore_assets.identities.policy import usable_tracks
from meetbefore_assets.identities.stored_edges import build_graph, plan_edges, write_graph


@dataclass(frozen=True)
class FaceIndex:
    """Facts about the face index.

    Attributes:
        data_version: hash of the tracks that it covers.
        tracks: number of tracks of all videos.
        new_tracks: number of tracks whose edges were found now.
        new_edges: number of edges found now.
        neighbours: number of neighbours that a track keeps.
        size: length of a vector.
    """

    data_version: str
    tracks: int
    new_tracks: int
    new_edges: int
    neighbours: int
    size: int
    was_in_step: bool
    seconds: float


def build_face_index(home: Home) -> FaceIndex:
    """Find and store the edges of new tracks, and calibrate the threshold if it is `auto`; does nothing if all is up to date."""
    started = time.perf_counter()
    pack = home.model_pack()
    with home.lock("index"):
        versions = usable_tracks(home, pack.recogniser_id)
        version = digest("face_index", SIMILAR_TRACKS.code_version, pack.recogniser_id, versions)
        threshold = home.settings().matching.threshold
        if isinstance(threshold, str):
            store_calibration(home, versions, default_threshold(pack.recogniser, threshold))
        plan = plan_edges(home, versions)
        if not plan.new and not plan.stale:
            return FaceIndex(version, plan.tracks, 0, 0, plan.neighbours, pack.recogniser.vector_size, True, 0.0)
        graph = build_graph(home, plan)
        write_graph(home, graph, versions)
        fresh = plan.tracks - int(graph.plan.first[len(graph.plan.numbers) - len(graph.plan.new)])
        seconds = time.perf_counter() - started
        return FaceIndex(version, plan.tracks, fresh, len(graph.found.pairs), plan.neighbours, pack.recogniser.vector_size, False, seconds)
