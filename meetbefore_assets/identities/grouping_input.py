"""Reads what grouping works on: the tracks of all videos, divided and linked as corrections say."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import F32, I64, Bool
from meetbefore_assets.core.schema.faces import TRACKS
from meetbefore_assets.faces.tracks import FACE_COLUMNS, track_rows
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities import person_ids
from meetbefore_assets.identities.correction_links import Links
from meetbefore_assets.identities.corrections import Correction
from meetbefore_assets.identities.edges import FLOOR, NO_EDGES, Edges, find_edges, nearest_only, neighbours_for
from meetbefore_assets.identities.grouping import GroupingPolicy, OrderedTracks, group_ordered, order_tracks
from meetbefore_assets.identities.stored_corrections import CorrectionsInForce, corrections_in_force, links_of, parts_of_tracks
from meetbefore_assets.identities.stored_edges import EdgeGraph, stored_graph, track_vectors, vectors_as_matrix

# A pair may gain so much when what it shares with the archive is taken off (0.09 was the most on labelled footage).
UNCOMMON = 0.15
# So many tracks are compared two by two where the threshold lies below what is stored.
COMPARABLE = 20_000
_PLACE = "place"
_COLUMNS = [column.name for column in TRACKS.columns if column.name != "vector"]


@dataclass(frozen=True)
class GroupingInput:
    """Tracks to group, and what is known about them beforehand.

    Attributes:
        tracks: columns of TRACKS but the vector, sorted by track_id.
        stored: (g, d) vectors of all tracks on record, and of the parts of divided ones.
        held: (m,) which of them each of the tracks has.
        graph: the stored edges, between all tracks as they are numbered there.
        row_of: (g,) the row of each of those tracks; -1: it is divided.
        parts: edges of the parts of divided tracks, between rows.
        links: between rows of them.
        stands: the corrections that they come from.
    """

    tracks: pl.DataFrame
    stored: F32
    held: I64
    graph: EdgeGraph
    row_of: I64
    parts: Edges
    links: Links
    stands: CorrectionsInForce

    @cached_property
    def ordered(self) -> OrderedTracks:
        """As they are grouped. Raises MeetbeforeError where links contradict each other."""
        quality = self.tracks["quality"].to_numpy().astype(np.float32)
        return order_tracks(self.stored, quality, self.links.cannot_link, self.links.must_link, self.held)

    @property
    def vectors(self) -> F32:
        """(m, d) of the tracks."""
        return np.asarray(np.take(self.stored, self.held, axis=0))


def read_grouping_input(home: Home, videos: Sequence[str], corrections: list[Correction] | None = None) -> GroupingInput:
    """Tracks of some videos with the corrections on record, or with the given ones."""
    graph = stored_graph(home, videos)
    names = list(graph.plan.numbers)
    tracks = home.store.scan("tracks", names, _COLUMNS).with_row_index(_PLACE) if videos else TRACKS.empty()
    if not tracks.height:
        tracks = TRACKS.empty().with_columns(pl.lit(0, pl.UInt32).alias(_PLACE))
    stands = corrections_in_force(home, videos, corrections)
    tracks = tracks.sort("track_id")
    tracks = _divided(home, tracks, parts_of_tracks(stands, tracks))
    stored = track_vectors(home, names) if graph.vectors is None else graph.vectors
    stored, held, parts = _with_parts(home, stored, tracks)
    row_of, tracks = _placed(graph, tracks), tracks.select(_COLUMNS)
    links = links_of(stands, tracks, person_ids.cannot_links(tracks))
    return GroupingInput(tracks, stored, held, replace(graph, vectors=None), row_of, parts, links, stands)


def _with_parts(home: Home, stored: F32, tracks: pl.DataFrame) -> tuple[F32, I64, Edges]:
    """Stored vectors and those that parts of tracks come with, which of them each track has, and the edges of the parts."""
    place, is_part = tracks[_PLACE], tracks[_PLACE].is_null().to_numpy()
    held = place.fill_null(0).to_numpy().astype(np.int64)
    if not is_part.any():
        return stored, held, NO_EDGES
    held[is_part] = len(stored) + np.arange(is_part.sum())
    stored = np.concatenate([stored, vectors_as_matrix(tracks.filter(is_part)["vector"])])
    return stored, held, _edges_of_parts(home, stored[held], is_part)


def edges_above(given: GroupingInput, floor: float) -> Edges:
    """Each track's nearest, between rows of the tracks, as far as they reach a floor."""
    edges = given.graph.edges.above(floor).placed(given.row_of).and_also(given.parts.above(floor))
    return nearest_only(edges, given.tracks.height, neighbours_for(given.tracks.height))


def _placed(graph: EdgeGraph, tracks: pl.DataFrame) -> I64:
    place = tracks[_PLACE].cast(pl.Int64).fill_null(-1).to_numpy()
    row_of = np.full(graph.plan.tracks, -1, np.int64)
    row_of[place[place >= 0]] = np.flatnonzero(place >= 0)
    return row_of


def _edges_of_parts(home: Home, vectors: F32, is_part: Bool) -> Edges:
    """Those of divided tracks are nowhere stored."""
    return find_edges(home.index_builder(), vectors, is_part, np.full(len(vectors), -1, np.float32), neighbours_for(len(vectors)))


def group(given: GroupingInput, threshold: float) -> I64:
    """The person of each track, numbered from 0.

    Args:
        given: what to group.
        threshold: least similarity of two groups that are one person.
    """
    if not given.tracks.height:
        return np.empty(0, np.int64)
    known = None if _is_compared(given, threshold) else partial(edges_above, given)
    return group_ordered(given.ordered, GroupingPolicy(threshold), known)


def _is_compared(given: GroupingInput, threshold: float) -> bool:
    """Whether pairs may matter that are not stored, and are few enough to look at."""
    return threshold - UNCOMMON < FLOOR and given.tracks.height <= COMPARABLE


def _divided(home: Home, tracks: pl.DataFrame, parts: dict[str, list[list[str]]]) -> pl.DataFrame:
    if not parts:
        return tracks
    rows = [row for track_id in sorted(parts) for row in _parts(home, tracks.filter(pl.col("track_id") == track_id), parts[track_id])]
    whole = tracks.filter(~pl.col("track_id").is_in(list(parts)))
    return pl.concat([whole, TRACKS.frame(rows)], how="diagonal").sort("track_id")


def _parts(home: Home, track: pl.DataFrame, parts: list[list[str]]) -> list[dict[str, object]]:
    video_id = str(track["video_id"][0])
    of_part = pl.DataFrame([(face, label) for label, part in enumerate(parts) for face in part], ["face_id", "label"], orient="row")
    seen = home.store.get("detections", video_id, ["face_id", "pts", "time_s", "quality"])
    known = home.store.get("embeddings", video_id, ["face_id", "model", "vector", "raw_norm"])
    faces = of_part.join(seen, on="face_id").join(known, on="face_id").sort("time_s", "face_id")
    return track_rows(video_id, faces.select(*FACE_COLUMNS), faces["label"].to_numpy().astype(np.int64))
