"""Widened and merged convolutions answer as they did before."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from meetbefore_assets.faces.models.onnx_session import prepare_detector, session
from meetbefore_assets.faces.models.onnx_widening import Constants, merge_convolutions, widen_convolutions

SIDE = 12


class Net:
    """A little graph from 'x' (1, 3, 12, 12) on, whose nodes are added one after another."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: Constants = {}
        self.widths = {"x": 3}
        self._rng = np.random.default_rng(seed)

    def add(self, kind: str, *inputs: str, width: int = 0, **attributes: object) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        self.widths[name] = width or self.widths.get(inputs[0], 0)
        return name

    def conv(self, source: str, width: int = 0, *, is_depthwise: bool = False, weights: str = "") -> str:
        wide = self.widths[source]
        shape = (wide, 1, 3, 3) if is_depthwise else (width, wide, 3, 3)
        name = weights or f"w{len(self.nodes)}"
        self.constants.setdefault(name, self._rng.normal(0, 0.3, shape).astype(np.float32))
        self.constants.setdefault(f"{name}/b", self._rng.normal(0, 0.3, shape[0]).astype(np.float32))
        group = wide if is_depthwise else 1
        return self.add("Conv", source, name, f"{name}/b", width=shape[0], group=group, pads=[1] * 4, kernel_shape=[3, 3])

    def answers(self, ends: list[str], nodes: list[onnx.NodeProto] | None = None, opset: int = 11) -> list[np.ndarray]:
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ends]
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
        used = {name for node in nodes or self.nodes for name in node.input}
        weights = [numpy_helper.from_array(value, name) for name, value in self.constants.items() if name in used]
        graph = helper.make_graph(nodes or self.nodes, "g", [x], outputs, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)
        picture = np.random.default_rng(1).normal(0, 1, (1, 3, SIDE, SIDE)).astype(np.float32)
        return list(session(model.SerializeToString(), device="cpu").run(ends, {"x": picture}))


def copies(nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    return [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]


def largest(values: list[np.ndarray]) -> float:
    return max((float(np.abs(one).max(initial=0)) for one in values), default=0.0)


def same(found: list[np.ndarray], expected: list[np.ndarray], largest_between: float = 0.0) -> None:
    """`largest_between`: of all values on the way to the answers, where these hide it as a sigmoid does."""
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.shape == theirs.shape
        # Sums are taken in another order: what is lost is a part of the largest number, not of each.
        np.testing.assert_allclose(mine, theirs, atol=1e-5 * max(1.0, largest([theirs]), largest_between), rtol=0)


def widths_made(net: Net, nodes: list[onnx.NodeProto]) -> list[int]:
    return [net.constants[node.input[1]].shape[0] for node in nodes if node.op_type == "Conv"]


STEPS: dict[str, Callable[[Net, str, int], str]] = {
    "conv": lambda net, last, width: net.conv(last, width),
    "depthwise": lambda net, last, _width: net.conv(last, is_depthwise=True),
    "relu": lambda net, last, _width: net.add("Relu", last),
    "add": lambda net, last, width: net.add("Add", net.conv(last, net.widths[last]), last),
    "sum": lambda net, last, width: net.add("Add", net.conv(last, width), net.conv(last, width)),
    "pool": lambda net, last, _width: net.add("MaxPool", last, kernel_shape=[2, 2], strides=[1, 1]),
    "mean": lambda net, last, _width: net.add("AveragePool", last, kernel_shape=[2, 2], strides=[1, 1]),
    "sigmoid": lambda net, last, _width: net.add("Sigmoid", last),
}


@given(
    st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(1, 20)), min_size=1, max_size=7),
    st.sampled_from([4, 8, 16]),
    st.booleans(),
    st.integers(0, 99),
)
def test_any_chain_answers_as_before(steps: list[tuple[str, int]], block: int, is_seen: bool, seed: int) -> None:
    net, last, ends = Net(seed), "x", []
    for kind, width in steps:
        last = STEPS[kind](net, last, width)
        if is_seen:  # what is asked for must stay as it is
            ends.append(last)
    ends = ends or [last]
    expected = net.answers(ends)
    # A sigmoid of sums of some hundred: 1.1e-5 off in an answer near 0.58.
    largest_between = largest(net.answers([node.output[0] for node in net.nodes]))
    nodes = merge_convolutions(copies(net.nodes), net.constants, block, 11)
    same(net.answers(ends, widen_convolutions(nodes, net.constants, ["x", *ends], block)), expected, largest_between)


def test_what_lies_between_convolutions_becomes_whole_blocks() -> None:
    net = Net()
    end = net.conv(net.add("MaxPool", net.conv(net.conv(net.conv("x", 12), 24), is_depthwise=True), kernel_shape=[2, 2]), 5)
    expected = net.answers([end])
    nodes = widen_convolutions(copies(net.nodes), net.constants, ["x", end], 16)
    assert widths_made(net, nodes) == [16, 32, 32, 5]
    same(net.answers([end], nodes), expected)


def test_weights_that_two_convolutions_share_are_widened_for_each() -> None:
    net = Net()
    first = net.conv("x", 6)
    second, third = net.conv(first, 6, weights="shared"), net.conv(net.add("Relu", first), 6, weights="shared")
    end = net.add("Sigmoid", net.add("Add", second, third))
    expected = net.answers([end, second])
    nodes = widen_convolutions(copies(net.nodes), net.constants, ["x", end, second], 8)
    assert widths_made(net, nodes) == [8, 6, 6]
    same(net.answers([end, second], nodes), expected)


@pytest.mark.parametrize(("place", "width"), [(0, 8), (2, 8), (1, 6), (-3, 6)])
def test_who_asks_for_the_number_of_channels_is_told_the_old_one(place: int, width: int) -> None:
    net = Net()
    tensor = net.conv("x", 6)
    net.constants["place"] = np.array(place)
    end, size = net.conv(tensor, 3), net.add("Cast", net.add("Gather", net.add("Shape", tensor), "place"), to=TensorProto.FLOAT)
    expected = net.answers([end, size])
    nodes = widen_convolutions(copies(net.nodes), net.constants, ["x", end, size], 8)
    assert widths_made(net, nodes) == [width, 3]
    same(net.answers([end, size], nodes), expected)


@pytest.mark.parametrize("opset", [11, 13])
def test_convolutions_of_one_tensor_become_one_where_that_makes_fewer_blocks(opset: int) -> None:
    net = Net()
    tensor = net.conv("x", 4)
    ends = [net.conv(tensor, width) for width in (2, 8, 20)]
    expected = net.answers(ends, opset=opset)
    nodes = merge_convolutions(copies(net.nodes), net.constants, 16, opset)
    assert widths_made(net, nodes) == [4, 30]
    same(net.answers(ends, nodes, opset), expected)


@pytest.mark.parametrize("widths", [(16, 16), (16, 3), (30,)])
def test_convolutions_stay_apart_where_one_saves_nothing(widths: tuple[int, ...]) -> None:
    net = Net()
    for width in widths:
        net.conv("x", width)
    assert widths_made(net, merge_convolutions(copies(net.nodes), net.constants, 16, 11)) == list(widths)


def test_convolutions_of_other_shapes_stay_apart() -> None:
    net = Net()
    ends = [net.conv("x", 2), net.add("Conv", "x", "w0", "w0/b", strides=[2, 2])]
    assert net.widths[ends[0]] == 2
    assert len(merge_convolutions(copies(net.nodes), net.constants, 16, 11)) == 2


@pytest.mark.parametrize("block", [8, 16])
@pytest.mark.parametrize("name", ["scrfd_2.5g_kps.onnx", "scrfd_500m_kps.onnx"])
def test_scrfd_answers_as_its_file(shared: Path, name: str, block: int) -> None:
    path = shared / "models" / name
    picture = np.random.default_rng(2).uniform(-1, 1, (1, 3, 640, 640)).astype(np.float32)
    answers = []
    for model in (path, prepare_detector(path, block)):
        made = session(model, device="cpu")
        answers.append(made.run(None, {made.get_inputs()[0].name: picture}))
    same(answers[1], answers[0])
