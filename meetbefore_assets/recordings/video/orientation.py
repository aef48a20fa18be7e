"""Rotates and mirrors decoded frames into upright pictures."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from meetbefore_assets.core.ports import U8

_MATRIX_BYTES = 36


def rotation_tag(metadata: Mapping[str, str]) -> int:
    """Clockwise rotation according to an old `rotate` tag: 0, 90, 180 or 270."""
    text = next((value for key, value in metadata.items() if key.lower() == "rotate"), "0")
    try:
        return round(float(text) / 90) * 90 % 360
    except (ValueError, OverflowError):
        return 0


def orientation(frame: Any, rotation_deg: int) -> tuple[int, bool]:
    """Clockwise rotation (0, 90, 180, 270) that makes a frame upright, and whether to mirror it left to right afterwards.

    The display matrix (a, b, u, c, d, v, x, y, w; 32-bit integers) maps (x, y) to (a x + c y, b x + d y), y down:
    ISO/IEC 14496-12, 8.3.2. If a frame has none, `rotation_deg` (from the tags) is used.
    """
    side_data = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return rotation_deg, False
    a, b, _, c, d = np.frombuffer(bytes(side_data)[:_MATRIX_BYTES], np.int32)[:5].astype(float)
    is_mirrored = a * d - b * c < 0
    if is_mirrored:
        a = -a
    return round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360, is_mirrored


class Uprighter:
    """Turns the frames of one stream upright, by the matrix of the first frame, or by `rotation_deg` if it has none.

    Only the first frame's side data is read: PyAV's frame and its side data refer to each other, so that reading it keeps the frame in
    memory until Python's cycle collector runs (12 MB each at 4K, dozens at a time).
    """

    def __init__(self, rotation_deg: int) -> None:
        self._tagged_deg = rotation_deg
        self._turn: tuple[int, bool] | None = None

    def picture(self, frame: Any) -> U8:
        """Convert a decoded frame of any pixel format to (height, width, 3) uint8, B, G, R, upright, contiguous."""
        if self._turn is None:
            self._turn = orientation(frame, self._tagged_deg)
        return _upright(frame, *self._turn)


def _upright(frame: Any, turn_deg: int, is_mirrored: bool) -> U8:
    image = np.rot90(frame.to_ndarray(format="bgr24", threads=1), -turn_deg // 90)
    picture: U8 = np.ascontiguousarray(image[:, ::-1] if is_mirrored else image)
    return picture
