"""Gates: decide which detected faces are kept."""

from typing import NamedTuple

import numpy as np

from meetbefore_assets.core.ports import F32, F64, I64, Bool, FaceBatch
from meetbefore_assets.home.settings.sections import DetectionSettings

DUPLICATE_IOU = 0.5
# Least root mean square distance of the landmarks from their centre, as a share of the longer side of the box. 439 faces of YuNet and
# SCRFD had 0.166 to 0.241. Far below that, all landmarks are in one spot, and the crop would be a few enlarged pixels.
MIN_LANDMARK_SPREAD = 0.06
MAX_LANDMARK_SPREAD = 0.6
REASONS = ("degenerate", "low score", "too small", "outside", "duplicate")


class GateResult(NamedTuple):
    """Kept faces, sorted by (x1, y1), and the number of dropped ones by reason (only reasons that occurred)."""

    batch: FaceBatch
    rejected: dict[str, int]


def gate(batch: FaceBatch, image_size: tuple[int, int], min_score: float, min_face_px: float) -> GateResult:
    """Drop unusable detections, and sort the rest, so that the order does not depend on the detector.

    Args:
        batch: detected faces of one picture.
        image_size: width and height of the picture, pixels.
        min_score: least detector score.
        min_face_px: least shorter side of the box, pixels.

    Returns:
        Kept faces, sorted by (x1, y1); of two that overlap by more than DUPLICATE_IOU, the one with the higher score. Reasons are those of
        REASONS; a dropped face counts for the first that applies.
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
    """Which faces are sharp enough (`min_sharpness`; 0 keeps all): (n,) bool."""
    return np.asarray(sharpness_of >= settings.min_sharpness)


def is_turned_away(frontality_of: F32, scores: F32, settings: DetectionSettings) -> Bool:
    """Which faces are turned away, and too unsure for that: (n,) bool.

    In 139 s of people filmed from behind, YuNet took 21 backs of heads for faces, all with frontality 0 and 17 with a score below 0.75; of
    918 labelled faces none was like that.

    Args:
        frontality_of: (n,) 0 profile or beyond .. 1 frontal.
        scores: (n,) detector scores.
        settings: only min_turned_score is used.
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
    """Which faces have a number that is not finite, an empty box, or landmarks that cannot belong to it: (n,) bool."""
    is_finite = np.isfinite(batch.boxes).all(1) & np.isfinite(batch.landmarks).all((1, 2)) & np.isfinite(batch.scores)
    boxes = np.where(is_finite[:, None], batch.boxes, 0).astype(np.float64)
    points = np.where(is_finite[:, None, None], batch.landmarks, 0).astype(np.float64)
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = np.where(sides.min(axis=1) > 0, sides.max(axis=1), np.inf)
    spread = np.sqrt(((points - points.mean(axis=1, keepdims=True)) ** 2).sum(axis=2).mean(axis=1)) / longer
    return np.asarray(~is_finite | (spread < MIN_LANDMARK_SPREAD) | (spread > MAX_LANDMARK_SPREAD))


def is_duplicate(boxes: F32, scores: F32) -> Bool:
    """Which boxes overlap one with a higher score (of equal scores: an earlier one) by more than DUPLICATE_IOU: (n,) bool.

    Boxes are (x1, y1, x2, y2). A box that is a duplicate itself does not make others duplicates.
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
