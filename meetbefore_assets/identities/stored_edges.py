"""Stored similarity edges: one object per video in `<home>/index`, kept up to date with the tracks on record.

Videos are numbered in order of arrival, and a number is never reused: an edge to a video that was dropped or processed again is ignored.
The object of a video covers all pairs of its tracks with tracks of lower numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import F32, I64, Bool, Stamp, Store
from meetbefore_assets.core.schema.identities import SIMILAR_TRACKS
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.edges import FLOOR, NO_EDGES, Edges, find_edges, neighbours_for, weakest_kept

ASSET = SIMILAR_TRACKS.name
# First track of a missing video: negative, whatever row is added.
_GONE = -(2**40)
# Number of videos whose vectors are read at once if not all fit into memory: some 50,000 tracks.
_VIDEOS = 100


@dataclass(frozen=True)
class EdgePlan:
    """Which edges are stored, and which must be found.

    Attributes:
        numbers: video_id -> its number, rising; new videos come last.
        new: videos whose edges are not stored.
        first: (n + 1,) number of the first track of each video, then the number of all tracks.
        stale: stored objects of videos that were dropped or processed again.
    """

    numbers: dict[str, int]
    new: list[str]
    first: I64
    stale: list[str]

    @property
    def tracks(self) -> int:
        return int(self.first[-1])

    @property
    def neighbours(self) -> int:
        return neighbours_for(self.tracks)


@dataclass(frozen=True)
class EdgeGraph:
    """All tracks in order of their videos' numbers, and the edges between them.

    Attributes:
        plan: the videos and the first track of each.
        edges: pairs of tracks, stored ones and those found now.
        found: the pairs found now.
        vectors: (m, d) vectors of all tracks, if they were read.
    """

    plan: EdgePlan
    edges: Edges
    found: Edges
    vectors: F32 | None = None


def edge_store(home: Home) -> Store:
    """The store of edges: a cache beside the record; missing edges are found again."""
    return home.index_store


def plan_edges(home: Home, versions: Mapping[str, str]) -> EdgePlan:
    """Compare the stored edges with the tracks on record; `versions`: video_id -> data version of its tracks."""
    store = edge_store(home)
    rows = {video_id: stamp.rows for video_id in versions if (stamp := home.store.stamp("tracks", video_id))}
    neighbours = neighbours_for(sum(rows.values()))
    stored = {video_id: store.stamp(ASSET, video_id) for video_id in store.keys(ASSET)}
    last = max((int(stamp.facts["number"]) for stamp in stored.values() if stamp), default=-1)
    held = {
        video_id: int(stamp.facts["number"])
        for video_id, stamp in stored.items()
        if stamp and video_id in rows and _is_in_step(stamp, versions[video_id], rows[video_id], neighbours)
    }
    new = sorted(set(rows) - set(held))
    numbers = dict(sorted(held.items(), key=lambda item: item[1])) | {video_id: last + 1 + place for place, video_id in enumerate(new)}
    first = np.concatenate([[0], np.cumsum([rows[video_id] for video_id in numbers])]).astype(np.int64)
    return EdgePlan(numbers, new, first, sorted(set(stored) - set(held)))


def _is_in_step(stamp: Stamp, version: str, rows: int, neighbours: int) -> bool:
    is_same = stamp.data_version == _version(version, int(stamp.facts["number"])) and stamp.facts["tracks"] == str(rows)
    return is_same and int(stamp.facts["neighbours"]) >= neighbours


def _version(tracks: str, number: int) -> str:
    return digest(ASSET, SIMILAR_TRACKS.code_version, tracks, number, FLOOR)


def stored_graph(home: Home, videos: Sequence[str]) -> EdgeGraph:
    """The edges between the tracks of some videos; missing ones are computed, but not stored.

    A graph that `write_graph` wrote before in this process is taken from `Home.cache`.
    """
    versions = {video_id: stamp.data_version for video_id in videos if (stamp := home.store.stamp("tracks", video_id))}
    plan = plan_edges(home, versions)
    kept = home.cache.pop(ASSET, None)
    if isinstance(kept, _CachedGraph) and kept.state == _state(plan, versions):
        return kept.graph
    return build_graph(home, plan)


@dataclass(frozen=True)
class _CachedGraph:
    """A graph, and the state it was built from."""

    state: str
    graph: EdgeGraph


def _state(plan: EdgePlan, versions: Mapping[str, str]) -> str:
    numbers = [[video_id, number, versions[video_id]] for video_id, number in plan.numbers.items()]
    return digest(ASSET, numbers, plan.first.tolist(), plan.new, plan.stale)


def build_graph(home: Home, plan: EdgePlan) -> EdgeGraph:
    """Read the stored edges and find those of new videos; nothing is written.

    If nearest neighbours of a track were dropped with their video, the next nearest are not stored: then all edges are found again.
    """
    with ThreadPoolExecutor(1) as beside:
        # In parallel: for a million tracks both take seconds.
        read = beside.submit(track_vectors, home, list(plan.numbers)) if plan.new else None
        edges, is_short = _stored(home, plan)
        weakest = weakest_kept(edges, plan.tracks, plan.neighbours) if plan.new else None
    if is_short:
        plan, edges, weakest, read = _from_scratch(plan), NO_EDGES, None, None
    if not plan.new:
        return EdgeGraph(plan, edges, NO_EDGES)
    vectors = track_vectors(home, list(plan.numbers)) if read is None else read.result()
    weakest = np.full(plan.tracks, -1, np.float32) if weakest is None else weakest
    found = find_edges(home.index_builder(), vectors, _is_new(plan), weakest, plan.neighbours)
    return EdgeGraph(plan, edges.and_also(found), found, vectors)


def _from_scratch(plan: EdgePlan) -> EdgePlan:
    videos = sorted(plan.numbers)
    last = max(plan.numbers.values())
    rows = dict(zip(plan.numbers, np.diff(plan.first), strict=True))
    first = np.concatenate([[0], np.cumsum([rows[video_id] for video_id in videos])]).astype(np.int64)
    stale = sorted({*plan.stale, *(set(videos) - set(plan.new))})
    return EdgePlan({video_id: last + 1 + place for place, video_id in enumerate(videos)}, videos, first, stale)


def _stored(home: Home, plan: EdgePlan) -> tuple[Edges, bool]:
    """Stored edges between existing tracks, and whether some track lost neighbours."""
    store = edge_store(home)
    held = list(plan.numbers)[: len(plan.numbers) - len(plan.new)]
    readable = held + [video_id for video_id in plan.stale if store.stamp(ASSET, video_id)]
    if not held:
        return NO_EDGES, False
    table = store.scan(ASSET, readable)
    videos = [table[column].to_numpy() for column in ("video", "other_video")]
    first = np.full(max(*plan.numbers.values(), *(int(number.max(initial=0)) for number in videos)) + 1, _GONE, np.int64)
    first[[plan.numbers[video_id] for video_id in held]] = plan.first[: len(held)]
    ends = np.empty((table.height, 2), np.int64)
    for side, row in enumerate(("row", "other_row")):
        np.add(first[videos[side]], table[row].to_numpy(), out=ends[:, side])
    edges = Edges(ends, table["cosine"].to_numpy())
    if ends.min(initial=0) >= 0:
        return edges, False
    there = np.flatnonzero((ends[:, 0] >= 0) & (ends[:, 1] >= 0))
    before = np.bincount(ends[ends >= 0], minlength=plan.tracks)
    now = np.bincount(ends[there].ravel(), minlength=plan.tracks)
    return edges.of(there), bool(((before >= plan.neighbours) & (now < plan.neighbours)).any())


def _is_new(plan: EdgePlan) -> Bool:
    return np.asarray(np.arange(plan.tracks) >= plan.first[len(plan.numbers) - len(plan.new)])


def track_vectors(home: Home, videos: list[str]) -> F32:
    """(m, d) vectors of all tracks of some videos, in the order of the videos and of their tables.

    They are in memory, or, depending on `index.kind`, in a memory-mapped file that is deleted with the array.
    """
    if home.settings().index.kind in ("auto", "memory"):
        return next(_blocks(home, videos, max(len(videos), 1)), np.empty((0, 1), np.float32))
    return home.adapters.storage.map_vectors(_blocks(home, videos, _VIDEOS))


def _blocks(home: Home, videos: list[str], at_once: int) -> Iterator[F32]:
    for start in range(0, len(videos), at_once):
        yield vectors_as_matrix(home.store.scan("tracks", videos[start : start + at_once], ["vector"])["vector"])


def vectors_as_matrix(vectors: pl.Series) -> F32:
    """(m, d) float32 of a column of m vectors of the same size."""
    if not len(vectors):
        return np.empty((0, 1), np.float32)
    # Rechunked first: exploding two thousand chunks takes ten times as long.
    return vectors.rechunk().explode().to_numpy().astype(np.float32, copy=False).reshape(len(vectors), -1)


def write_graph(home: Home, graph: EdgeGraph, versions: Mapping[str, str]) -> None:
    """Store new edges, each with the later of its two videos, drop stale ones, and keep the graph in `Home.cache`.

    Objects are written in order of their numbers, so that after an interruption no object claims to be complete and is not.
    """
    store, plan, found = edge_store(home), graph.plan, graph.found
    for video_id in plan.stale:
        store.drop(ASSET, video_id)
    numbers = np.array(list(plan.numbers.values()), np.int64)
    later, earlier = found.pairs.max(axis=1, initial=-1), found.pairs.min(axis=1, initial=plan.tracks)
    order = np.argsort(later, kind="stable")
    later, earlier, cosine = later[order], earlier[order], found.cosine[order]
    for place, video_id in enumerate(plan.new, len(numbers) - len(plan.new)):
        begin, end = np.searchsorted(later, plan.first[place : place + 2])
        others = np.searchsorted(plan.first, earlier[begin:end], side="right") - 1
        table = pl.DataFrame(
            {
                "video": np.full(end - begin, numbers[place]),
                "row": later[begin:end] - plan.first[place],
                "other_video": numbers[others],
                "other_row": earlier[begin:end] - plan.first[others],
                "cosine": cosine[begin:end],
            },
            schema=SIMILAR_TRACKS.dtypes,
        )
        rows = int(plan.first[place + 1] - plan.first[place])
        facts = {"number": str(numbers[place]), "tracks": str(rows), "neighbours": str(plan.neighbours)}
        store.put(ASSET, video_id, table, Stamp(_version(versions[video_id], int(numbers[place])), {}, facts, table.height))
    in_step = EdgePlan(plan.numbers, [], plan.first, [])
    home.cache[ASSET] = _CachedGraph(_state(in_step, versions), EdgeGraph(in_step, graph.edges, NO_EDGES, graph.vectors))
