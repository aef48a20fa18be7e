"""Small models with the outside of real ones, and packs made of them."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper


def model(path: Path, input_shape: list[int], outputs: dict[str, list[int]], salt: str = "") -> Path:
    """A model with the outside of another: one Identity an output."""
    path.parent.mkdir(parents=True, exist_ok=True)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, input_shape)
    y = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
    nodes = [helper.make_node("Identity", ["x"], [name]) for name in outputs]
    onnx.save(helper.make_model(helper.make_graph(nodes, f"g{salt}", [x], y)), path)
    return path


def scrfd(path: Path, outputs: int = 9) -> Path:
    return model(path, [1, 3, 640, 640], {f"o{i}": [1, 10, 1] for i in range(outputs)})


def arcface(path: Path) -> Path:
    return model(path, [1, 3, 112, 112], {"v": [1, 512]})


def pack_of_insightface(folder: Path, recogniser: str = "w600k_r50.onnx") -> Path:
    scrfd(folder / "det_10g.onnx")
    arcface(folder / recogniser)
    model(folder / "2d106det.onnx", [1, 3, 192, 192], {"fc1": [1, 212]})
    model(folder / "genderage.onnx", [1, 3, 96, 96], {"fc1": [1, 3]})
    return folder
