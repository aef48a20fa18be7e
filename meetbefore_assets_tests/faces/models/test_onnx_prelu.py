"""PRelu in other terms answers as PRelu."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from meetbefore_assets.faces.models.onnx_prelu import Constants, without_prelu
from meetbefore_assets.faces.models.onnx_session import session

SHAPE = (1, 3, 8, 8)


class Net:
    """Convolutions and PRelu from 'x' (1, 3, 8, 8) on."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: Constants = {}
        self.width = SHAPE[1]
        self.last = "x"
        self._rng = np.random.default_rng(seed)

    def add(self, kind: str, weights: dict[str, np.ndarray], **attributes: object) -> "Net":
        name = f"t{len(self.nodes)}"
        self.constants |= {f"{name}/{key}": value.astype(np.float32) for key, value in weights.items()}
        self.nodes.append(helper.make_node(kind, [self.last, *(f"{name}/{key}" for key in weights)], [name], **attributes))
        self.last = name
        return self

    def conv(self, width: int, *, side: int = 3, is_depthwise: bool = False, has_bias: bool = True) -> "Net":
        shape = (self.width, 1, side, side) if is_depthwise else (width, self.width, side, side)
        weights = {"w": self._rng.normal(0, 0.3, shape)} | ({"b": self._rng.normal(0, 0.3, shape[0])} if has_bias else {})
        group, self.width = self.width if is_depthwise else 1, shape[0]
        return self.add("Conv", weights, group=group, pads=[side // 2] * 4, kernel_shape=[side, side])

    def norm(self) -> "Net":
        drawn = {key: self._rng.normal(0, 1, self.width) for key in ("scale", "shift", "mean")}
        return self.add("BatchNormalization", {**drawn, "variance": self._rng.uniform(0.2, 2, self.width)}, epsilon=0.01)

    def prelu(self, low: float, high: float, *, is_one: bool = False) -> "Net":
        return self.add("PRelu", {"slope": self._rng.uniform(low, high, (1 if is_one else self.width, 1, 1))})

    def answers(self, ends: list[str], nodes: list[onnx.NodeProto]) -> list[np.ndarray]:
        used = {name for node in nodes for name in node.input}
        weights = [numpy_helper.from_array(value, name) for name, value in self.constants.items() if name in used]
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ends]
        graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)], outputs, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
        picture = np.random.default_rng(1).normal(0, 1, SHAPE).astype(np.float32)
        return list(session(model.SerializeToString(), device="cpu").run(ends, {"x": picture}))

    def rewritten(self, ends: list[str]) -> list[onnx.NodeProto]:
        """The new nodes, after they gave the old answers."""
        expected = self.answers(ends, self.nodes)
        nodes = without_prelu([onnx.NodeProto.FromString(node.SerializeToString()) for node in self.nodes], self.constants, ends)
        assert "PRelu" not in {node.op_type for node in nodes}
        for mine, theirs in zip(self.answers(ends, nodes), expected, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-4, rtol=1e-4)
        return nodes


def kinds(nodes: list[onnx.NodeProto]) -> list[str]:
    return [node.op_type for node in nodes]


LAYERS = st.tuples(
    st.integers(1, 12), st.sampled_from([1, 3]), st.booleans(), st.booleans(), st.booleans(), st.floats(0.1, 2), st.booleans()
)


@given(st.lists(LAYERS, min_size=1, max_size=5), st.sets(st.integers(0, 14)), st.integers(0, 99))
def test_any_chain_answers_as_before(layers: list[tuple[int, int, bool, bool, bool, float, bool]], seen: set[int], seed: int) -> None:
    net = Net(seed)
    for width, side, is_depthwise, has_bias, has_norm, steepest, is_one in layers:
        net.conv(width, side=side, is_depthwise=is_depthwise, has_bias=has_bias)
        if has_norm:
            net.norm()
        net.prelu(-0.5, steepest, is_one=is_one)
    net.rewritten(sorted({net.last, *(f"t{place % len(net.nodes)}" for place in seen)}))


def test_cheap_convolutions_are_done_twice_and_dear_ones_are_passed_over_twice() -> None:
    cheap = Net().conv(8).norm().prelu(-0.5, 0.9)
    assert kinds(cheap.rewritten([cheap.last])) == ["Conv", "Relu", "Conv", "Add"]
    dear = Net().conv(8, side=5).norm().prelu(-0.5, 0.9)
    assert kinds(dear.rewritten([dear.last])) == ["Conv", "Mul", "Relu", "Mul", "Add"]


@pytest.mark.parametrize("is_depthwise", [False, True])
def test_slopes_above_one_become_ones_below_where_convolutions_follow(is_depthwise: bool) -> None:
    net = Net().conv(8).prelu(0.5, 2).conv(8, is_depthwise=is_depthwise)
    assert kinds(net.rewritten([net.last])) == ["Conv", "Relu", "Conv", "Add", "Conv"]


@pytest.mark.parametrize("ends", [["t1", "t2"], ["t0", "t2"]])
def test_what_is_asked_for_keeps_its_slopes(ends: list[str]) -> None:
    net = Net().conv(8).prelu(1.1, 2).conv(4)
    assert kinds(net.rewritten(ends)) == ["Conv", "Relu", "Mul", "Mul", "Add", "Conv"]


def test_slopes_above_one_stay_where_something_else_follows() -> None:
    net = Net().conv(8).prelu(1.1, 2).add("Sigmoid", {})
    assert kinds(net.rewritten([net.last])) == ["Conv", "Relu", "Mul", "Mul", "Add", "Sigmoid"]


def test_a_tensor_that_others_read_too_stays() -> None:
    net = Net().conv(8).prelu(-0.5, 0.9)
    net.nodes.append(helper.make_node("Sigmoid", ["t0"], ["too"]))
    assert kinds(net.rewritten([net.last, "too"])) == ["Conv", "Mul", "Relu", "Mul", "Add", "Sigmoid"]
