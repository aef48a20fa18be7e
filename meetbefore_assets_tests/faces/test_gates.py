import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import SimilarityTransform

from meetbefore_assets.core.errors import SchemaError
from meetbefore_assets.core.ports import FaceBatch
from meetbefore_assets.faces import alignment, gates, quality
from meetbefore_assets.home.settings.sections import DetectionSettings

SETTINGS = DetectionSettings(min_face_px=20, min_score=0.6, min_sharpness=0.0, max_side=1280)
SIZE = (640, 480)
GATES = (0.6, 20.0)


def faces(*rows: tuple[float, float, float, float, float]) -> FaceBatch:
    """x, y, width, height, score -> faces whose landmarks lie where those of a frontal face do."""
    table = np.array(rows, np.float64).reshape(-1, 5)
    corners, sides = table[:, None, :2], table[:, None, 2:4]
    landmarks = corners + alignment.TEMPLATE[None] / 112 * sides
    boxes = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:4]], axis=1)
    return FaceBatch(boxes.astype(np.float32), landmarks.astype(np.float32), table[:, 4].astype(np.float32))


GOOD = (100.0, 100.0, 60.0, 80.0, 0.9)


def test_good_faces_pass_in_order_of_x_then_y() -> None:
    kept, rejected = gates.gate(faces((300, 50, 60, 80, 0.9), (100, 200, 60, 80, 0.7), (100, 50, 60, 80, 0.8)), SIZE, *GATES)
    assert kept.boxes[:, :2].tolist() == [[100, 50], [100, 200], [300, 50]]
    assert kept.scores == pytest.approx([0.8, 0.7, 0.9])
    assert rejected == {}


@pytest.mark.parametrize(
    ("face", "reason"),
    [
        ((100, 100, 60, 80, 0.59), "low score"),
        ((100, 100, 19.9, 80, 0.9), "too small"),
        ((-50, 100, 60, 80, 0.9), "outside"),
        ((620, 100, 60, 80, 0.9), "outside"),
        ((100, 450, 60, 80, 0.9), "outside"),
        ((100, 100, 0, 0, 0.9), "degenerate"),
        ((100, 100, -60, 80, 0.9), "degenerate"),
        ((np.nan, 100, 60, 80, 0.9), "degenerate"),
        ((100, 100, 60, 80, np.nan), "degenerate"),
    ],
)
def test_each_reason_to_drop_a_face(face: tuple[float, float, float, float, float], reason: str) -> None:
    kept, rejected = gates.gate(faces(face, (300, 300, 60, 80, 0.9)), SIZE, *GATES)
    assert len(kept) == 1
    assert rejected == {reason: 1}


@pytest.mark.parametrize("face", [(100, 100, 60, 80, 0.6), (100, 100, 20, 80, 0.9), (-30, 100, 60, 80, 0.9)])
def test_a_face_on_the_border_of_a_rule_passes(face: tuple[float, float, float, float, float]) -> None:
    batch = faces(face)
    assert len(gates.gate(batch, SIZE, float(np.float32(0.6)), 20.0).batch) == 1


@pytest.mark.parametrize("factor", [0.0, 0.2, 4.0])
def test_landmarks_on_one_spot_or_far_beyond_the_box_are_degenerate(factor: float) -> None:
    batch = faces(GOOD)
    middle = batch.landmarks.mean(axis=1, keepdims=True)
    bad = FaceBatch(batch.boxes, ((batch.landmarks - middle) * factor + middle).astype(np.float32), batch.scores)
    assert gates.gate(bad, SIZE, *GATES).rejected == {"degenerate": 1}


def test_of_two_boxes_over_one_another_the_better_stays() -> None:
    kept, rejected = gates.gate(faces((100, 100, 60, 80, 0.8), (104, 102, 60, 80, 0.9)), SIZE, *GATES)
    assert kept.scores == pytest.approx([0.9])
    assert rejected == {"duplicate": 1}


def test_a_dropped_face_suppresses_nobody() -> None:
    # the middle one is a duplicate of the first, so it may not take the last with it
    chain = faces((100, 100, 60, 60, 0.9), (112, 100, 60, 60, 0.8), (128, 100, 60, 60, 0.7))
    assert gates.is_duplicate(chain.boxes, chain.scores).tolist() == [False, True, False]
    # neither may one that failed another rule
    kept, _ = gates.gate(faces((100, 100, 60, 80, 0.7), (101, 101, 60, 15, 0.9)), SIZE, *GATES)
    assert len(kept) == 1


def test_no_faces_pass_as_none() -> None:
    kept, rejected = gates.gate(faces(), SIZE, *GATES)
    assert (kept.boxes.shape, kept.landmarks.shape, kept.scores.shape) == ((0, 4), (0, 5, 2), (0,))
    assert rejected == {}
    assert alignment.alignment_matrices(kept.landmarks).shape == (0, 2, 3)
    assert quality.sharpness(np.empty((0, 112, 112, 3), np.uint8)).shape == (0,)
    assert quality.frontality(kept.landmarks).shape == (0,)


NUMBERS = st.tuples(st.floats(-50, 650), st.floats(-50, 500), st.floats(5, 200), st.floats(5, 200), st.floats(0, 1))


@settings(deadline=None)
@given(st.lists(NUMBERS, max_size=12), st.randoms())
def test_every_face_is_kept_or_counted_and_the_order_of_the_detector_does_not_matter(rows: list[tuple[float, ...]], random: object) -> None:
    batch = faces(*rows)
    kept, rejected = gates.gate(batch, SIZE, *GATES)
    assert len(kept) + sum(rejected.values()) == len(batch)
    again = gates.gate(kept, SIZE, *GATES)
    np.testing.assert_array_equal(again.batch.boxes, kept.boxes)
    assert again.rejected == {}
    if len(np.unique(batch.scores)) == len(batch):
        order = list(range(len(batch)))
        random.shuffle(order)
        shuffled = FaceBatch(batch.boxes[order], batch.landmarks[order], batch.scores[order])
        assert sorted(map(tuple, gates.gate(shuffled, SIZE, *GATES).batch.boxes)) == sorted(map(tuple, kept.boxes))


def slow_duplicates(boxes: np.ndarray, scores: np.ndarray) -> list[bool]:
    def iou(a: np.ndarray, b: np.ndarray) -> float:
        width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        shared = max(width, 0) * max(height, 0)
        return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)

    kept: list[int] = []
    for row in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if all(iou(boxes[row].astype(float), boxes[other].astype(float)) <= gates.DUPLICATE_IOU for other in kept):
            kept.append(row)
    return [row not in kept for row in range(len(boxes))]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 15))
def test_duplicates_are_those_of_the_obvious_loop(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    batch = faces(*[(*rng.uniform(0, 60, 2), *rng.uniform(30, 60, 2), rng.choice([0.5, 0.7, 0.9])) for _ in range(n)])
    assert gates.is_duplicate(batch.boxes, batch.scores).tolist() == slow_duplicates(batch.boxes, batch.scores)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_alignment_is_the_similarity_transform_of_skimage(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angle, scale = rng.uniform(-np.pi, np.pi), rng.uniform(0.1, 20)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = alignment.TEMPLATE @ turn.T + rng.uniform(0, 4000, 2) + rng.normal(0, 3 * scale, (5, 2))
    matrices = alignment.alignment_matrices(points[None].astype(np.float32))
    expected = SimilarityTransform.from_estimate(points.astype(np.float32).astype(np.float64), alignment.TEMPLATE)
    assert matrices.shape == (1, 2, 3)
    assert matrices.dtype == np.float64
    np.testing.assert_allclose(matrices[0], expected.params[:2], rtol=1e-6, atol=1e-6)


def test_faces_that_lie_as_the_template_are_left_alone() -> None:
    (matrix,) = alignment.alignment_matrices(alignment.TEMPLATE[None].astype(np.float32))
    np.testing.assert_allclose(matrix, [[1, 0, 0], [0, 1, 0]], atol=1e-4)


def test_a_mirrored_face_is_turned_and_not_mirrored_back() -> None:
    mirrored = alignment.TEMPLATE * [-1, 1]
    (matrix,) = alignment.alignment_matrices(mirrored[None].astype(np.float32))
    assert np.linalg.det(matrix[:, :2]) > 0


def test_landmarks_that_cannot_be_aligned_are_named() -> None:
    landmarks = np.stack([alignment.TEMPLATE, np.full((5, 2), 7.0), np.full((5, 2), np.nan)]).astype(np.float32)
    with pytest.raises(SchemaError, match=r"rows \[1, 2\]"):
        alignment.alignment_matrices(landmarks)


def blurred(crops: np.ndarray, times: int) -> np.ndarray:
    """Each time with a binomial kernel of 3 x 3, that is a Gaussian of 0.7 pixels."""
    wide = crops.astype(np.float64)
    for _ in range(times):
        for axis in (1, 2):
            wide = (np.roll(wide, 1, axis) + 2 * wide + np.roll(wide, -1, axis)) / 4
    return wide.round().astype(np.uint8)


@pytest.fixture(name="textures")
def _textures() -> np.ndarray:
    """Pictures of spots of all sizes, as natural pictures have them."""
    rng = np.random.default_rng(5)
    fine = sum(np.kron(rng.normal(0, 8 * size, (4, 112 // size, 112 // size)), np.ones((1, size, size))) for size in (2, 4, 8, 16))
    return np.repeat(np.clip(120 + fine, 0, 255).astype(np.uint8)[..., None], 3, axis=3)


def test_sharpness_falls_with_every_blur(textures: np.ndarray) -> None:
    values = np.stack([quality.sharpness(blurred(textures, times)) for times in (0, 4, 16, 64)])
    assert (np.diff(values, axis=0) < -0.05).all()
    assert ((values >= 0) & (values <= 1)).all()
    assert values.dtype == np.float32


def test_sharpness_does_not_fall_with_light_and_contrast(textures: np.ndarray) -> None:
    dark = (textures * 0.5 + 5).astype(np.uint8)
    np.testing.assert_allclose(quality.sharpness(dark), quality.sharpness(textures), atol=0.01)


def test_fine_noise_on_a_blurred_face_is_no_sharpness(textures: np.ndarray) -> None:
    soft = blurred(textures, 64)
    noisy = np.clip(soft + np.random.default_rng(0).normal(0, 2, soft.shape), 0, 255).astype(np.uint8)
    assert (quality.sharpness(noisy) < quality.sharpness(textures) - 0.2).all()


def test_a_crop_of_one_grey_is_not_sharp() -> None:
    assert quality.sharpness(np.full((1, 112, 112, 3), 90, np.uint8)).tolist() == [0]


def test_blurred_faces_are_gated() -> None:
    values = np.array([0.2, 0.5, 0.8], np.float32)
    assert gates.gate_sharpness(values, SETTINGS).tolist() == [True, True, True]
    assert gates.gate_sharpness(values, SETTINGS.model_copy(update={"min_sharpness": 0.5})).tolist() == [False, True, True]


def seen(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Landmarks of a head in three dimensions, turned by angles in radians, seen from far away."""
    head = np.array([[-32, 35, 20], [32, 35, 20], [0, 0, 45], [-25, -35, 22], [25, -35, 22]], np.float64)
    turns = []
    for angle, (a, b) in ((yaw, (0, 2)), (pitch, (1, 2)), (roll, (0, 1))):
        turn = np.eye(3)
        turn[[a, a, b, b], [a, b, a, b]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        turns.append(turn)
    points = head @ turns[0].T @ turns[1].T @ turns[2].T
    return (points[:, :2] * [1, -1] + 200).astype(np.float32)[None]


def test_a_face_that_looks_into_the_camera_is_frontal() -> None:
    assert quality.frontality(seen(0)) == pytest.approx([1], abs=0.02)
    assert quality.frontality(alignment.TEMPLATE[None].astype(np.float32)) > 0.95


@pytest.mark.parametrize("side", [-1, 1])
def test_frontality_falls_with_every_turn_to_nothing(side: int) -> None:
    values = [float(quality.frontality(seen(side * angle))[0]) for angle in np.radians([0, 15, 30, 45, 60, 80])]
    assert values == sorted(values, reverse=True)
    assert values[3] < 0.4
    assert values[-1] == 0


@settings(deadline=None)
@given(st.floats(-3, 3), st.floats(0.1, 10))
def test_frontality_does_not_count_tilt_and_size(roll: float, scale: float) -> None:
    tilted = (seen(0.3, 0.1, roll) * scale).astype(np.float32)
    assert quality.frontality(tilted) == pytest.approx(quality.frontality(seen(0.3, 0.1)), abs=1e-3)


def test_eyes_on_one_spot_have_no_frontality_to_speak_of() -> None:
    assert quality.frontality(np.zeros((1, 5, 2), np.float32)).tolist() == pytest.approx([0.5], abs=0.5)


@settings(deadline=None)
@given(st.floats(5, 500), st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0, 0.9), st.integers(0, 3))
def test_quality_lies_between_0_and_1_and_never_falls_when_a_part_rises(a: float, b: float, c: float, d: float, part: int) -> None:
    parts = [np.array([value], np.float32) for value in (a, b, c, d)]
    better = list(parts)
    better[part] = (parts[part] * 1.1).astype(np.float32)
    assert 0 < quality.quality(*parts)[0] <= quality.quality(*better)[0] <= 1


def test_one_bad_part_spoils_the_quality() -> None:
    good = quality.quality(*(np.array([value], np.float32) for value in (120, 0.9, 0.9, 0.9)))
    blurred_face = quality.quality(*(np.array([value], np.float32) for value in (120, 0.05, 0.9, 0.9)))
    assert blurred_face < 0.6 * good


@pytest.mark.parametrize(
    ("frontality", "score", "is_dropped"), [(0.0, 0.79, True), (0.0, 0.81, False), (0.01, 0.5, False), (0.9, 0.9, False)]
)
def test_a_face_turned_away_needs_a_sure_detector(frontality: float, score: float, is_dropped: bool) -> None:
    found = gates.is_turned_away(np.array([frontality], np.float32), np.array([score], np.float32), DetectionSettings(min_turned_score=0.8))
    assert found.tolist() == [is_dropped]
