"""Face alignment: similarity transforms from five landmarks."""

import numpy as np

from meetbefore_assets.core.errors import SchemaError
from meetbefore_assets.core.ports import F32, F64

# Positions of the five landmarks in an aligned face: Deng et al., ArcFace (2019); insightface's `utils/face_align.py`.
TEMPLATE: F64 = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])


def alignment_matrices(landmarks: F32) -> F64:
    """Least-squares similarity transforms from landmarks to TEMPLATE.

    The closed form of Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (IEEE TPAMI 13(4), 1991).
    In the plane it is one complex division: with p and q centred, rotation and scale together are sum(conj(p) q) / sum(|p|^2).

    Args:
        landmarks: (n, 5, 2) source pixels, in the order of the ports.

    Returns:
        (n, 2, 3) float64, source -> aligned; never a reflection.

    Raises:
        SchemaError: the landmarks of a row all coincide, or are not finite.
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
