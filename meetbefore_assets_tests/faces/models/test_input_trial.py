"""Recognisers that nobody measured are tried in either order of colours, with and without normalised pictures."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from meetbefore_assets.core.errors import PackBrokenError
from meetbefore_assets.core.model_packs import ModelPack
from meetbefore_assets.faces.adapters import Faces
from meetbefore_assets.faces.models import input_trial
from meetbefore_assets.faces.models.face_models import ArcFaceEmbedder
from meetbefore_assets.faces.models.find_pack import find_pack
from meetbefore_assets.faces.models.input_trial import trial_faces
from meetbefore_assets.faces.models.onnx_session import prepare_recogniser


@pytest.fixture(name="sface", scope="module")
def _sface() -> ModelPack:
    return find_pack("sface", Path("nowhere"))


def folder_with(tmp_path: Path, sface: ModelPack, model: onnx.ModelProto) -> str:
    """A pack of YuNet and some recogniser."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "yunet.onnx").write_bytes(sface.detector_path.read_bytes())
    onnx.save(model, folder / "mine.onnx")
    return str(folder)


def of_other_colours(sface: ModelPack) -> onnx.ModelProto:
    """SFace for B, G, R; it scales by nodes that InsightFace does not look for, so that it would be normalised twice."""
    model = onnx.load_from_string(prepare_recogniser(sface.recogniser_path))
    old = {node.output[0] for node in model.graph.node if node.op_type == "Sub" and model.graph.input[0].name in node.input}
    start = next(node.output[0] for node in model.graph.node if node.op_type == "Mul" and old & set(node.input))
    kept = [node for node in model.graph.node if node.output[0] not in old | {start}]
    constants = {"order": np.array([2, 1, 0]), "scale": np.float32(1 / 128), "shift": np.float32(-127.5 / 128)}
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items())
    new = [
        helper.make_node("Gather", [model.graph.input[0].name, "order"], ["turned"], axis=1),
        helper.make_node("Mul", ["turned", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], [start]),
    ]
    del model.graph.node[:]
    model.graph.node.extend([*new, *kept])
    return model


def test_what_is_read_right_is_left_as_it_is(tmp_path: Path, sface: ModelPack) -> None:
    model = onnx.load(sface.recogniser_path)
    model.doc_string = "nobody knows this file"
    name = folder_with(tmp_path, sface, model)
    found = Faces(tmp_path).find_pack(name)
    assert (found.recogniser.colour_order, found.recogniser.input_mean, found.recogniser.input_std) == ("RGB", 0.0, 1.0)
    assert found.recogniser.separation is not None
    assert found.recogniser.separation > 6
    assert found.recogniser_id == find_pack(name, tmp_path).recogniser_id, "vectors on record stay in use"
    assert found.recogniser.threshold is None, "how alike one person is was not measured"


def test_other_colours_and_a_scale_of_its_own_are_found_out(tmp_path: Path, sface: ModelPack, monkeypatch: pytest.MonkeyPatch) -> None:
    name = folder_with(tmp_path, sface, of_other_colours(sface))
    found = Faces(tmp_path).find_pack(name)
    assert (found.recogniser.colour_order, found.recogniser.input_mean, found.recogniser.input_std) == ("BGR", 0.0, 1.0)
    assert found.recogniser_id == find_pack(name, tmp_path).recogniser_id + "-bgr-raw", "these are other vectors"
    faces = trial_faces(tmp_path)[:, 0]
    here, there = (ArcFaceEmbedder(pack.recogniser_path, "", pack.recogniser, device="cpu", threads=1) for pack in (found, sface))
    np.testing.assert_allclose(here.embed(faces), there.embed(faces), atol=1e-3)
    monkeypatch.setattr(input_trial, "try_inputs", lambda *_args: pytest.fail("tried again"))
    assert Faces(tmp_path).find_pack(name) == found


def test_a_trial_that_was_torn_is_made_again(tmp_path: Path, sface: ModelPack, monkeypatch: pytest.MonkeyPatch) -> None:
    name = folder_with(tmp_path, sface, of_other_colours(sface))
    tried = input_trial.InputTrial("BGR", 127.5, 127.5, 5.0, is_usual=False)
    monkeypatch.setattr(input_trial, "try_inputs", lambda *_args: tried)
    Faces(tmp_path).find_pack(name)
    (kept,) = (tmp_path / "models").glob("input-*.json")
    whole = kept.read_text(encoding="utf-8")
    kept.write_text(whole[:20], encoding="utf-8")
    assert Faces(tmp_path).find_pack(name).recogniser_id.endswith("-bgr")
    assert kept.read_text(encoding="utf-8") == whole


def test_what_tells_nobody_apart_is_refused(tmp_path: Path, sface: ModelPack) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 112, 112])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 192])
    weights = numpy_helper.from_array(np.random.default_rng(0).normal(size=(3 * 112 * 112, 192)).astype(np.float32), "w")
    nodes = [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("Gemm", ["flat", "w"], ["y"])]
    model = helper.make_model(helper.make_graph(nodes, "random", [x], [y], [weights]))
    with pytest.raises(
        PackBrokenError, match=r"mine\.onnx: found a recogniser that does not tell people apart, in RGB or BGR.*expected 2\.5"
    ):
        Faces(tmp_path).find_pack(folder_with(tmp_path, sface, model))
    assert not list((tmp_path / "models").glob("*.json")), "the next file of that name is tried"


def test_a_known_recogniser_is_not_tried(tmp_path: Path, sface: ModelPack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_trial, "try_inputs", lambda *_args: pytest.fail("tried"))
    assert Faces(tmp_path).find_pack("sface").recogniser_id == sface.recogniser_id
