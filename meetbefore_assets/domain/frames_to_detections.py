"""Frames to detections: which faces are kept, how they are aligned, and how good they are.

Aligned faces lie as ArcFace's template has it (112 x 112 pixels).
"""

from typing import NamedTuple

import numpy as np

from meetbefore_assets.domain.ports import F32, F64, I64, U8, Bool, FaceBatch
from meetbefore_assets.errors import SchemaError
from meetbefore_assets.settings import DetectionSettings

# Where the five landmarks lie in an aligned face: Deng et al., ArcFace (2019); insightface's `utils/face_align.py`.
TEMPLATE: F64 = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
DUPLICATE_IOU = 0.5
# Root mean square distance of the landmarks from their centre, as a share of the longer side of the box. 439 faces of YuNet and
# SCRFD had 0.166 to 0.241. Far below that they are one blob, and the crop would be made of a few pixels.
MIN_LANDMARK_SPREAD = 0.06
MAX_LANDMARK_SPREAD = 0.6
REASONS = ("degenerate", "low score", "too small", "outside", "duplicate")


class Gated(NamedTuple):
    """Faces that are kept, by (x1, y1), and how many were not, by reason (only reasons that occurred)."""

    batch: FaceBatch
    rejected: dict[str, int]


def gate(batch: FaceBatch, image_size: tuple[int, int], min_score: float, min_face_px: float) -> Gated:
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
    return Gated(_taken(batch, rows), {name: count for name, count in counts.items() if count})


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


def alignment_matrices(landmarks: F32) -> F64:
    """Similarity transforms that bring landmarks nearest to TEMPLATE, by least squares.

    The closed form of Umeyama, "Least-squares estimation of transformation parameters between two point patterns"
    (IEEE TPAMI 13(4), 1991), which for points of the plane is one complex division: with p and q centred,
    rotation and scale together are sum(conj(p) q) / sum(|p|^2).

    Args:
        landmarks: (n, 5, 2) source pixels, in the order of the ports.

    Returns:
        (n, 2, 3) float64, source -> aligned; never a reflection.

    Raises:
        SchemaError: landmarks of a row all lie on one spot, or are not finite.
    """
    points = landmarks[..., 0].astype(np.float64) + 1j * landmarks[..., 1].astype(np.float64)
    target = TEMPLATE[:, 0] + 1j * TEMPLATE[:, 1]
    centre = points.mean(axis=1, keepdims=True)
    spread = (np.abs(points - centre) ** 2).sum(axis=1)
    bad = np.flatnonzero(~np.isfinite(spread) | (spread == 0))
    if len(bad):
        raise SchemaError(f"detections: expected five distinct landmarks, found none that can be aligned in rows {bad.tolist()}.")
    turn = (np.conj(points - centre) * (target - target.mean())).sum(axis=1) / spread
    shift = target.mean() - turn * centre[:, 0]
    rows = [[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]]
    return np.moveaxis(np.array(rows, dtype=np.float64), -1, 0)


# The median ratio of 478 faces was 0.17; a Gaussian blur of 2 pixels of the crop brought it to 0.05, one of 4 to 0.013.
_HALF_SHARP = 0.05


def sharpness(crops: U8) -> F32:
    """How much fine detail aligned faces have, 0 (blurred) to 1 (sharp).

    The variance of the Laplacian (Pech-Pacheco et al., 2000) of the middle of the face, divided by the variance of
    its grey values, so that neither light nor contrast counts, and mapped to r / (r + 0.05). It is taken at half size:
    faces that were 40 pixels wide in the picture have been enlarged to 112 and would look blurred at full size, and
    averaging four pixels takes noise out, which would look sharp.

    Args:
        crops: (n, 112, 112, 3) uint8 B, G, R, aligned.

    Returns:
        (n,) float32; 0 for a crop of one grey.
    """
    grey = crops[:, 24:104, 20:92].astype(np.float32) @ np.array([0.114, 0.587, 0.299], dtype=np.float32)
    n, height, width = grey.shape
    half = grey.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    middle = half[:, 1:-1, 1:-1]
    laplacian = half[:, :-2, 1:-1] + half[:, 2:, 1:-1] + half[:, 1:-1, :-2] + half[:, 1:-1, 2:] - 4 * middle
    contrast = middle.var(axis=(1, 2))
    ratio = np.divide(laplacian.var(axis=(1, 2)), contrast, out=np.zeros(n, dtype=np.float32), where=contrast > 1)
    return np.asarray(ratio / (ratio + _HALF_SHARP), dtype=np.float32)


def frontality(landmarks: F32) -> F32:
    """How much a face looks into the camera, 0 (profile) to 1 (frontal); a tilt of the head in the picture does not count.

    Along the line of the eyes: how far the tip of the nose lies from the middle between eyes and mouth, over half the
    distance of the eyes (1: the nose stands under one eye, a turn of about 45 degrees). Across it: how far it lies from
    half way between eyes and mouth, at half weight, since a nod hides less of a face than a turn.

    Args:
        landmarks: (n, 5, 2).

    Returns:
        (n,) float32.
    """
    points = landmarks[..., 0].astype(np.float64) + 1j * landmarks[..., 1].astype(np.float64)
    eyes, mouth = points[:, :2].mean(axis=1), points[:, 3:].mean(axis=1)
    line = points[:, 1] - points[:, 0]
    reach = np.maximum(np.abs(line), 1e-6)
    along = np.conj(line / reach)  # turns the line of the eyes onto the x axis
    nose, down = (points[:, 2] - eyes) * along, (mouth - eyes) * along
    turned = np.abs(nose.real - down.real / 2) / (reach / 2)
    nodded = np.abs(nose.imag / np.where(np.abs(down.imag) < 1e-6, 1e-6, down.imag) - 0.5) / 0.5
    return np.asarray(np.clip(1 - turned, 0, 1) * (1 - 0.5 * np.clip(nodded, 0, 1)), dtype=np.float32)


# Of size, sharpness, frontality and score. Rank correlation of the quality with the cosine to the person's mean vector, 216 faces of
# YuNet and 223 of SCRFD: 0.75 and 0.78; all weights equal: 0.58 and 0.67. The pose says least, the score most.
_WEIGHTS = np.array([1.0, 1.0, 0.25, 2.0])


def quality(size_px: F32, sharpness_of: F32, frontality_of: F32, scores: F32) -> F32:
    """How much a face's vector can be trusted, 0 to 1: a weighted geometric mean, so that one bad share spoils it.

    Args:
        size_px: (n,) shorter side of the box, source pixels; its share is s / (s + 40), since a recogniser that looks
            at 112 pixels gains little beyond them.
        sharpness_of, frontality_of, scores: (n,) each 0..1.

    Returns:
        (n,) float32, rising with each of the four.
    """
    size = np.clip(size_px, 0, None) / (np.clip(size_px, 0, None) + 40.0)
    shares = np.stack([size, sharpness_of, frontality_of, scores]).astype(np.float64)
    logarithms = np.log(np.clip(shares, 0.01, 1))
    return np.asarray(np.exp(_WEIGHTS @ logarithms / _WEIGHTS.sum()), dtype=np.float32)
