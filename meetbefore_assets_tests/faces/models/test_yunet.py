import importlib.util
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from meetbefore_assets.core.errors import PackBrokenError
from meetbefore_assets.core.model_packs import ModelPack
from meetbefore_assets.core.ports import U8
from meetbefore_assets.faces.models.find_pack import find_pack
from meetbefore_assets.faces.models.opencv_imaging import fitted_size, resized
from meetbefore_assets.faces.models.yunet import YuNetDetector


@pytest.fixture(name="pack", scope="module")
def _pack() -> ModelPack:
    return find_pack("sface", Path("nowhere"))


@pytest.fixture(name="yunet", scope="module")
def _yunet(pack: ModelPack) -> YuNetDetector:
    return YuNetDetector(pack.detector_path, pack.detector_id)


def pictures() -> list[U8]:
    spec = importlib.util.find_spec("insightface")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    six = np.asarray(cv2.imread(str(Path(spec.submodule_search_locations[0]) / "data" / "images" / "t1.jpg")), np.uint8)
    noise = np.random.default_rng(1).integers(0, 256, (333, 217, 3), dtype=np.uint8)
    return [six, np.rot90(six, 1, axes=(0, 1)).copy(), six[:401, 37:700].copy(), noise]


@pytest.mark.parametrize("side", [320, 640, 1280, 1000])
@pytest.mark.parametrize("number", range(4))
def test_the_faces_are_those_of_opencvs_own_class(yunet: YuNetDetector, pack: ModelPack, number: int, side: int) -> None:
    image = pictures()[number]
    height, width = image.shape[:2]
    size = fitted_size(width, height, side)
    opencv = cv2.FaceDetectorYN.create(str(pack.detector_path), "", size, 0.4, 0.3, 5000)
    answer = opencv.detect(resized(image, *size))[1]
    expected = np.empty((0, 15), np.float32) if answer is None else answer
    found = yunet.detect(image, min_score=0.4, max_side=side)
    scale = np.array([width / size[0], height / size[1]])
    assert len(found) == len(expected)
    np.testing.assert_allclose(found.scores, expected[:, 14], atol=1e-3)
    np.testing.assert_allclose(found.boxes[:, :2], expected[:, :2] * scale, atol=0.1)
    np.testing.assert_allclose(found.boxes[:, 2:], (expected[:, :2] + expected[:, 2:4]) * scale, atol=0.1)
    np.testing.assert_allclose(found.landmarks, expected[:, 4:14].reshape(-1, 5, 2) * scale, atol=0.1)


def test_another_model_is_refused(pack: ModelPack, tmp_path: Path) -> None:
    other = Path(shutil.copy(pack.recogniser_path, tmp_path / "other.onnx"))
    with pytest.raises(PackBrokenError, match="other"):
        YuNetDetector(other, "m")
