import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from insightface.model_zoo.scrfd import SCRFD
from insightface.utils.face_align import norm_crop

from meetbefore_assets.core.errors import ModelError
from meetbefore_assets.core.model_packs import LoadedModels, ModelPack
from meetbefore_assets.core.ports import U8
from meetbefore_assets.faces.alignment import alignment_matrices
from meetbefore_assets.faces.models import face_models
from meetbefore_assets.faces.models.face_models import ArcFaceEmbedder, ScrfdDetector, input_size, load_models
from meetbefore_assets.faces.models.find_pack import find_pack
from meetbefore_assets.faces.models.opencv_imaging import OpenCvImaging
from meetbefore_assets.faces.unit_vectors import to_unit_vectors

SAME_VECTOR = 0.9999


@pytest.fixture(name="six", scope="module")
def _six() -> U8:
    """Six people side by side, as insightface ships them."""
    spec = importlib.util.find_spec("insightface")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return np.asarray(cv2.imread(str(Path(spec.submodule_search_locations[0]) / "data" / "images" / "t1.jpg")), np.uint8)


@pytest.fixture(name="local", scope="module")
def _local() -> ModelPack:
    return find_pack("sface", Path("nowhere"))


@pytest.fixture(name="pack", scope="module")
def _pack(local: ModelPack) -> LoadedModels:
    return load_models(local, device="cpu", threads=1)


@pytest.fixture(name="crops", scope="module")
def _crops(pack: LoadedModels, six: U8) -> U8:
    landmarks = pack.detector.detect(six, min_score=0.6, max_side=1280).landmarks
    return OpenCvImaging().align(six, alignment_matrices(landmarks))


def opencv_vectors(local: ModelPack, folder: Path, crops: U8) -> np.ndarray:
    """What OpenCV's own class for SFace says."""
    shipped = onnx.load(local.recogniser_path)
    del shipped.graph.input[1:]  # weights, which OpenCV 5 takes for inputs
    onnx.save(shipped, folder / "sface.onnx")
    net = cv2.FaceRecognizerSF.create(str(folder / "sface.onnx"), "")
    return to_unit_vectors(np.concatenate([net.feature(crop) for crop in crops]))[0]


def test_vectors_of_sface_are_those_of_opencv(pack: LoadedModels, local: ModelPack, crops: U8, tmp_path: Path) -> None:
    vectors = pack.embedder.embed(crops)
    assert (vectors.shape, vectors.dtype) == ((6, 128), np.float32)
    assert ((to_unit_vectors(vectors)[0] * opencv_vectors(local, tmp_path, crops)).sum(axis=1) > SAME_VECTOR).all()


def test_a_recogniser_that_normalises_itself_is_seen_through_though_nobody_knows_it(
    pack: LoadedModels, local: ModelPack, crops: U8
) -> None:
    stranger = replace(local.recogniser, input_mean=None, input_std=None)
    embedder = ArcFaceEmbedder(local.recogniser_path, "x", stranger, device="cpu", threads=1)
    np.testing.assert_allclose(embedder.embed(crops), pack.embedder.embed(crops), atol=1e-5)


def test_colour_order_is_what_the_recogniser_says(pack: LoadedModels, local: ModelPack, crops: U8) -> None:
    swapped = ArcFaceEmbedder(local.recogniser_path, "x", replace(local.recogniser, colour_order="BGR"), device="cpu", threads=1)
    np.testing.assert_allclose(swapped.embed(crops), pack.embedder.embed(np.ascontiguousarray(crops[..., ::-1])), atol=1e-5)


def test_a_vector_does_not_depend_on_its_company(pack: LoadedModels, crops: U8, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = pack.embedder.embed(crops)
    monkeypatch.setitem(face_models._BATCH, "cpu", 4)
    np.testing.assert_allclose(pack.embedder.embed(crops), alone, atol=1e-4)


def test_six_people_are_six_people_and_each_is_like_their_mirror_image(pack: LoadedModels, crops: U8) -> None:
    vectors, _ = to_unit_vectors(pack.embedder.embed(crops))
    mirrored, _ = to_unit_vectors(pack.embedder.embed(np.ascontiguousarray(crops[:, :, ::-1])))
    similarities = vectors @ mirrored.T
    others = similarities[~np.eye(6, dtype=bool)]
    assert np.diag(similarities).min() > 0.6
    assert others.max() < 0.4


def test_no_crops_give_no_vectors(pack: LoadedModels) -> None:
    assert pack.embedder.embed(np.empty((0, 112, 112, 3), np.uint8)).shape == (0, 128)


@pytest.mark.parametrize("crops", [np.zeros((2, 96, 112, 3), np.uint8), np.zeros((2, 112, 112, 3), np.float32)])
def test_crops_of_another_shape_or_type_are_refused(pack: LoadedModels, crops: np.ndarray) -> None:
    with pytest.raises(ModelError, match=r"expected \(n, 112, 112, 3\) of uint8"):
        pack.embedder.embed(crops)


def test_a_loaded_pack_says_what_it_is_and_loading_prints_nothing(local: ModelPack, capfd: pytest.CaptureFixture[str]) -> None:
    pack = load_models(local, device="cpu", threads=1)
    assert capfd.readouterr() == ("", "")
    assert (pack.detector.model_id, pack.embedder.model_id, pack.device) == (local.detector_id, local.recogniser_id, "cpu")
    assert "Apache-2.0" in local.licence


@pytest.mark.parametrize(
    ("picture", "side", "expected"),
    [
        ((1920, 1080), 640, (640, 384)),
        ((1080, 1920), 640, (384, 640)),
        ((1920, 1080), 1000, (992, 576)),
        ((300, 200), 1280, (320, 224)),
        ((5, 5), 640, (32, 32)),
        ((4000, 1), 640, (640, 32)),
    ],
)
def test_scrfd_is_given_the_aspect_of_the_picture(picture: tuple[int, int], side: int, expected: tuple[int, int]) -> None:
    assert input_size(*picture, side) == expected


@pytest.fixture(name="scrfd", scope="module")
def _scrfd() -> ScrfdDetector:
    path = Path(__file__).resolve().parents[4] / "shared" / "models" / "scrfd_2.5g_kps.onnx"
    if not path.exists():
        pytest.skip("needs ../shared")
    return ScrfdDetector(path, "scrfd", device="cpu", threads=1)


def test_scrfd_and_yunet_see_the_same_six_people(scrfd: ScrfdDetector, pack: LoadedModels, six: U8) -> None:
    ours, theirs = (detector.detect(six, min_score=0.5, max_side=1280) for detector in (scrfd, pack.detector))
    assert len(ours) == len(theirs) == 6
    assert (ours.boxes.dtype, ours.landmarks.dtype, ours.scores.dtype) == (np.float32,) * 3
    distance = np.abs(ours.landmarks[:, None] - theirs.landmarks[None]).mean(axis=(2, 3))
    width = theirs.boxes[:, 2] - theirs.boxes[:, 0]
    assert (distance.min(axis=0) < 0.06 * width).all()


def test_scrfd_at_the_aspect_of_the_picture_sees_what_insightface_sees_on_a_square(scrfd: ScrfdDetector, six: U8, shared: Path) -> None:
    theirs = SCRFD(str(shared / "models" / "scrfd_2.5g_kps.onnx"))
    boxes, landmarks = theirs.detect(six, det_thresh=0.5)
    ours = scrfd.detect(six, min_score=0.5, max_side=640)
    assert len(ours) == len(boxes) == 6
    distance = np.abs(ours.landmarks[:, None] - landmarks[None]).mean(axis=(2, 3))
    assert (distance.min(axis=0) < 3).all()


@pytest.mark.parametrize("shape", [(240, 320), (1, 1), (3, 700), (700, 3)])
def test_scrfd_finds_nobody_in_grey(scrfd: ScrfdDetector, shape: tuple[int, int]) -> None:
    batch = scrfd.detect(np.full((*shape, 3), 127, np.uint8), min_score=0.5, max_side=640)
    assert (batch.boxes.shape, batch.landmarks.shape, batch.scores.shape) == ((0, 4), (0, 5, 2), (0,))


def test_a_folder_with_scrfd_and_sface_is_a_whole_pack(shared: Path, local: ModelPack, six: U8, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(shared / "models" / "scrfd_500m_kps.onnx", folder)
    shutil.copy(local.recogniser_path, folder)
    pack = load_models(find_pack(str(folder), tmp_path), device="cpu", threads=1)
    batch = pack.detector.detect(six, min_score=0.5, max_side=1280)
    vectors = pack.embedder.embed(OpenCvImaging().align(six, alignment_matrices(batch.landmarks)))
    assert vectors.shape == (6, 128)


def test_alignment_is_insightfaces(pack: LoadedModels, six: U8) -> None:
    landmarks = pack.detector.detect(six, min_score=0.6, max_side=1280).landmarks
    for crop, points in zip(OpenCvImaging().align(six, alignment_matrices(landmarks)), landmarks, strict=True):
        assert np.abs(crop.astype(int) - norm_crop(six, points)).mean() < 0.5
