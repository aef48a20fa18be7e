"""Links the faces of one person within one shot to tracks, by vector and time.

At one frame a second, the boxes of somebody who walks rarely overlap between frames (and following them swapped people), so position is
not used: faces are linked by cosine, and two faces in one frame are two people.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from meetbefore_assets.core.ports import F32, F64, I64

# A face is compared with so many latest faces of a track, so that a turning head is followed.
RECENT_FACES = 5


@dataclass(frozen=True)
class TrackPolicy:
    """When two faces of one video belong to one track.

    Attributes:
        max_gap_s: longest absence inside one track, seconds.
        min_similarity: least cosine between a face and the track it joins.
    """

    max_gap_s: float
    min_similarity: float


@dataclass
class _OpenTrack:
    """A track that may continue: its faces (rows) and when it was last seen."""

    rows: list[int] = field(default_factory=list)
    last_s: float = 0.0


def link_faces(pts: I64, time_s: F64, boxes: F32, vectors: F32, quality: F32, policy: TrackPolicy) -> I64:
    """Link the faces of one video to tracks.

    Frame by frame, faces are assigned to open tracks so that the sum of cosines is largest; a face that is similar to none of them starts
    a new track. The result does not depend on the order of the rows.

    Args:
        pts: (n,) int64, presentation time stamps; faces with the same one are in one frame.
        time_s: (n,) float64, seconds since the first picture.
        boxes: (n, 4) float32, x1, y1, x2, y2 in source pixels; only used to order otherwise equal faces.
        vectors: (n, d) float32, unit rows.
        quality: (n,) float32, 0..1.
        policy: when faces belong to one track.

    Returns:
        (n,) int64, number of each face's track, from 0 in order of first appearance.
    """
    order = _by_content(pts, boxes, vectors, quality)
    vectors = np.ascontiguousarray(vectors[order], dtype=np.float32)
    labels = np.full(len(order), -1, dtype=np.int64)
    running: dict[int, _OpenTrack] = {}
    started = 0
    for rows in _pictures(pts[order]):
        now = float(time_s[order[rows[0]]])
        running = {label: track for label, track in running.items() if now - track.last_s <= policy.max_gap_s}
        given = _assign(vectors, rows, running, policy.min_similarity)
        for row in rows:
            label = given.get(row, started)
            started += label == started
            track = running.setdefault(label, _OpenTrack())
            track.rows.append(row)
            track.last_s = now
            labels[row] = label
    result = np.empty_like(labels)
    result[order] = labels
    return result


def _by_content(pts: I64, boxes: F32, vectors: F32, quality: F32) -> I64:
    keys = [*vectors.T[::-1], quality, *boxes.T[::-1], pts]
    return np.lexsort(keys).astype(np.int64)


def _pictures(pts: I64) -> Iterator[list[int]]:
    """The rows of each frame; `pts` must rise."""
    starts = [0, *(np.flatnonzero(np.diff(pts)) + 1).tolist(), len(pts)] if len(pts) else []
    for start, end in pairwise(starts):
        yield list(range(start, end))


def _assign(vectors: F32, rows: list[int], running: dict[int, _OpenTrack], min_similarity: float) -> dict[int, int]:
    """Assign rows of one frame to open tracks: row -> label, at most one row per track."""
    if not running:
        return {}
    names = sorted(running)
    similarity = np.stack([(vectors[rows] @ vectors[running[name].rows[-RECENT_FACES:]].T).mean(axis=1) for name in names], axis=1)
    gain = np.maximum(similarity.astype(np.float64) - min_similarity, 0.0)
    pairs = _undisputed(gain) if not (similarity == min_similarity).any() else None
    if pairs is None:
        from scipy.optimize import linear_sum_assignment  # 0.7 s to load

        pairs = list(zip(*linear_sum_assignment(gain, maximize=True), strict=True))
    return {rows[i]: names[j] for i, j in pairs if similarity[i, j] >= min_similarity}


def _undisputed(gain: F64) -> list[tuple[int, int]] | None:
    """The pairs of the largest sum where that is plain: each face is like one track, or each track like one face, of those that are
    linked at all; None where faces contend for several tracks, or two are equally like one."""
    is_alike = gain > 0
    pairs: list[tuple[int, int]] = []
    for i in np.flatnonzero(is_alike.any(axis=1)):
        columns = np.flatnonzero(is_alike[i])
        rows = np.flatnonzero(is_alike[:, columns].any(axis=1))
        if len(rows) > 1 and (len(columns) > 1 or is_alike[rows].sum() > len(rows)):
            return None
        found = gain[np.ix_(rows, columns)].ravel()
        if (found == found.max()).sum() > 1:
            return None
        if len(rows) == 1 or found.argmax() == int(np.flatnonzero(rows == i)[0]):
            pairs.append((int(i), int(columns[found.argmax() if len(rows) == 1 else 0])))
    return pairs


def mean_vectors(vectors: F32, quality: F32, labels: I64) -> tuple[F32, F32]:
    """Mean vector of each track, weighted by quality.

    Args:
        vectors: (n, d) float32, unit rows.
        quality: (n,) float32, 0..1.
        labels: (n,) int64, 0..k-1, none missing.

    Returns:
        (k, d) float32 unit rows, and (k,) float32 quality of the track: that of its best face.
    """
    tracks = int(labels.max()) + 1 if len(labels) else 0
    weight = np.maximum(quality.astype(np.float64), 1e-3)
    sums = np.zeros((tracks, vectors.shape[1]), dtype=np.float64)
    np.add.at(sums, labels, vectors * weight[:, None])
    best = np.zeros(tracks, dtype=np.float32)
    np.maximum.at(best, labels, quality.astype(np.float32))
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    return (sums / np.maximum(length, 1e-12)).astype(np.float32), best
