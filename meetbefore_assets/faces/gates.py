"""Gates: which detected faces are kept."""

from typing import NamedTuple

import numpy as np

from meetbefore_assets.core.ports import F32, F64, I64, Bool, FaceBatch
from meetbefore_assets.home.settings.sections import DetectionSettings

DUPLICATE_IOU = 0.5
# Root mean square distance of the landmarks from their centre, as a share of the longer side of the box. 439 faces of YuNet and
# SCRFD had 0.166 to 0.241. Far below that they are one blob, and the crop would be made of a few pixels.
MIN_LANDMARK_SPREAD = 0.06
MAX_LANDMARK_SPREAD = 0.6
REASONS = ("degenerate", "low score", "too small", "outside", "duplicate")


class GateResult(NamedTuple):
    """Faces that are kept, by (x1, y1), and how many were not, by reason (only reasons that occurred)."""

    batch: FaceBatch
    rejected: dict[str, int]


def gate(batch: FaceBatch, image_size: tuple[int, int], min_score: float, min_face_px: float) -> GateResult:
    """Drop what is no usable face, and put the rest in an order that does not depend on the detector's.

    Args:
        batch: faces of one picture.
        image_size: width and height of the picture, pixels.
        min_score: least detector score.
        min_face_px: least shorter side of the box, pixels.

    Returns:
        Kept faces by (x1, y1); of two that overlap by more than DUPLICATE_IOU the one of the higher score stays.
        Reasons are those of REASONS; a face counts for the first that holds.
    """
    verdict = np.full(len(batch), -1, dtype=np.int64)
    checks = (
        is_degenerate(batch),
        batch.scores < min_score,
        _shorter_sides(batch.boxes) < min_face_px,
        _is_centred_outside(batch.boxes, image_size),
    )
    for reason, is_bad in enumerate(checks):
        verdict[(verdict < 0) & is_bad] = reason
    rows = np.flatnonzero(verdict < 0)
    verdict[rows[is_duplicate(batch.boxes[rows], batch.scores[rows])]] = len(checks)
    rows = np.flatnonzero(verdict < 0)
    rows = rows[np.lexsort((batch.boxes[rows, 1], batch.boxes[rows, 0]))]
    counts = {name: int((verdict == reason).sum()) for reason, name in enumerate(REASONS)}
    return GateResult(_taken(batch, rows), {name: count for name, count in counts.items() if count})


def gate_sharpness(sharpness_of: F32, settings: DetectionSettings) -> Bool:
    """(n,) True for faces that are sharp enough (`min_sharpness`; 0 keeps all)."""
    return np.asarray(sharpness_of >= settings.min_sharpness)


def is_turned_away(frontality_of: F32, scores: F32, settings: DetectionSettings) -> Bool:
    """Whether a face is seen so far from the side that only a sure detector makes it one.

    Of people filmed from behind (139 s of them), YuNet took 21 backs of heads for faces, all of frontality 0 and 17 of a
    score below 0.75; of 918 labelled faces none was of that kind.

    Args:
        frontality_of: (n,) 0 profile or beyond .. 1 frontal.
        scores: (n,) detector scores.
        settings: min_turned_score is used.
    """
    return np.asarray((frontality_of <= 0) & (scores < settings.min_turned_score), np.bool_)


def _taken(batch: FaceBatch, rows: I64) -> FaceBatch:
    return FaceBatch(batch.boxes[rows], batch.landmarks[rows], batch.scores[rows])


def _shorter_sides(boxes: F32) -> F32:
    return np.asarray(np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]))


def _is_centred_outside(boxes: F32, image_size: tuple[int, int]) -> Bool:
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.asarray(((centres < 0) | (centres >= np.asarray(image_size))).any(axis=1))


def is_degenerate(batch: FaceBatch) -> Bool:
    """(n,) True where a number is not finite, the box is empty, or the landmarks cannot belong to it."""
    is_finite = np.isfinite(batch.boxes).all(1) & np.isfinite(batch.landmarks).all((1, 2)) & np.isfinite(batch.scores)
    boxes = np.where(is_finite[:, None], batch.boxes, 0).astype(np.float64)
    points = np.where(is_finite[:, None, None], batch.landmarks, 0).astype(np.float64)
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = np.where(sides.min(axis=1) > 0, sides.max(axis=1), np.inf)
    spread = np.sqrt(((points - points.mean(axis=1, keepdims=True)) ** 2).sum(axis=2).mean(axis=1)) / longer
    return np.asarray(~is_finite | (spread < MIN_LANDMARK_SPREAD) | (spread > MAX_LANDMARK_SPREAD))


def is_duplicate(boxes: F32, scores: F32) -> Bool:
    """(n,) True for boxes that overlap one of a higher score (of equal ones the earlier) by more than DUPLICATE_IOU.

    Boxes are (x1, y1, x2, y2). One that is a duplicate itself suppresses nothing.
    """
    overlap = _iou(boxes.astype(np.float64)) > DUPLICATE_IOU
    is_dropped = np.zeros(len(boxes), dtype=np.bool_)
    order = np.argsort(-scores, kind="stable")
    for place, row in enumerate(order):
        if not is_dropped[row]:
            weaker = order[place + 1 :]
            is_dropped[weaker[overlap[row, weaker]]] = True
    return is_dropped


def _iou(boxes: F64) -> F64:
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    union = areas[:, None] + areas[None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))
