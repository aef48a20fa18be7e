"""Runs InsightFace's detector (SCRFD) and recogniser (ArcFace, SFace) classes on prepared onnxruntime sessions."""

from pathlib import Path

import numpy as np

from meetbefore_assets.core.errors import ModelError
from meetbefore_assets.core.model_packs import LoadedModels, ModelPack, Recogniser
from meetbefore_assets.core.ports import F32, U8, FaceBatch
from meetbefore_assets.core.schema.columns import CROP_SIDE_PX
from meetbefore_assets.faces.models.devices import obtained_device
from meetbefore_assets.faces.models.insightface_models import model_classes
from meetbefore_assets.faces.models.onnx_session import halve_recogniser, normalises_itself, prepare_detector, session
from meetbefore_assets.faces.models.opencv_imaging import empty_batch, model_input, resized
from meetbefore_assets.faces.models.yunet import YuNetDetector

ArcFaceONNX, SCRFD = model_classes()
_STRIDE = 32  # SCRFD's coarsest grid
# Batch sizes. On one CPU thread SFace takes, ms a face in batches of 1, 2, 4, 16: 19, 25, 25, 30 (caches); a GPU needs large batches.
_BATCH = {"cuda": 64, "tensorrt": 64}
_FINISHED_AT_ONCE = 64  # the fully connected layer: 13 MB of SFace's features


def input_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Input width and height for SCRFD: the picture's aspect, multiples of 32, the longer side at most `max_side` (at least 32).

    >>> input_size(1920, 1080, 1280)
    (1280, 736)
    """
    longer = max(_STRIDE, min(_up(max(width, height)), max_side // _STRIDE * _STRIDE))
    scale = longer / max(width, height)
    return (longer, _up(height * scale)) if width >= height else (_up(width * scale), longer)


def _up(length: float) -> int:
    return max(_STRIDE, -int(-length // _STRIDE) * _STRIDE)


class FastScrfd(SCRFD):  # type: ignore[misc, valid-type]
    """InsightFace's class with a faster computation of the model's input, with the same numbers (see `model_input`)."""

    def _prepare_input_blob(self, image: U8, input_size: tuple[int, int]) -> F32:
        return model_input(image, *input_size, channels=slice(None, None, -1), mean=self.input_mean, scale=1 / self.input_std)


class ScrfdDetector:
    """SCRFD (Guo et al., 2021) with InsightFace's class, at the picture's aspect instead of a padded square."""

    def __init__(self, path: Path, model_id: str, *, device: str, threads: int) -> None:
        self.model_id = model_id
        made = session(prepare_detector(path), device=device, callers=threads)
        self.device = obtained_device(made)
        # without a file, it cannot create more sessions of its own, one for each picture size
        self._scrfd = FastScrfd(model_file=None, session=made)

    def detect(self, image: U8, *, min_score: float, max_side: int) -> FaceBatch:
        height, width = image.shape[:2]
        size = input_size(width, height, max_side)
        fit = min(size[0] / width, size[1] / height)
        small = resized(image, max(1, min(size[0], round(width * fit))), max(1, min(size[1], round(height * fit))))
        found, landmarks = self._scrfd.detect(small, input_size=size, det_thresh=min_score)
        if not len(found):
            return empty_batch()
        scale = np.array([width / small.shape[1], height / small.shape[0]], np.float32)
        boxes = (found[:, :4].reshape(-1, 2, 2) * scale).reshape(-1, 4)
        return FaceBatch(boxes.astype(np.float32), (landmarks * scale).astype(np.float32), found[:, 4].astype(np.float32))


class ArcFaceEmbedder:
    """A recogniser with InsightFace's class, on a graph rewritten to run faster.

    InsightFace decides from the first nodes of the file whether the graph normalises its input itself, and misses it behind dequantising
    nodes: pictures would be normalised twice, and the vectors silently wrong. So the normalisation is set here: as known for the
    recogniser, else by searching the whole graph.
    """

    def __init__(self, path: Path, model_id: str, recogniser: Recogniser, *, device: str, threads: int) -> None:
        self.model_id = model_id
        self.size = recogniser.vector_size
        front, back = halve_recogniser(path)
        made = session(front, device=device, callers=threads)
        self._back = None if back is None else session(back, device=device, callers=threads)
        self.device = obtained_device(made)
        self._waist = "" if self._back is None else self._back.get_inputs()[0].name
        self._arcface = ArcFaceONNX(model_file=str(path), session=made)
        if recogniser.input_mean is not None and recogniser.input_std is not None:
            self._arcface.input_mean, self._arcface.input_std = recogniser.input_mean, recogniser.input_std
        elif normalises_itself(path):
            self._arcface.input_mean, self._arcface.input_std = 0.0, 1.0
        self._channels = slice(None) if recogniser.colour_order == "RGB" else slice(None, None, -1)  # InsightFace swaps B, G, R

    def embed(self, crops: U8) -> F32:
        expected = (CROP_SIDE_PX, CROP_SIDE_PX, 3)
        if crops.shape[1:] != expected or crops.dtype != np.uint8:
            raise ModelError(f"found crops of shape {crops.shape} of {crops.dtype}, expected (n, {str(expected)[1:]} of uint8.")
        step = _BATCH.get(self.device, 1)
        parts = [np.empty((0, self.size), np.float32)]
        for at in range(0, len(crops), _FINISHED_AT_ONCE):
            some = crops[at : at + _FINISHED_AT_ONCE, :, :, self._channels]
            features = [self._arcface.get_feat(list(some[i : i + step])) for i in range(0, len(some), step)]
            parts += [np.concatenate(features)] if self._back is None else self._back.run(None, {self._waist: np.concatenate(features)})
        return np.concatenate(parts).astype(np.float32)


def load_models(pack: ModelPack, *, device: str, threads: int) -> LoadedModels:
    """Load the models of a pack.

    Args:
        pack: from `find_pack`.
        device: one of `devices.DEVICES`.
        threads: threads that use the models at the same time. OpenCV's own are set by the caller (`cv2.setNumThreads`).

    Raises:
        PackBrokenError: a model cannot be loaded.
        ModelError: the device was requested and not obtained.
    """
    embedder = ArcFaceEmbedder(pack.recogniser_path, pack.recogniser_id, pack.recogniser, device=device, threads=threads)
    kind = YuNetDetector if pack.detector_kind == "yunet" else ScrfdDetector
    detector = kind(pack.detector_path, pack.detector_id, device=device, threads=threads)
    return LoadedModels(detector, embedder, embedder.device, detector.device)
