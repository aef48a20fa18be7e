"""Lighting of faces, and which face of a person makes the best portrait."""

import numpy as np

from meetbefore_assets.core.ports import F32, U8

# Grey values, 0..255, of the bright quarter of a face: up to the first it counts as black, from the second on as bright.
_BLACK, _BRIGHT = 20.0, 110.0
_BURNT = 250.0
# Difference of grey values between the darkest and the brightest tenth from which features stand out fully.
_CONTRAST = 50.0
# Lower bound of each factor, so that somebody whose every face is dark or blurred still has a best one.
_LEAST = 0.05
# With less light, a picture looks like a black square. Of 258 faces of seven real clips, 7 were below it, each at 0.00 (among them
# one person's face of the best quality); the next, in a dim theatre in which people can be recognised, was at 0.15.
TOO_DARK = 0.1


def light(crops: U8) -> F32:
    """Light of aligned faces, 0 (black) to 1 (bright, nothing burnt out).

    The brightness of the bright quarter of the middle of the face (so that a beard or hair does not count as dark), times the share that is
    not burnt out. Use it to compare pictures of one person: in the same light, a person with darker skin has a lower value.

    Args:
        crops: (n, 112, 112, 3) uint8 B, G, R, aligned.

    Returns:
        (n,) float32.
    """
    if not len(crops):
        return np.empty(0, np.float32)
    values = _grey(crops)
    exposure = np.clip((np.percentile(values, 75, axis=1) - _BLACK) / (_BRIGHT - _BLACK), 0, 1)
    return np.asarray(exposure * (values < _BURNT).mean(axis=1), dtype=np.float32)


def contrast(crops: U8) -> F32:
    """Contrast of aligned faces, 0 (uniform grey) to 1; (n, 112, 112, 3) uint8 B, G, R -> (n,) float32."""
    if not len(crops):
        return np.empty(0, np.float32)
    dark, bright = np.percentile(_grey(crops), (10, 90), axis=1)
    return np.asarray(np.clip((bright - dark) / _CONTRAST, 0, 1), dtype=np.float32)


def portrait_score(light_of: F32, contrast_of: F32, sharpness_of: F32, quality_of: F32) -> F32:
    """How good a portrait each face makes, 0 to 1, rising with each argument; a person is shown by the face with the highest value.

    Light and sharpness count more than in `quality`, which measures how good a face is for its vector.

    Args:
        light_of, contrast_of, sharpness_of, quality_of: (n,) each 0..1; quality includes size, pose and the detector's score.
    """
    seen = np.clip(light_of, _LEAST, 1) * np.clip(contrast_of, _LEAST, 1) * np.sqrt(np.clip(sharpness_of, _LEAST**2, 1))
    return np.asarray(seen * quality_of, dtype=np.float32)


def _grey(crops: U8) -> F32:
    """Grey values of the middle of each face: (n, 5760)."""
    grey = crops[:, 24:104, 20:92].astype(np.float32) @ np.array([0.114, 0.587, 0.299], dtype=np.float32)
    return np.asarray(grey.reshape(len(grey), -1))
