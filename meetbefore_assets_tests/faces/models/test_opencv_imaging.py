import importlib.util
import io
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from meetbefore_assets.core.errors import PackBrokenError, RecordTornError
from meetbefore_assets.core.ports import U8, FaceBatch
from meetbefore_assets.faces.alignment import TEMPLATE, alignment_matrices
from meetbefore_assets.faces.gates import is_degenerate
from meetbefore_assets.faces.models.find_pack import find_pack
from meetbefore_assets.faces.models.opencv_imaging import OpenCvImaging, fitted_size, model_input, resized
from meetbefore_assets.faces.models.yunet import YuNetDetector

CAMERA = OpenCvImaging()


@pytest.fixture(name="six", scope="module")
def _six() -> U8:
    """Six people side by side, as insightface ships them."""
    spec = importlib.util.find_spec("insightface")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return np.asarray(cv2.imread(str(Path(spec.submodule_search_locations[0]) / "data" / "images" / "t1.jpg")), np.uint8)


@pytest.fixture(name="yunet", scope="module")
def _yunet() -> YuNetDetector:
    pack = find_pack("sface", Path("nowhere"))
    return YuNetDetector(pack.detector_path, pack.detector_id)


def by_x(batch: FaceBatch) -> FaceBatch:
    order = np.argsort(batch.boxes[:, 0])
    return FaceBatch(batch.boxes[order], batch.landmarks[order], batch.scores[order])


def test_six_people_are_found_in_source_pixels_whatever_size_is_searched(yunet: YuNetDetector, six: U8) -> None:
    before = six.copy()
    full, small = (by_x(yunet.detect(six, min_score=0.6, max_side=side)) for side in (1280, 640))
    assert len(full) == len(small) == 6
    assert (full.boxes.dtype, full.landmarks.dtype, full.scores.dtype) == (np.float32,) * 3
    side = full.boxes[:, 2:] - full.boxes[:, :2]
    assert (np.abs(full.boxes - small.boxes) < 0.15 * side.max(axis=1, keepdims=True)).all()
    assert (np.abs(full.landmarks - small.landmarks).max(axis=(1, 2)) < 0.1 * side.max(axis=1)).all()
    np.testing.assert_array_equal(six, before)


def test_landmarks_come_left_to_right_as_seen_in_the_picture(yunet: YuNetDetector, six: U8) -> None:
    batch = yunet.detect(six, min_score=0.6, max_side=1280)
    left, right, nose, mouth_left, mouth_right = (batch.landmarks[:, i] for i in range(5))
    assert (left[:, 0] < right[:, 0]).all()
    assert (mouth_left[:, 0] < mouth_right[:, 0]).all()
    assert ((left[:, 1] + right[:, 1]) / 2 < nose[:, 1]).all()
    assert (nose[:, 1] < (mouth_left[:, 1] + mouth_right[:, 1]) / 2).all()
    assert not is_degenerate(batch).any()


def test_aligned_faces_have_their_landmarks_where_the_template_has_them(yunet: YuNetDetector, six: U8) -> None:
    batch = yunet.detect(six, min_score=0.6, max_side=1280)
    crops = CAMERA.align(six, alignment_matrices(batch.landmarks))
    assert crops.shape == (6, 112, 112, 3)
    canvas = np.zeros((336, 336, 3), np.uint8)
    for crop in crops:
        canvas[112:224, 112:224] = crop
        found = yunet.detect(canvas, min_score=0.5, max_side=336)
        nearest = np.abs(found.landmarks - 112 - TEMPLATE).mean(axis=(1, 2)).min()
        assert nearest < 6


def test_faces_pass_by_their_score(yunet: YuNetDetector, six: U8) -> None:
    every = yunet.detect(six, min_score=0.3, max_side=1280)
    bound = float(np.sort(every.scores)[-3]) - 1e-4
    some = yunet.detect(six, min_score=bound, max_side=1280)
    assert len(some) == 3
    assert (some.scores >= bound).all()


@pytest.mark.parametrize("shape", [(240, 320), (1, 1), (3, 700), (700, 3), (33, 31)])
def test_pictures_without_faces_of_any_shape_give_none(yunet: YuNetDetector, shape: tuple[int, int]) -> None:
    batch = yunet.detect(np.full((*shape, 3), 127, np.uint8), min_score=0.5, max_side=640)
    assert (batch.boxes.shape, batch.landmarks.shape, batch.scores.shape) == ((0, 4), (0, 5, 2), (0,))


def test_what_is_no_yunet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"not a model")
    with pytest.raises(PackBrokenError, match="expected an ONNX model"):
        YuNetDetector(tmp_path / "m.onnx", "m")


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [
        ((1920, 1080), 1280, (1280, 720)),
        ((1080, 1920), 1280, (720, 1280)),
        ((300, 200), 1280, (300, 200)),
        ((4000, 1), 100, (100, 1)),
        ((9, 9), 0, (9, 9)),
    ],
)
def test_pictures_are_fitted_and_never_enlarged(size: tuple[int, int], side: int, expected: tuple[int, int]) -> None:
    assert fitted_size(*size, side) == expected


def test_shrinking_averages() -> None:
    stripes = np.zeros((100, 100, 3), np.uint8)
    stripes[:, ::2] = 200
    assert resized(stripes, 50, 50).tolist() == np.full((50, 50, 3), 100).tolist()
    assert resized(stripes, 100, 100) is stripes


@pytest.mark.parametrize(
    ("size", "smaller"),
    [((1920, 1080), (640, 360)), ((1920, 1080), (1280, 720)), ((3840, 2160), (1280, 720)), ((1001, 777), (250, 194)), ((64, 64), (1, 1))],
)
def test_shrinking_by_halves_is_near_averaging_at_once(size: tuple[int, int], smaller: tuple[int, int]) -> None:
    smooth = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8), (0, 0), 6)
    expected = cv2.resize(smooth, smaller, interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(resized(smooth, *smaller) - expected).max() <= 3


@pytest.mark.parametrize("size", [(640, 384), (33, 31), (1, 1)])
@pytest.mark.parametrize("is_rgb", [True, False])
@pytest.mark.parametrize("mean", [0.0, 127.5])
def test_planes_are_the_numbers_of_opencv(size: tuple[int, int], is_rgb: bool, mean: float) -> None:
    image = np.random.default_rng(2).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    found = model_input(image, *size, channels=slice(None, None, -1) if is_rgb else slice(None), mean=mean, scale=1 / 128)
    np.testing.assert_allclose(found, cv2.dnn.blobFromImage(image, 1 / 128, size, (mean,) * 3, swapRB=is_rgb), atol=1e-6)
    assert found.flags.c_contiguous


def test_around_a_smaller_picture_the_planes_are_black() -> None:
    white = np.full((2, 3, 3), 255, np.uint8)
    padded = np.zeros((4, 5, 3), np.uint8)
    padded[:2, :3] = white
    assert model_input(white, 5, 4, mean=100.0).tolist() == cv2.dnn.blobFromImage(padded, 1.0, (5, 4), (100, 100, 100)).tolist()


def test_beyond_the_picture_aligned_faces_are_black() -> None:
    white = np.full((50, 50, 3), 255, np.uint8)
    (crop,) = CAMERA.align(white, np.array([[[1.0, 0, 20], [0, 1, 30]]]))
    assert crop[30:80, 20:70].min() == 255
    assert crop[:29].max() == 0
    assert crop[:, :19].max() == 0


def test_no_faces_need_no_picture_work() -> None:
    assert CAMERA.align(np.zeros((5, 5, 3), np.uint8), np.empty((0, 2, 3))).shape == (0, 112, 112, 3)
    assert CAMERA.decode_crops([]).shape == (0, 112, 112, 3)


def test_stored_crops_come_back_pixel_for_pixel(yunet: YuNetDetector, six: U8) -> None:
    crops = CAMERA.align(six, alignment_matrices(yunet.detect(six, min_score=0.6, max_side=1280).landmarks))
    blobs = [CAMERA.encode_crop(crop) for crop in crops]
    np.testing.assert_array_equal(CAMERA.decode_crops(blobs), crops)
    on_record = io.BytesIO()
    pl.DataFrame({"crop": blobs}).write_parquet(on_record, compression="zstd", compression_level=3)
    as_png = [cv2.imencode(".png", crop)[1] for crop in crops]
    assert len(on_record.getvalue()) < sum(map(len, as_png))


@pytest.mark.parametrize("blob", [b"", b"torn"])
def test_a_torn_crop_is_named(blob: bytes) -> None:
    good = CAMERA.encode_crop(np.zeros((112, 112, 3), np.uint8))
    with pytest.raises(RecordTornError, match="face 1 of 2: expected a picture of 112 x 112, found no picture"):
        CAMERA.decode_crops([good, blob])


def test_a_crop_of_another_size_is_refused() -> None:
    with pytest.raises(RecordTornError, match="found one of 30 x 20"):
        CAMERA.decode_crops([CAMERA.encode_jpeg(np.zeros((20, 30, 3), np.uint8), 90)])


def opened(data: bytes) -> U8:
    assert data[:3] == b"\xff\xd8\xff"
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_a_thumbnail_shows_the_surroundings_of_the_box() -> None:
    image = np.zeros((400, 600, 3), np.uint8)
    image[180:220, 280:320] = 255
    thumbnail = opened(CAMERA.thumbnail(image, np.array([280, 180, 320, 220], np.float32), 160))
    assert max(thumbnail.shape[:2]) <= 160
    middle = thumbnail.shape[0] // 2
    assert thumbnail[middle, middle].min() > 240
    assert thumbnail[4, 4].max() < 15
    share = (thumbnail > 128).mean()
    assert share == pytest.approx((1 / 2.2) ** 2, abs=0.03)


@pytest.mark.parametrize(
    "box", [(-50, -50, 30, 30), (590, 390, 700, 500), (900, 900, 950, 950), (-90, -90, -50, -50), (100, 100, 100, 100)]
)
def test_thumbnails_of_boxes_at_and_beyond_the_edge_are_pictures(box: tuple[float, ...]) -> None:
    thumbnail = opened(CAMERA.thumbnail(np.zeros((400, 600, 3), np.uint8), np.array(box, np.float32), 160))
    assert min(thumbnail.shape[:2]) >= 1
    assert max(thumbnail.shape[:2]) <= 160


def test_whole_pictures_are_shrunk_to_the_side_that_was_asked_for() -> None:
    image = np.zeros((100, 300, 3), np.uint8)
    assert opened(CAMERA.encode_jpeg(image, 85)).shape == (100, 300, 3)
    assert opened(CAMERA.encode_jpeg(image, 85, 150)).shape == (50, 150, 3)
    assert opened(CAMERA.encode_jpeg(image, 85, 900)).shape == (100, 300, 3)


@pytest.mark.parametrize(("count", "shape"), [(1, (40, 40, 3)), (3, (40, 120, 3)), (7, (120, 120, 3))])
def test_a_contact_sheet_has_a_place_for_every_thumbnail(six: U8, count: int, shape: tuple[int, int, int]) -> None:
    thumbnail = CAMERA.encode_jpeg(six, 90, 40)
    sheet = cv2.imdecode(np.frombuffer(CAMERA.contact_sheet([thumbnail] * count, 40, 3), np.uint8), cv2.IMREAD_COLOR)
    assert sheet is not None
    assert sheet.shape == shape
    with pytest.raises(RecordTornError):
        CAMERA.contact_sheet([b"no picture"], 40, 3)


def test_nobody_is_found_in_a_blurred_picture(yunet: YuNetDetector, six: U8) -> None:
    found = yunet.detect(six, min_score=0.8, max_side=1280)
    for box in found.boxes:
        thumbnail = CAMERA.thumbnail(six, box, 160)
        blurred = CAMERA.blurred(thumbnail)
        assert len(yunet.detect(opened(thumbnail), min_score=0.6, max_side=160))
        assert not len(yunet.detect(opened(blurred), min_score=0.6, max_side=160))
        assert opened(blurred).shape == opened(thumbnail).shape


@pytest.mark.parametrize("blob", [b"", b"no picture"])
def test_what_is_no_picture_cannot_be_blurred(blob: bytes) -> None:
    with pytest.raises(RecordTornError, match="no picture"):
        CAMERA.blurred(blob)
