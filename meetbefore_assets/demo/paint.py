"""Draws the frames of the demo: heads cut out of photographs, over backgrounds without faces."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.demo import cast

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

# YuNet finds faces in grass.png and gravel.png (scores up to 0.85), but none in the bricks.
_TEXTURE = "data/brick.png"
_BLUR_PX = 2.5
# Pixels by which the camera sways to either side.
_SWAY_X, _SWAY_Y = 70, 40
# Width of the softened edge of a head, as a share of its radius; in pixels where the photograph itself ends.
_RIM, _RIM_PX = 0.3, 6


def shipped_picture(package: str, picture: str) -> U8:
    """Read a picture inside an installed package, (height, width, 3) B, G, R, without importing the package.

    Raises:
        UsageError: the package or the picture is missing, or the file is no picture.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(f"the demo needs a picture of the package {package}, which is not installed.", remedy="Run 'uv sync'.")
    path = Path(spec.submodule_search_locations[0]) / picture
    content = np.frombuffer(path.read_bytes(), np.uint8) if path.is_file() else np.empty(0, np.uint8)
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    if image is None:
        remedy = f"Reinstall {package} in the version that pyproject.toml names."
        raise UsageError(f"the demo expects a picture at {path}, found {'no picture' if len(content) else 'nothing'}.", remedy=remedy)
    return np.asarray(image, np.uint8)


def to_yuv420(picture: U8) -> U8:
    """(height, width, 3) B, G, R -> (height * 3 / 2, width) planar YUV 4:2:0 for PyAV's `yuv420p` (half the time of its own converter)."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)


@dataclass(frozen=True)
class Sprite:
    """A head that can be drawn into a picture.

    Attributes:
        image: (n, n, 3) uint8 B, G, R, the face in the middle, light and blur applied.
        mask: (n, n) float32 opacity, 0..1.
        face_px: width of the face in `image`, pixels.
    """

    image: U8
    mask: F32
    face_px: float

    def put(self, picture: U8, x: float, y: float, face_px: float, turn_deg: float) -> None:
        """Draw into `picture` with the middle of the face at (x, y); clipped at the borders."""
        n, scale = len(self.mask), face_px / self.face_px
        radius = int(np.ceil(n * scale / 2)) + 1
        left, top = max(0, int(x) - radius), max(0, int(y) - radius)
        right, bottom = min(picture.shape[1], int(x) + radius + 1), min(picture.shape[0], int(y) + radius + 1)
        if right <= left or bottom <= top:
            return
        matrix = cv2.getRotationMatrix2D(((n - 1) / 2, (n - 1) / 2), turn_deg, scale)
        matrix[0, 2] += x - left - (n - 1) / 2
        matrix[1, 2] += y - top - (n - 1) / 2
        size = (right - left, bottom - top)
        head = cv2.warpAffine(self.image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = cv2.warpAffine(self.mask, matrix, size, flags=cv2.INTER_LINEAR)
        region = picture[top:bottom, left:right]
        region[:] = cv2.blendLinear(head, np.ascontiguousarray(region), mask, 1 - mask)


class Painter:
    """Cuts heads out of photographs; each photograph is read once."""

    def __init__(self) -> None:
        self._photographs: dict[tuple[str, str], U8] = {}

    def sprite(self, appearance: cast.Appearance) -> Sprite:
        """The head of an appearance, with its light and blur."""
        person = cast.person_of(appearance.person)
        image, mask, face_px = self._head(person)
        drawn_px = min(appearance.face_px)
        # If the head is drawn smaller than photographed, a blur of half a drawn pixel keeps the warp from aliasing.
        sigma = max(appearance.blur / 1000 * face_px, 0.5 * max(0.0, face_px / drawn_px - 1))
        if sigma > 0.1:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
        if appearance.is_mirrored:
            image, mask = np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
        lit = np.clip(image * np.array(appearance.gain, np.float32), 0, 255).astype(np.uint8)
        return Sprite(lit, mask, face_px)

    def _head(self, person: cast.Person) -> tuple[U8, F32, float]:
        """A square of the photograph around the face, rotated upright, its mask, and the width of the face in it, pixels."""
        key = (person.package, person.picture)
        if key not in self._photographs:
            self._photographs[key] = shipped_picture(*key)
        photograph = self._photographs[key]
        x1, y1, x2, y2 = person.box
        width = x2 - x1
        n = round(width * person.side_per_width)
        matrix = cv2.getRotationMatrix2D(((x1 + x2) / 2, (y1 + y2) / 2), person.upright_deg, 1.0)
        matrix[0, 2] += (n - 1 - x1 - x2) / 2
        matrix[1, 2] += (n - 1 - y1 - y2) / 2
        piece = cv2.warpAffine(photograph, matrix, (n, n), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        ends = cv2.warpAffine(_edge_mask(*photograph.shape[:2]), matrix, (n, n), flags=cv2.INTER_LINEAR)
        return np.asarray(piece, np.uint8), np.asarray(ends * _round_mask(n), np.float32), width


def _edge_mask(height: int, width: int) -> F32:
    """Mask with 1 inside, falling to 0 at the four edges."""
    down, across = (np.minimum(np.arange(n), np.arange(n)[::-1]) / _RIM_PX for n in (height, width))
    return np.asarray(np.clip(np.minimum(down[:, None], across[None, :]), 0, 1), np.float32)


def _round_mask(n: int) -> F32:
    """Mask with 1 inside a circle that fills the square, falling to 0 at its rim."""
    axis = (np.arange(n, dtype=np.float32) - (n - 1) / 2) / (n / 2)
    radius = np.hypot(axis[:, None], axis[None, :])
    return np.asarray(np.clip((1 - radius) / _RIM, 0, 1), np.float32)


@dataclass(frozen=True)
class Backdrop:
    """The background; `wide` is larger than a frame, and the camera sways over it."""

    wide: U8

    @classmethod
    def draw(cls, seed: int) -> "Backdrop":
        """Draw a part of scikit-image's brick wall, out of focus, with random colour and light."""
        rng = np.random.default_rng(seed)
        size = (cast.WIDTH + 2 * _SWAY_X, cast.HEIGHT + 2 * _SWAY_Y)
        wall = cv2.cvtColor(shipped_picture("skimage", _TEXTURE), cv2.COLOR_BGR2GRAY).T.copy()  # transposed: its bricks are upright
        height = int(rng.integers(160, 280))
        width = round(height * size[0] / size[1])
        top, left = int(rng.integers(wall.shape[0] - height)), int(rng.integers(wall.shape[1] - width))
        piece = wall[top : top + height, left : left + width]
        surface = cv2.GaussianBlur(cv2.resize(piece, size, interpolation=cv2.INTER_CUBIC), (0, 0), _BLUR_PX).astype(np.float32)
        shade = cv2.resize(rng.uniform(0.6, 1.1, (3, 4)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
        grain = cv2.resize(rng.normal(0, 3, (size[1] // 2, size[0] // 2)).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        tint = rng.uniform(0.7, 1.0, 3).astype(np.float32)
        return cls(np.clip((surface * shade + grain)[..., None] * tint, 0, 255).astype(np.uint8))

    def at(self, time_s: float) -> U8:
        """A new frame (540, 960, 3) uint8 of the background at a time."""
        left = round(_SWAY_X * (1 + np.sin(time_s / 2.2)))
        top = round(_SWAY_Y * (1 + np.cos(time_s / 3.1)))
        return self.wide[top : top + cast.HEIGHT, left : left + cast.WIDTH].copy()
