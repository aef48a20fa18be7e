"""Which faces of a video are those that were to be forgotten, told from where and when they were seen, without any vector.

What is kept of a forgotten face is its moment and its box. A face at the very same moment whose box overlaps is that face: so it
does not come back when a video is processed again, by another detector or recogniser either. Where a video is looked at in
other moments than before, the box is taken to move evenly from one of these moments to the next, and to stay for a little while
before the first and after the last of them: until the nearest moment at which the person was looked for and not seen.
"""

from dataclasses import dataclass

import numpy as np

from meetbefore_assets.core.ports import F32, F64, I64, Bool

# Two time stamps of one picture differ by rounding only.
SAME_MOMENT_S = 0.02
LEAST_IOU = 0.3
# How long somebody is taken to stay where they were last seen, at most.
BEYOND_S = 1.0
# A thumbnail shows so much around a box, as a share of the longer side from the centre (see OpenCvCamera.thumbnail).
THUMBNAIL_REACH = 1.1


@dataclass(frozen=True)
class Suppressions:
    """Forgotten faces of one video, in any order.

    Attributes:
        time_s: (g,) seconds since the first picture.
        boxes: (g, 4) x1, y1, x2, y2, source pixels.
        from_s, until_s: (g,) the moments before and after it that were looked at when it was forgotten.
        chain: (g,) faces with the same number were one track.
        version: hash of them; "" where there are none.
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
    """Nothing was forgotten."""
    return Suppressions(np.zeros(0), np.zeros((0, 4), np.float32), np.zeros(0), np.zeros(0), np.zeros(0, np.int64))


def suppressed_faces(time_s: F64, boxes: F32, suppressions: Suppressions) -> Bool:
    """Which faces are to be dropped.

    Args:
        time_s: (n,) moments of the faces, seconds since the first picture.
        boxes: (n, 4) their boxes, source pixels.
        suppressions: what was forgotten.

    Returns:
        (n,) bool. A forgotten face drops one face of a moment at most: the one it overlaps most.
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
    """Where forgotten faces are at a moment: (k, 4) boxes, and (k,) whether each was seen at that very moment."""
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
    """The box of one chain (rows in order of time) at a moment at which it was not looked for; None where it need not be there."""
    times, after = suppressions.time_s[rows], int(np.searchsorted(suppressions.time_s[rows], moment_s))
    if 0 < after < len(rows) and suppressions.until_s[rows[after - 1]] >= times[after] - SAME_MOMENT_S:
        share = (moment_s - times[after - 1]) / (times[after] - times[after - 1])
        first, second = suppressions.boxes[rows[after - 1]], suppressions.boxes[rows[after]]
        return np.asarray(first + share * (second - first), np.float32)
    reaches = (suppressions.from_s[rows] + SAME_MOMENT_S < moment_s) & (moment_s < suppressions.until_s[rows] - SAME_MOMENT_S)
    near = rows[reaches & (np.abs(times - moment_s) <= BEYOND_S)]
    return suppressions.boxes[near[np.abs(suppressions.time_s[near] - moment_s).argmin()]] if len(near) else None


def _drop_at(faces: I64, boxes: F32, where: F32, is_known: Bool, dropped: Bool) -> None:
    """Mark, among the faces of one moment, the best fit of each forgotten face; the best fits of all are settled first."""
    overlap = iou(where, boxes[faces])
    near = np.where(is_known[:, None], overlap >= LEAST_IOU, nearness(where, boxes[faces]) >= 0)
    fit = np.where(near, np.where(is_known[:, None], 1 + overlap, nearness(where, boxes[faces])), -1.0)
    while fit.size and fit.max() >= 0:
        grave, face = np.unravel_index(int(fit.argmax()), fit.shape)
        dropped[faces[face]] = True
        fit[grave, :] = -1.0
        fit[:, face] = -1.0


def iou(first: F32, second: F32) -> F64:
    """(a, 4) and (b, 4) boxes -> (a, b) intersection over union; 0 where a box has no area."""
    low = np.maximum(first[:, None, :2], second[None, :, :2]).astype(np.float64)
    high = np.minimum(first[:, None, 2:], second[None, :, 2:]).astype(np.float64)
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    union = _area(first)[:, None] + _area(second)[None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), np.float64)


def _area(boxes: F32) -> F64:
    return np.asarray(np.prod(np.clip(boxes[:, 2:].astype(np.float64) - boxes[:, :2], 0, None), axis=1), np.float64)


def nearness(where: F32, boxes: F32) -> F64:
    """(a, b): 1 for boxes with one centre, falling to 0 at a distance of the longer side of `where`, negative beyond."""
    centre = (where[:, None, :2] + where[:, None, 2:]) / 2 - (boxes[None, :, :2] + boxes[None, :, 2:]) / 2
    side = np.maximum((where[:, 2:] - where[:, :2]).max(axis=1, initial=1e-6), 1e-6)
    return np.asarray(1.0 - np.linalg.norm(centre, axis=2) / side[:, None], np.float64)


def shows_suppressed(time_s: F64, boxes: F32, suppressions: Suppressions) -> Bool:
    """Whose thumbnail, which has surroundings in it, would show a forgotten face: (n,) bool for n faces."""
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
