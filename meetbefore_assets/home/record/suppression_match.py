"""Matches detections with suppressions by time and place, without any vector.

A suppression is the time and the box of a forgotten face. A detection at the same time whose box overlaps is that face, so it does not
come back when a video is processed again, even by another detector or recogniser. If other frames are sampled than before, the box is
assumed to move evenly between the times at which it is known, and to stay for a short while before the first and after the last: until
the nearest sampled frame in which the person was not seen.
"""

from dataclasses import dataclass

import numpy as np

from meetbefore_assets.core.ports import F32, F64, I64, Bool

# Two time stamps of one picture differ by rounding only.
SAME_MOMENT_S = 0.02
LEAST_IOU = 0.3
# Longest time for which somebody is assumed to stay where they were last seen.
BEYOND_S = 1.0
# How far a thumbnail reaches from the centre of a box, as a share of its longer side (see OpenCvImaging.thumbnail).
THUMBNAIL_REACH = 1.1


@dataclass(frozen=True)
class Suppressions:
    """Forgotten faces of one video, in any order.

    Attributes:
        time_s: (g,) seconds since the first picture.
        boxes: (g, 4) x1, y1, x2, y2, source pixels.
        from_s, until_s: (g,) times of the sampled frames before and after it, when it was forgotten.
        chain: (g,) faces with the same number were one track.
        version: hash of them; "" if there are none.
    """

    time_s: F64
    boxes: F32
    from_s: F64
    until_s: F64
    chain: I64
    version: str = ""

    def __len__(self) -> int:
        return len(self.time_s)


def no_suppressions() -> Suppressions:
    """Empty suppressions."""
    return Suppressions(np.zeros(0), np.zeros((0, 4), np.float32), np.zeros(0), np.zeros(0), np.zeros(0, np.int64))


def suppressed_faces(time_s: F64, boxes: F32, suppressions: Suppressions) -> Bool:
    """Which faces are forgotten ones, to be dropped.

    Args:
        time_s: (n,) times of the faces, seconds since the first picture.
        boxes: (n, 4) their boxes, source pixels.
        suppressions: the forgotten faces of the video.

    Returns:
        (n,) bool. A suppression drops at most one detection per timestamp: the one it overlaps most.
    """
    dropped = np.zeros(len(time_s), bool)
    if not len(suppressions) or not len(time_s):
        return dropped
    for moment in np.unique(time_s):
        faces = np.flatnonzero(time_s == moment)
        where, is_known = boxes_at(float(moment), suppressions)
        _drop_at(faces, boxes, where, is_known, dropped)
    return dropped


def boxes_at(moment_s: float, suppressions: Suppressions) -> tuple[F32, Bool]:
    """Where forgotten faces are at a time: (k, 4) boxes, and (k,) whether each was seen at exactly that time."""
    found: list[F32] = []
    is_known: list[bool] = []
    for chain in np.unique(suppressions.chain):
        rows = np.flatnonzero(suppressions.chain == chain)
        rows = rows[np.argsort(suppressions.time_s[rows], kind="stable")]
        same = rows[np.abs(suppressions.time_s[rows] - moment_s) <= SAME_MOMENT_S]
        if len(same):
            found.extend(suppressions.boxes[same])
            is_known.extend([True] * len(same))
        elif (box := _between(moment_s, suppressions, rows)) is not None:
            found.append(box)
            is_known.append(False)
    return np.array(found, np.float32).reshape(-1, 4), np.array(is_known, bool)


def _between(moment_s: float, suppressions: Suppressions, rows: I64) -> F32 | None:
    """The interpolated box of one chain (rows in order of time) at a time that was not sampled; None if it need not be there."""
    times, after = suppressions.time_s[rows], int(np.searchsorted(suppressions.time_s[rows], moment_s))
    if 0 < after < len(rows) and suppressions.until_s[rows[after - 1]] >= times[after] - SAME_MOMENT_S:
        share = (moment_s - times[after - 1]) / (times[after] - times[after - 1])
        first, second = suppressions.boxes[rows[after - 1]], suppressions.boxes[rows[after]]
        return np.asarray(first + share * (second - first), np.float32)
    reaches = (suppressions.from_s[rows] + SAME_MOMENT_S < moment_s) & (moment_s < suppressions.until_s[rows] - SAME_MOMENT_S)
    near = rows[reaches & (np.abs(times - moment_s) <= BEYOND_S)]
    return suppressions.boxes[near[np.abs(suppressions.time_s[near] - moment_s).argmin()]] if len(near) else None


def _drop_at(faces: I64, boxes: F32, where: F32, is_known: Bool, dropped: Bool) -> None:
    """Mark the best-fitting face of each suppression, among the faces of one frame; the best pairs are settled first."""
    overlap = iou(where, boxes[faces])
    near = np.where(is_known[:, None], overlap >= LEAST_IOU, nearness(where, boxes[faces]) >= 0)
    fit = np.where(near, np.where(is_known[:, None], 1 + overlap, nearness(where, boxes[faces])), -1.0)
    while fit.size and fit.max() >= 0:
        suppression, face = np.unravel_index(int(fit.argmax()), fit.shape)
        dropped[faces[face]] = True
        fit[suppression, :] = -1.0
        fit[:, face] = -1.0


def iou(first: F32, second: F32) -> F64:
    """(a, 4) and (b, 4) boxes -> (a, b) intersection over union; 0 if a box has no area."""
    low = np.maximum(first[:, None, :2], second[None, :, :2]).astype(np.float64)
    high = np.minimum(first[:, None, 2:], second[None, :, 2:]).astype(np.float64)
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    union = _area(first)[:, None] + _area(second)[None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), np.float64)


def _area(boxes: F32) -> F64:
    return np.asarray(np.prod(np.clip(boxes[:, 2:].astype(np.float64) - boxes[:, :2], 0, None), axis=1), np.float64)


def nearness(where: F32, boxes: F32) -> F64:
    """(a, b): 1 for boxes with the same centre, 0 at a distance of the longer side of `where`, negative beyond."""
    centre = (where[:, None, :2] + where[:, None, 2:]) / 2 - (boxes[None, :, :2] + boxes[None, :, 2:]) / 2
    side = np.maximum((where[:, 2:] - where[:, :2]).max(axis=1, initial=1e-6), 1e-6)
    return np.asarray(1.0 - np.linalg.norm(centre, axis=2) / side[:, None], np.float64)


def shows_suppressed(time_s: F64, boxes: F32, suppressions: Suppressions) -> Bool:
    """Which faces have thumbnails that would show a forgotten face in their surroundings: (n,) bool."""
    shown = np.zeros(len(time_s), bool)
    if not len(suppressions):
        return shown
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)[:, None] * THUMBNAIL_REACH if len(boxes) else boxes[:, :1]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    for row, moment in enumerate(time_s):
        where, _ = boxes_at(float(moment), suppressions)
        low, high = centre[row] - half[row], centre[row] + half[row]
        shown[row] = bool(((where[:, :2] < high) & (where[:, 2:] > low)).all(axis=1).any())
    return shown
