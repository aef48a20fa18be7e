"""YuNet on onnxruntime: the same faces as OpenCV's own class, in two thirds of its time or less."""

from pathlib import Path

import cv2
import numpy as np

from meetbefore_assets.core.errors import PackBrokenError
from meetbefore_assets.core.ports import F32, U8, FaceBatch
from meetbefore_assets.faces.models.devices import obtained_device
from meetbefore_assets.faces.models.onnx_session import prepare_detector, session
from meetbefore_assets.faces.models.opencv_imaging import empty_batch, fitted_size, model_input, resized

# OpenCV's defaults: IoU above which boxes are one face, and most candidates.
_NMS_IOU, _TOP_K = 0.3, 5000
_STRIDES = (8, 16, 32)
_GRID = _STRIDES[-1]


class YuNetDetector:
    """YuNet (Wu et al., 2023). One instance can be used by `threads` threads at once.

    On one thread, ms a picture, OpenCV's FaceDetectorYN / this: 1280 x 720 77 / 49, 640 x 384 18 / 8.5.

    Raises:
        PackBrokenError: the file is no YuNet model.
        ModelError: the device was requested and not obtained.
    """

    def __init__(self, path: Path, model_id: str, *, device: str = "cpu", threads: int = 1) -> None:
        self.model_id = model_id
        self._session = session(prepare_detector(path), device=device, callers=threads)
        self.device = obtained_device(self._session)
        self._outputs = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in _STRIDES]
        if set(self._outputs) - {output.name for output in self._session.get_outputs()}:
            raise PackBrokenError(f"{path}: expected YuNet's outputs {', '.join(self._outputs)}, found others.", remedy="Replace the file.")
        self._input = self._session.get_inputs()[0].name

    def detect(self, image: U8, *, min_score: float, max_side: int) -> FaceBatch:
        height, width = image.shape[:2]
        size = fitted_size(width, height, max_side)
        rows = self._candidates(resized(image, *size), min_score)
        # OpenCV compares whole pixels, rounded towards zero.
        boxes = np.trunc(rows[:, :4]).astype(int).tolist()
        kept = np.asarray(cv2.dnn.NMSBoxes(boxes, rows[:, 14].tolist(), min_score, _NMS_IOU, 1.0, _TOP_K), int).ravel()
        if not len(kept):
            return empty_batch()
        rows, scale = rows[kept], np.array([width / size[0], height / size[1]], np.float32)
        corners = rows[:, :2] * scale
        found = np.concatenate([corners, corners + rows[:, 2:4] * scale], axis=1)
        # Landmarks start with the person's right eye, which is the left one in the picture.
        landmarks = rows[:, 4:14].reshape(-1, 5, 2) * scale
        return FaceBatch(found.astype(np.float32), landmarks.astype(np.float32), np.clip(rows[:, 14], 0, 1).astype(np.float32))

    def _candidates(self, image: U8, min_score: float) -> F32:
        """Candidates with a score of at least `min_score`: (n, 15) x, y, width, height, five points, score, in pixels of `image`."""
        width, height = image.shape[1] + -image.shape[1] % _GRID, image.shape[0] + -image.shape[0] % _GRID
        answers = self._session.run(self._outputs, {self._input: model_input(image, width, height)})
        grids = zip(_STRIDES, answers[0:3], answers[3:6], answers[6:9], answers[9:12], strict=True)
        return np.concatenate([_decoded(grid[0], width // grid[0], *grid[1:], min_score) for grid in grids])


def _decoded(stride: int, columns: int, cls: F32, obj: F32, boxes: F32, points: F32, min_score: float) -> F32:
    """Candidates of one grid, relative to its cells: OpenCV's `modules/objdetect/src/face_detect.cpp` (Apache-2.0), `postProcess`."""
    scores = np.sqrt(np.clip(cls[0, :, 0], 0, 1) * np.clip(obj[0, :, 0], 0, 1))
    cells = np.flatnonzero(scores >= min_score)
    corner = np.stack([cells % columns, cells // columns], axis=1).astype(np.float32)
    size = np.exp(boxes[0, cells, 2:]) * stride
    left_top = (corner + boxes[0, cells, :2]) * stride - size / 2
    marks = (points[0, cells].reshape(-1, 5, 2) + corner[:, None]) * stride
    return np.concatenate([left_top, size, marks.reshape(-1, 10), scores[cells, None]], axis=1).astype(np.float32)
