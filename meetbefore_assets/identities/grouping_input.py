"""Input of grouping: the tracks of all videos, divided and linked by corrections."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
import polars as pl

from meetbefore_assets.core.model_packs import EvidenceModel
from meetbefore_assets.core.ports import F32, I64, Bool
from meetbefore_assets.core.schema.faces import TRACKS
from meetbefore_assets.faces.tracks import FACE_COLUMNS, track_rows
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities import person_ids
from meetbefore_assets.identities.correction_links import Links
from meetbefore_assets.identities.corrections import Correction
from meetbefore_assets.identities.edges import FLOOR, NO_EDGES, ComparedEdges, Edges, find_edges, nearest_only, neighbours_for
from meetbefore_assets.identities.evidence import EvidencePolicy, SharedLook, shared_look
from meetbefore_assets.identities.grouping import Grouping, OrderedTracks, Policy, group_apart, group_ordered, order_tracks
from meetbefore_assets.identities.look_sample import tells_the_look
from meetbefore_assets.identities.simple_linkage import SimplePolicy
from meetbefore_assets.identities.stored_corrections import CorrectionsInForce, corrections_in_force, links_of, parts_of_tracks
from meetbefore_assets.identities.stored_edges import EdgeGraph, stored_graph, track_vectors, vectors_as_matrix

# Most that a pair gains when what it shares with the archive is subtracted (at most 0.09 on labelled footage).
UNCOMMON = 0.15
# Up to so many tracks are compared by brute force if the threshold is below the stored edges.
COMPARABLE = 20_000
_PLACE = "place"
_COLUMNS = [column.name for column in TRACKS.columns if column.name != "vector"]


@dataclass(frozen=True)
class GroupingInput:
    """Tracks to group, with their vectors, edges and links.

    Attributes:
        tracks: columns of TRACKS except the vector, sorted by track_id.
        stored: (g, d) vectors of all tracks on record, and of the parts of divided ones.
        held: (m,) row of `stored` of each track.
        graph: stored edges, between tracks as numbered there.
        row_of: (g,) row of each of those tracks; -1: it is divided.
        parts: edges of the parts of divided tracks, between rows.
        links: must-links and cannot-links between rows.
        stands: the corrections in force.
        model: measurements of the recogniser; None: it was not measured.
        lengths: (m,) mean length of the raw vectors of each track.
        divided: where the tracks come from.
    """

    tracks: pl.DataFrame
    stored: F32
    held: I64
    graph: EdgeGraph
    row_of: I64
    parts: Edges
    links: Links
    stands: CorrectionsInForce
    model: EvidenceModel | None
    lengths: F32
    divided: "DividedTracks | None" = None

    @cached_property
    def ordered(self) -> OrderedTracks:
        """The tracks sorted for grouping. Raises MeetbeforeError if links contradict each other."""
        quality = self.tracks["quality"].to_numpy().astype(np.float32)
        return order_tracks(self.stored, quality, self.links.cannot_link, self.links.must_link, self.held, self.lengths)

    @cached_property
    def look(self) -> SharedLook:
        """What the vectors of the archive's people share."""
        if self.divided is not None:
            return self.divided.look  # worked out before, of the same tracks
        return _look(self.stored, self.held, self.tracks["video_id"], self.lengths)

    def policy(self, threshold: float) -> Policy:
        """The grouping policy at a threshold."""
        return SimplePolicy(threshold) if self.model is None else EvidencePolicy(threshold, self.model, self.look)

    @property
    def vectors(self) -> F32:
        """(m, d) vectors of the tracks."""
        return np.asarray(np.take(self.stored, self.held, axis=0))


@dataclass(frozen=True)
class DividedTracks:
    """Tracks as corrections divide them; attributes as of GroupingInput, and (c, 2) pairs of rows that share a frame."""

    tracks: pl.DataFrame
    stored: F32
    held: I64
    row_of: I64
    parts: Edges
    lengths: F32
    seen_together: I64

    @cached_property
    def look(self) -> SharedLook:
        """What the vectors of the archive's people share."""
        return _look(self.stored, self.held, self.tracks["video_id"], self.lengths)


@dataclass(frozen=True)
class TracksOnRecord:
    """Tracks as they are on record, before corrections divide and link them.

    Attributes:
        tracks: columns of TRACKS except the vector, sorted by track_id, and `place`, the number of each in the graph.
        vectors: (g, d) vectors, by place.
        graph: stored edges, between places.
        model: measurements of the recogniser; None: it was not measured.
        lengths: (m,) mean length of the raw vectors of each track.
        parts: cache of the parts of divided tracks, by track and faces.
        divided: cache of the tracks as they were divided last.
    """

    tracks: pl.DataFrame
    vectors: F32
    graph: EdgeGraph
    model: EvidenceModel | None
    lengths: F32
    parts: dict[tuple[str, tuple[tuple[str, ...], ...]], list[dict[str, object]]] = field(default_factory=dict)
    divided: dict[str, DividedTracks] = field(default_factory=dict)

    @cached_property
    def places(self) -> I64:
        """(m,) place of each track."""
        return self.tracks[_PLACE].to_numpy().astype(np.int64)

    @cached_property
    def seen_together(self) -> I64:
        """(c, 2) pairs of rows that share a frame."""
        return person_ids.cannot_links(self.tracks)


def read_grouping_input(home: Home, videos: Sequence[str], corrections: list[Correction] | None = None) -> GroupingInput:
    """Read the tracks of some videos, with the given corrections or those on record."""
    return corrected_input(home, read_tracks(home, videos), corrections_in_force(home, videos, corrections))


def read_tracks(home: Home, videos: Sequence[str]) -> TracksOnRecord:
    """Read the tracks of some videos as they are on record."""
    graph = stored_graph(home, videos)
    names = list(graph.plan.numbers)
    tracks = home.store.scan("tracks", names, _COLUMNS).with_row_index(_PLACE) if videos else TRACKS.empty()
    if not tracks.height:
        tracks = TRACKS.empty().with_columns(pl.lit(0, pl.UInt32).alias(_PLACE))
    tracks = tracks.sort("track_id")
    vectors = track_vectors(home, names) if graph.vectors is None else graph.vectors
    model = home.model_pack().recogniser.evidence
    return TracksOnRecord(tracks, vectors, replace(graph, vectors=None), model, raw_lengths(home, names, tracks, model))


def corrected_input(home: Home, known: TracksOnRecord, stands: CorrectionsInForce) -> GroupingInput:
    """Divide and link tracks by corrections; reads the faces of divided tracks."""
    parts = parts_of_tracks(stands, known.tracks)
    key = repr(sorted(parts.items()))
    if key not in known.divided:
        made = _divide(home, known, parts)
        known.divided.clear()
        known.divided[key] = made
    now = known.divided[key]
    links = links_of(stands, now.tracks, now.seen_together)
    return GroupingInput(now.tracks, now.stored, now.held, known.graph, now.row_of, now.parts, links, stands, known.model, now.lengths, now)


def _divide(home: Home, known: TracksOnRecord, parts: dict[str, list[list[str]]]) -> DividedTracks:
    tracks = _divided(home, known, parts)
    stored, held, edges = _with_parts(home, known.vectors, tracks)
    is_whole = tracks is known.tracks
    lengths = known.lengths if is_whole else _lengths(home, known, tracks)
    together = known.seen_together if is_whole else _seen_together(known, tracks)
    return DividedTracks(tracks.select(_COLUMNS), stored, held, _placed(known.graph, tracks), edges, lengths, together)


def _look(vectors: F32, held: I64, videos: pl.Series, lengths: F32) -> SharedLook:
    is_asked = tells_the_look(videos)
    return shared_look(np.take(vectors, held[is_asked], axis=0), lengths[is_asked])


def _seen_together(known: TracksOnRecord, tracks: pl.DataFrame) -> I64:
    """What `person_ids.cannot_links` gives: of whole tracks as it is known, only those of videos with divided ones are looked at."""
    place, is_part = tracks[_PLACE].fill_null(0).to_numpy(), tracks[_PLACE].is_null().to_numpy()
    row_of_place = np.full(known.graph.plan.tracks, -1, np.int64)
    row_of_place[place[~is_part]] = np.flatnonzero(~is_part)
    whole = row_of_place[known.places][known.seen_together]
    concerned = np.flatnonzero(tracks["video_id"].is_in(tracks.filter(is_part)["video_id"].unique().implode()).to_numpy())
    others = concerned[person_ids.cannot_links(tracks[concerned.tolist()])]
    pairs = np.concatenate([whole[(whole >= 0).all(axis=1)], others[is_part[others].any(axis=1)]])
    return np.asarray(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))])


def _lengths(home: Home, known: TracksOnRecord, tracks: pl.DataFrame) -> F32:
    """Of the whole ones as they are known; only the parts of divided ones are worked out."""
    of_place = np.zeros(known.graph.plan.tracks, np.float32)
    of_place[known.places] = known.lengths
    place, is_part = tracks[_PLACE].fill_null(0).to_numpy(), tracks[_PLACE].is_null().to_numpy()
    parts = tracks.filter(is_part)
    lengths = np.asarray(of_place[place], np.float32)
    lengths[is_part] = raw_lengths(home, sorted(set(parts["video_id"])), parts, known.model)
    return lengths


def raw_lengths(home: Home, videos: list[str], tracks: pl.DataFrame, model: EvidenceModel | None) -> F32:
    """(m,) mean length of the raw vectors of each track; if none is on record, that of a good one."""
    if model is None or not tracks.height:
        return np.zeros(tracks.height, np.float32)
    known = [video_id for video_id in videos if home.store.stamp("embeddings", video_id) is not None]
    if not known:
        return np.full(tracks.height, model.good_length, np.float32)
    faces = tracks.lazy().select(pl.col("face_ids").alias("face_id")).with_row_index("row").explode("face_id")
    norms = home.store.scan("embeddings", known, ["face_id", "raw_norm"]).lazy()
    found = faces.join(norms, on="face_id", how="left").group_by("row").agg(pl.col("raw_norm").cast(pl.Float64).mean()).sort("row")
    return found.collect()["raw_norm"].fill_null(model.good_length).to_numpy().astype(np.float32)


def _with_parts(home: Home, stored: F32, tracks: pl.DataFrame) -> tuple[F32, I64, Edges]:
    """Stored vectors with those of parts of tracks appended, the row of each track in them, and the edges of the parts."""
    place, is_part = tracks[_PLACE], tracks[_PLACE].is_null().to_numpy()
    held = place.fill_null(0).to_numpy().astype(np.int64)
    if not is_part.any():
        return stored, held, NO_EDGES
    held[is_part] = len(stored) + np.arange(is_part.sum())
    stored = np.concatenate([stored, vectors_as_matrix(tracks.filter(is_part)["vector"])])
    return stored, held, _edges_of_parts(home, stored[held], is_part)


def edges_above(given: GroupingInput, floor: float) -> Edges:
    """Edges between rows of the tracks with a cosine of at least `floor`."""
    edges = given.graph.edges.above(floor).placed(given.row_of).and_also(given.parts.above(floor))
    return nearest_only(edges, given.tracks.height, neighbours_for(given.tracks.height))


def _placed(graph: EdgeGraph, tracks: pl.DataFrame) -> I64:
    place = tracks[_PLACE].cast(pl.Int64).fill_null(-1).to_numpy()
    row_of = np.full(graph.plan.tracks, -1, np.int64)
    row_of[place[place >= 0]] = np.flatnonzero(place >= 0)
    return row_of


def _edges_of_parts(home: Home, vectors: F32, is_part: Bool) -> Edges:
    """Compute the edges of the parts of divided tracks, which are not stored."""
    return find_edges(home.index_builder(), vectors, is_part, np.full(len(vectors), -1, np.float32), neighbours_for(len(vectors)))


def group(given: GroupingInput, threshold: float, compared: ComparedEdges | None = None) -> I64:
    """The person of each track, numbered from 0.

    Args:
        given: what to group.
        threshold: least similarity of two groups that are one person.
        compared: the edges of `given.ordered`, for calls with several thresholds; None: they are computed where they are needed.
    """
    if not given.tracks.height:
        return np.empty(0, np.int64)
    known = None if is_compared(given, threshold) else partial(edges_above, given)
    return group_ordered(given.ordered, given.policy(threshold), known, compared)


def grouping(given: GroupingInput, threshold: float) -> Grouping:
    """The same with what `regrouping.regroup` starts from; where it starts from nothing, all tracks are one component."""
    policy = given.policy(threshold)
    if not given.tracks.height or not isinstance(policy, EvidencePolicy) or is_compared(given, threshold):
        return Grouping(group(given, threshold), np.zeros(given.tracks.height, np.int64))
    return group_apart(given.ordered, policy, partial(edges_above, given))


def is_compared(given: GroupingInput, threshold: float) -> bool:
    """Whether pairs that are not stored may matter, and are few enough to compare."""
    asked = given.policy(threshold)
    # By evidence, a pair is looked at by its cosine as it is stored.
    floor = asked.least_cosine if isinstance(asked, EvidencePolicy) else threshold - UNCOMMON
    return floor < FLOOR and given.tracks.height <= COMPARABLE


def _divided(home: Home, known: TracksOnRecord, parts: dict[str, list[list[str]]]) -> pl.DataFrame:
    if not parts:
        return known.tracks
    rows: list[dict[str, object]] = []
    for track_id in sorted(parts):
        key = track_id, tuple(tuple(part) for part in parts[track_id])
        if key not in known.parts:
            known.parts[key] = _parts(home, known.tracks.filter(pl.col("track_id") == track_id), parts[track_id])
        rows += known.parts[key]
    whole = known.tracks.filter(~pl.col("track_id").is_in(list(parts)))
    return pl.concat([whole, TRACKS.frame(rows)], how="diagonal").sort("track_id")


def _parts(home: Home, track: pl.DataFrame, parts: list[list[str]]) -> list[dict[str, object]]:
    video_id = str(track["video_id"][0])
    if not parts:
        return []  # none of its faces is one
    of_part = pl.DataFrame([(face, label) for label, part in enumerate(parts) for face in part], ["face_id", "label"], orient="row")
    seen = home.store.get("detections", video_id, ["face_id", "pts", "time_s", "quality"])
    known = home.store.get("embeddings", video_id, ["face_id", "model", "vector", "raw_norm"])
    faces = of_part.join(seen, on="face_id").join(known, on="face_id").sort("time_s", "face_id")
    return track_rows(video_id, faces.select(*FACE_COLUMNS), faces["label"].to_numpy().astype(np.int64))
