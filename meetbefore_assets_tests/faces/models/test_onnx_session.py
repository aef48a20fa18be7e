from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from meetbefore_assets.core.errors import PackBrokenError
from meetbefore_assets.faces.models.find_pack import find_pack
from meetbefore_assets.faces.models.onnx_session import halve_recogniser, normalises_itself, prepare_detector, prepare_recogniser, session

RNG = np.random.default_rng(3)


@pytest.fixture(name="sface", scope="module")
def _sface() -> Path:
    return find_pack("sface", Path("nowhere")).recogniser_path


@pytest.fixture(name="prepared", scope="module")
def _prepared(sface: Path) -> bytes:
    return prepare_recogniser(sface)


def save(path: Path, nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], shape: list[int]) -> Path:
    """A model from 'x' to 'y' that lists its weights as inputs too, as old exporters did."""
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    also = [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in tensors]
    ghost = helper.make_tensor_value_info("ghost", TensorProto.FLOAT, [3])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, *[None] * (len(shape) - 1)])
    graph = helper.make_graph(nodes, "g", [x, *also, ghost], [y], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=9), path)
    return path


def run(model: bytes, x: np.ndarray) -> np.ndarray:
    return np.asarray(session(model, device="cpu", threads=1).run(None, {"x": x})[0])


@pytest.mark.parametrize(
    ("attributes", "scale_shape"),
    [({"axis": 1, "block_size": 4}, (6, 3)), ({"axis": 0}, (6,)), ({"axis": 1}, (12,)), ({}, ())],
)
def test_dequantised_weights_are_what_onnxruntime_makes_of_them(
    tmp_path: Path, attributes: dict[str, int], scale_shape: tuple[int, ...]
) -> None:
    weights = {
        "q": RNG.integers(-128, 128, (6, 12), dtype=np.int8),
        "s": RNG.uniform(0.01, 0.1, scale_shape).astype(np.float32),
        "z": RNG.integers(-9, 9, scale_shape, dtype=np.int8).reshape(scale_shape),
        "shape": np.array([0, 3, -1]),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], **attributes),
        helper.make_node("Reshape", ["w", "shape"], ["w3"]),
        helper.make_node("Add", ["x", "w3"], ["y"]),
    ]
    path = save(tmp_path / "m.onnx", nodes, weights, [1, 1, 1])
    plain = onnx.load(path)
    del plain.graph.input[1:]
    x = np.ones((1, 1, 1), np.float32)
    expected = run(plain.SerializeToString(), x)
    prepared = prepare_recogniser(path)
    assert [node.op_type for node in onnx.load_from_string(prepared).graph.node] == ["Add"]
    np.testing.assert_allclose(run(prepared, x), expected, rtol=1e-6)


@pytest.mark.parametrize("steepest", [0.0, 1.0, 1.7])
def test_prelu_in_simpler_terms_gives_the_same(tmp_path: Path, steepest: float) -> None:
    slope = np.append(RNG.uniform(-0.5, 0.9, 4), steepest).reshape(5, 1, 1).astype(np.float32)
    path = save(tmp_path / "m.onnx", [helper.make_node("PRelu", ["x", "a"], ["y"])], {"a": slope}, [1, 5, 8, 8])
    x = RNG.normal(0, 10, (3, 5, 8, 8)).astype(np.float32)
    prepared = prepare_recogniser(path)
    assert "PRelu" not in {node.op_type for node in onnx.load_from_string(prepared).graph.node}
    np.testing.assert_allclose(run(prepared, x), np.where(x > 0, x, x * slope), atol=1e-5)


def test_the_prepared_sface_gives_the_vectors_of_opencv(sface: Path, prepared: bytes, tmp_path: Path) -> None:
    crops = RNG.integers(0, 256, (4, 112, 112, 3), dtype=np.uint8)
    crops[1:] = np.stack([cv2.GaussianBlur(crop, (0, 0), sigma) for crop, sigma in zip(crops[1:], (2, 5, 9), strict=True)])
    shipped = onnx.load(sface)
    del shipped.graph.input[1:]  # weights, which OpenCV 5 takes for inputs
    onnx.save(shipped, tmp_path / "shipped.onnx")
    opencv = cv2.FaceRecognizerSF.create(str(tmp_path / "shipped.onnx"), "")
    made = session(prepared, device="cpu", threads=1)
    inputs = cv2.dnn.blobFromImages(list(crops), swapRB=True)
    (batch,) = made.run(None, {"data": inputs})
    for crop, vector in zip(crops, batch, strict=True):
        expected = opencv.feature(crop)[0]
        assert vector @ expected / np.linalg.norm(vector) / np.linalg.norm(expected) > 0.9999
        assert np.linalg.norm(vector) == pytest.approx(np.linalg.norm(expected), rel=1e-3)


def test_two_halves_give_what_the_whole_gives(sface: Path, prepared: bytes) -> None:
    front, back = halve_recogniser(sface)
    assert back is not None
    faces = RNG.uniform(0, 255, (3, 3, 112, 112)).astype(np.float32)
    whole = session(prepared, device="cpu", threads=1)
    expected = np.concatenate([whole.run(None, {"data": face[None]})[0] for face in faces])
    first, second = (session(half, device="cpu", threads=1) for half in (front, back))
    between = np.concatenate([first.run(None, {"data": face[None]})[0] for face in faces])
    (found,) = second.run(None, {second.get_inputs()[0].name: between})
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert len(front) + len(back) < 1.01 * len(prepared)


@pytest.mark.parametrize(
    "nodes",
    [
        [helper.make_node("Relu", ["x"], ["y"])],
        [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Gemm", ["r", "w"], ["g"]), helper.make_node("Add", ["g", "x"], ["y"])],
    ],
    ids=["no such layer", "a way around it"],
)
def test_what_has_no_waist_stays_whole(tmp_path: Path, nodes: list[onnx.NodeProto]) -> None:
    path = save(tmp_path / "m.onnx", nodes, {"w": RNG.normal(size=(4, 4)).astype(np.float32)}, [1, 4])
    front, back = halve_recogniser(path)
    assert back is None
    x = RNG.normal(size=(2, 4)).astype(np.float32)
    np.testing.assert_array_equal(run(front, x), run(prepare_recogniser(path), x))


@pytest.mark.parametrize("trans_b", [0, 1])
def test_the_waist_is_as_wide_as_the_layer_sums(tmp_path: Path, trans_b: int) -> None:
    weights = RNG.normal(size=(2, 6) if trans_b else (6, 2)).astype(np.float32)
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Gemm", ["r", "w"], ["y"], transB=trans_b)]
    front, back = halve_recogniser(save(tmp_path / "m.onnx", nodes, {"w": weights}, [1, 6]))
    assert back is not None
    made, x = session(back, device="cpu", threads=1), RNG.normal(size=(3, 6)).astype(np.float32)
    assert made.get_inputs()[0].shape == ["batch", 6]
    np.testing.assert_allclose(
        made.run(None, {"r": run(front, x)})[0], np.maximum(x, 0) @ (weights.T if trans_b else weights), rtol=1e-5, atol=1e-6
    )


def test_the_prepared_sface_has_one_input_and_no_quantised_weights(prepared: bytes) -> None:
    model = onnx.load_from_string(prepared)
    assert [value.name for value in model.graph.input] == ["data"]
    assert {"DequantizeLinear", "PRelu", "Reshape"} & {node.op_type for node in model.graph.node} == set()


def test_sface_normalises_itself_though_its_first_nodes_do_not(sface: Path, tmp_path: Path) -> None:
    assert normalises_itself(sface)
    plain = save(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], {}, [1, 3])
    assert not normalises_itself(plain)


def test_scrfd_takes_any_size_and_answers_as_before(shared: Path) -> None:
    path = shared / "models" / "scrfd_500m_kps.onnx"
    made = session(prepare_detector(path), device="cpu", threads=1)
    name = made.get_inputs()[0].name
    x = RNG.normal(0, 1, (1, 3, 640, 640)).astype(np.float32)
    before = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {name: x})
    for expected, found in zip(before, made.run(None, {name: x}), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    small = made.run(None, {name: x[:, :, :96, :160]})
    assert [out.shape[-2] for out in small[:3]] == [2 * (96 // s) * (160 // s) for s in (8, 16, 32)]


def test_threads_do_not_spin_and_are_as_many_as_asked_for(prepared: bytes) -> None:
    options = session(prepared, device="cpu", threads=2).get_session_options()
    assert options.intra_op_num_threads == 2
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.example/spec/v1", b"\x08\x07\x12"])
def test_what_is_no_model_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(PackBrokenError, match=r"m\.onnx: expected an ONNX model"):
        prepare_recogniser(path)
    with pytest.raises(PackBrokenError, match=r"could not load"):
        session(path, device="cpu", threads=1)
