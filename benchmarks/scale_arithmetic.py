"""From unit costs to the cost of an archive: pure arithmetic, for `benchmarks.scale_model`.

Linear: the way of the videos, storage, requests, Dagster's rows, and one pass of matching, publishing and the page. Quadratic: comparing
every track with every other once, which is what adding one video after another comes to.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

GB = 1e9
# Cosines of SFace (benchmarks/matching_scale.py): strangers' mean and spread; and what share of one person's pairs lies below which.
STRANGER_MEAN, STRANGER_SD = 0.104, 0.087
ONE_PERSON = ((0.0, 0.0), (0.35, 0.01), (0.45, 0.05), (0.66, 0.5), (0.80, 0.95), (1.0, 1.0))
LEAST_THRESHOLD, STRANGERS_A_TRACK = 0.40, 0.5
# Comparing at once more than this (of 128 numbers) goes through cells, of which one in 64 is looked at (`faiss_memory`).
EXACT_AT_ONCE, PROBED = 140_000, 1 / 64


@dataclass(frozen=True)
class Units:
    """Unit costs measured on one machine. Seconds are those of one core, sizes are bytes.

    Attributes:
        video_s: opening a video, planning, all that does not depend on its length.
        decode_s: decoding a moment, by size of the picture.
        detect_s: searching a moment for faces, by size of the picture.
        face_s: a face's crop, thumbnail and row.
        embed_s: a face's vector (with its mirror image's).
        run_s: Dagster around the run of one partition.
        track_s: linking, a face.
        pair_s: comparing two tracks.
        match_track_s, match_edge_s: a matching run, a track and an edge.
        score_face_s, publish_face_s, page_face_s: encounters and ranking, the database, the page; a face.
        edges: edges a track.
        video_bytes, moment_bytes, face_bytes, track_bytes, edge_bytes: on record.
        published_bytes: in the database, a face.
        page_bytes: in the page, a face.
        match_base_bytes, match_track_bytes: memory of a matching run.
        run_bytes, run_rows: Dagster's, a run with its events.
        key_bytes, key_s: Dagster's, a partition: on disk, and to read its name.
        video_requests, match_requests: of an object store, a video that is processed, and a video in a matching run.
        match_base_requests: of a matching run, however many videos there are.
        list_name_s: listing a name in one folder.
    """

    video_s: float
    decode_s: Mapping[str, float]
    detect_s: Mapping[str, float]
    face_s: float
    embed_s: float
    track_s: float
    run_s: float
    pair_s: float
    match_track_s: float
    match_edge_s: float
    score_face_s: float
    publish_face_s: float
    page_face_s: float
    edges: float
    video_bytes: float
    moment_bytes: float
    face_bytes: float
    track_bytes: float
    edge_bytes: float
    published_bytes: float
    page_bytes: float
    match_base_bytes: float
    match_track_bytes: float
    run_bytes: float
    run_rows: float
    key_bytes: float
    key_s: float
    video_requests: float
    match_requests: float
    match_base_requests: float
    list_name_s: float


@dataclass(frozen=True)
class Footage:
    """The footage of an archive.

    Attributes:
        hours: of recordings.
        size: of the pictures: a key of Units.decode_s.
        minutes: length of a file.
        interval_s: from moment to moment.
        faces: in a moment, on the average.
        faces_in_track: on the average.
        videos_in_partition: 1 as it is; more where a partition of Dagster is a day of a camera.
    """

    hours: float
    size: str = "1080p"
    minutes: float = 10.0
    interval_s: float = 1.0
    faces: float = 0.5
    faces_in_track: float = 4.0
    videos_in_partition: float = 1.0


@dataclass(frozen=True)
class Counts:
    """Numbers of videos, sampled frames, faces, tracks and so on."""

    videos: float
    moments: float
    faces: float
    tracks: float
    partitions: float


@dataclass(frozen=True)
class Totals:
    """The cost of an archive: CPU seconds by part, bytes on disk by part, and the rest."""

    counts: Counts
    cpu_s: Mapping[str, float]
    one_match_s: float
    compare_s: float
    compare_at_once_s: float
    disk_bytes: Mapping[str, float]
    match_memory_bytes: float
    requests: float
    one_match_requests: float
    dagster_rows: float
    list_s: float
    keys_s: float

    def videos_cpu_s(self) -> float:
        """CPU seconds of processing all videos, which any number of machines can share."""
        return sum(self.cpu_s.values())

    def disk(self) -> float:
        """All bytes on disk."""
        return sum(self.disk_bytes.values())

    def wall_s(self, cores: int, *, comparing_cores: int = 16) -> float:
        """Wall-clock seconds until all is matched once: videos on all cores, comparing on one machine's cores, matching on one core."""
        compare_s = min(self.compare_s, self.compare_at_once_s)
        return self.videos_cpu_s() / cores + compare_s / min(cores, comparing_cores) + self.one_match_s


def counted(footage: Footage) -> Counts:
    """The counts of some footage."""
    videos = footage.hours * 60 / footage.minutes
    moments = footage.hours * 3600 / footage.interval_s
    faces = moments * footage.faces
    return Counts(videos, moments, faces, faces / footage.faces_in_track, videos / footage.videos_in_partition)


def totals(units: Units, footage: Footage) -> Totals:
    """The cost of some footage."""
    n = counted(footage)
    edges = n.tracks * units.edges
    at_once = n.tracks / 2 if n.tracks <= EXACT_AT_ONCE else n.tracks * PROBED
    decided_s = units.score_face_s + units.publish_face_s + units.page_face_s
    return Totals(
        counts=n,
        cpu_s={
            "open and plan": n.videos * units.video_s,
            "decode": n.moments * units.decode_s[footage.size],
            "detect": n.moments * units.detect_s[footage.size],
            "faces": n.faces * (units.face_s + units.track_s),
            "embed": n.faces * units.embed_s,
            "Dagster": n.partitions * units.run_s,
        },
        one_match_s=n.tracks * units.match_track_s + edges * units.match_edge_s + n.faces * decided_s,
        compare_s=n.tracks * n.tracks / 2 * units.pair_s,
        compare_at_once_s=n.tracks * at_once * units.pair_s,
        disk_bytes={
            "record": n.videos * units.video_bytes + n.moments * units.moment_bytes + n.faces * units.face_bytes,
            "tracks": n.tracks * units.track_bytes,
            "edges": edges * units.edge_bytes,
            "database": n.faces * units.published_bytes,
            "page": n.faces * units.page_bytes,
            "Dagster": n.partitions * (units.run_bytes + units.key_bytes),
        },
        match_memory_bytes=units.match_base_bytes + n.tracks * units.match_track_bytes,
        requests=n.videos * units.video_requests,
        one_match_requests=units.match_base_requests + n.videos * units.match_requests,
        dagster_rows=n.partitions * units.run_rows,
        list_s=n.videos * units.list_name_s,
        keys_s=n.partitions * units.key_s,
    )


def threshold(tracks: float) -> float:
    """The cosine above which a track expects half a wrong match among so many (`matching.threshold = auto`); at least SFace's own."""
    return max(LEAST_THRESHOLD, STRANGER_MEAN + STRANGER_SD * float(norm.isf(STRANGERS_A_TRACK / max(tracks, 1.0))))


def lost(at: float) -> float:
    """Share of the pairs of one person's tracks whose cosine lies below a threshold."""
    return float(np.interp(at, *zip(*ONE_PERSON, strict=True)))


def hours_until(units: Units, footage: Footage, is_beyond: Callable[[Totals], bool], most: float = 1e9) -> float:
    """The fewest hours of footage at which a limit is exceeded, to 1%; infinite if `most` hours do not exceed it."""

    def beyond(hours: float) -> bool:
        return is_beyond(totals(units, Footage(**{**vars(footage), "hours": hours})))

    if not beyond(most):
        return math.inf
    low, high = 1e-3, most
    while high / low > 1.01:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return high
