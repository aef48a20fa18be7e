"""The face index: which tracks of all videos are similar, a cache that can always be rebuilt."""

import time
from dataclasses import dataclass

from meetbefore_assets.domain.lineage import CODE_VERSIONS
from meetbefore_assets.packs import default_threshold
from meetbefore_assets.settings import digest
from meetbefore_assets.steps.calibrating import keep_calibration
from meetbefore_assets.steps.edges import build_graph, plan_edges, write_graph
from meetbefore_assets.steps.policy import usable_tracks
from meetbefore_assets.workbench import Workbench


@dataclass(frozen=True)
class Indexed:
    """The edges in force.

    Attributes:
        data_version: of what they were found between.
        tracks: of all videos.
        new_tracks: those whose edges were found just now.
        new_edges: found just now.
        neighbours: nearest that a track keeps.
        size: components of a vector.
    """

    data_version: str
    tracks: int
    new_tracks: int
    new_edges: int
    neighbours: int
    size: int
    was_in_step: bool
    seconds: float


def build_index(bench: Workbench) -> Indexed:
    """Find the edges of the tracks that are new, and what they say of the threshold, unless all that is on record."""
    started = time.perf_counter()
    pack = bench.found_pack()
    with bench.lock("index"):
        versions = usable_tracks(bench, pack.recogniser_id)
        version = digest("face_index", CODE_VERSIONS["face_index"], pack.recogniser_id, versions)
        threshold = bench.settings().matching.threshold
        if isinstance(threshold, str):
            keep_calibration(bench, versions, default_threshold(pack.recogniser, threshold))
        plan = plan_edges(bench, versions)
        if not plan.new and not plan.stale:
            return Indexed(version, plan.tracks, 0, 0, plan.neighbours, pack.recogniser.vector_size, True, 0.0)
        graph = build_graph(bench, plan)
        write_graph(bench, graph, versions)
        fresh = plan.tracks - int(graph.plan.first[len(graph.plan.numbers) - len(graph.plan.new)])
        seconds = time.perf_counter() - started
        return Indexed(version, plan.tracks, fresh, len(graph.found.pairs), plan.neighbours, pack.recogniser.vector_size, False, seconds)
