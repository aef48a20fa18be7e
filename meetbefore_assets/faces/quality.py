"""Quality of detected faces: sharpness, frontality, and one number from both, size and score."""

import numpy as np

from meetbefore_assets.core.ports import F32, U8

# The median ratio of 478 faces was 0.17; a Gaussian blur of 2 pixels of the crop brought it to 0.05, one of 4 to 0.013.
_HALF_SHARP = 0.05

# Weights of size, sharpness, frontality and score. Rank correlation of quality with the cosine to the person's mean vector, for 216 faces
# of YuNet and 223 of SCRFD: 0.75 and 0.78; with equal weights 0.58 and 0.67. The pose matters least, the score most.
_WEIGHTS = np.array([1.0, 1.0, 0.25, 2.0])


def sharpness(crops: U8) -> F32:
    """Sharpness of aligned faces, 0 (blurred) to 1 (sharp).

    The variance of the Laplacian (Pech-Pacheco et al., 2000) of the middle of the face, divided by the variance of its grey values, so that
    light and contrast do not count, and mapped to r / (r + 0.05). It is measured at half size: a face that was 40 pixels wide was
    enlarged to 112 and would look blurred at full size, and averaging four pixels removes noise, which would look sharp.

    Args:
        crops: (n, 112, 112, 3) uint8 B, G, R, aligned.

    Returns:
        (n,) float32; 0 for a uniformly grey crop.
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
    """Frontality of faces, 0 (profile) to 1 (looks into the camera); tilting the head in the picture plane does not count.

    Along the line of the eyes: the distance of the nose tip from the middle between eyes and mouth, over half the distance of the eyes
    (1: the nose is below one eye, a turn of about 45 degrees). Across it: its distance from half way between eyes and mouth, with half
    weight, because a nod hides less of a face than a turn.

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


def quality(size_px: F32, sharpness_of: F32, frontality_of: F32, scores: F32) -> F32:
    """How far a face's vector can be trusted, 0 to 1: a weighted geometric mean, so that one bad factor spoils it.

    Args:
        size_px: (n,) shorter side of the box, source pixels; its factor is s / (s + 40), because a recogniser with an input of 112 pixels
            gains little beyond that.
        sharpness_of, frontality_of, scores: (n,) each 0..1.

    Returns:
        (n,) float32, rising with each of the four.
    """
    size = np.clip(size_px, 0, None) / (np.clip(size_px, 0, None) + 40.0)
    shares = np.stack([size, sharpness_of, frontality_of, scores]).astype(np.float64)
    logarithms = np.log(np.clip(shares, 0.01, 1))
    return np.asarray(np.exp(_WEIGHTS @ logarithms / _WEIGHTS.sum()), dtype=np.float32)
