"""Pads convolutions to a multiple of the processor's channel block: the same results in less time.

onnxruntime stores channels in blocks (16 with AVX-512, else 8). If their number is no multiple of the block, it computes whole blocks
anyway, and converts between layouts around each addition and pooling. So zero channels are added, and convolutions of the same input with
few channels each are merged. SCRFD-2.5g, 640 x 384, one thread: 52 ms before, 44 after (with blocks of 8: 49); YuNet 7.7 and 7.2.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from onnx import helper

Constants = dict[str, NDArray[Any]]

# The same test as onnxruntime's `MlasNchwcGetBlockSize`: https://github.com/microsoft/onnxruntime.
CHANNEL_BLOCK = 16 if "AVX512" in cv2.getCPUFeaturesLine() else 8

# Operators that work on each channel separately and keep zero channels zero.
_EACH_FOR_ITSELF = frozenset(["Relu", "MaxPool", "AveragePool", "Resize", "Add"])
_SPLIT_BY_INPUT = 13  # from this opset on


def widen_convolutions(nodes: Iterable[Any], constants: Constants, ends: Iterable[str], block: int) -> list[Any]:
    """Pad convolutions with zero channels; changes `constants`.

    Args:
        nodes: nodes of a graph, in order.
        constants: name -> weights.
        ends: names of the graph's inputs and outputs, which do not change.
        block: channels per block.
    """
    graph = _Graph(list(nodes), constants, frozenset(ends))
    for channels, names in graph.families():
        extra = -channels % block
        if extra and graph.can_grow(names):
            graph.grow(names, extra)
    return graph.nodes


def merge_convolutions(nodes: Iterable[Any], constants: Constants, block: int, opset: int) -> list[Any]:
    """Merge convolutions of the same input, if that gives fewer blocks of channels; adds to `constants`."""
    siblings: dict[tuple[str, str], list[Any]] = {}
    result = list(nodes)
    for node in result:
        if _is_plain(node, constants) and len(node.input) == 3 and node.input[2] in constants:
            siblings.setdefault((node.input[0], _shape_of(node, constants)), []).append(node)
    for group in siblings.values():
        widths = [constants[node.input[1]].shape[0] for node in group]
        if -(-sum(widths) // block) < sum(-(-width // block) for width in widths):
            at = min(result.index(node) for node in group)
            joint = _joint(group, widths, constants, opset)
            result = [node for node in [*result[:at], *joint, *result[at:]] if not any(node is other for other in group)]
    return result


def _joint(group: list[Any], widths: list[int], constants: Constants, opset: int) -> list[Any]:
    """One convolution with the channels of all, and the node that splits its output."""
    name = f"{group[0].output[0]}/joint"
    for place, part in ((1, "weights"), (2, "bias")):
        constants[f"{name}/{part}"] = np.concatenate([constants[node.input[place]] for node in group])
    convolution = helper.make_node("Conv", [group[0].input[0], f"{name}/weights", f"{name}/bias"], [name])
    convolution.attribute.extend(group[0].attribute)
    outputs = [node.output[0] for node in group]
    if opset < _SPLIT_BY_INPUT:
        return [convolution, helper.make_node("Split", [name], outputs, axis=1, split=widths)]
    constants[f"{name}/widths"] = np.array(widths, np.int64)
    return [convolution, helper.make_node("Split", [name, f"{name}/widths"], outputs, axis=1)]


def _is_plain(node: Any, constants: Constants) -> bool:
    """Whether a node is a full convolution."""
    return node.op_type == "Conv" and _group(node) == 1 and all(name in constants for name in node.input[1:])


def _is_depthwise(node: Any, constants: Constants) -> bool:
    """Whether a node is a depthwise convolution."""
    if node.op_type != "Conv" or any(name not in constants for name in node.input[1:]):
        return False
    return constants[node.input[1]].shape[:2] == (_group(node), 1) and _group(node) > 1


def _group(node: Any) -> int:
    return next((int(attribute.i) for attribute in node.attribute if attribute.name == "group"), 1)


def _shape_of(node: Any, constants: Constants) -> str:
    """Key of convolutions that can be merged."""
    attributes = sorted((attribute.name, str(helper.get_attribute_value(attribute))) for attribute in node.attribute)
    return str((attributes, constants[node.input[1]].shape[1:]))


class _Graph:
    """Nodes, and which tensors must have the same number of channels (a family)."""

    def __init__(self, nodes: list[Any], constants: Constants, ends: frozenset[str]) -> None:
        self.nodes, self._constants, self._ends = nodes, constants, ends
        self._parent: dict[str, str] = {}
        self._readers: dict[str, list[Any]] = {}
        for node in nodes:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
            kin = self._kin(node)
            for name in kin[1:]:
                self._parent[self._head(name)] = self._head(kin[0])
        self._makers = {name: node for node in nodes for name in node.output}

    def _kin(self, node: Any) -> list[str]:
        """Tensors of a node that must have the same number of channels."""
        if node.op_type == "Add":
            return [*node.input, node.output[0]]
        if node.op_type in _EACH_FOR_ITSELF or _is_depthwise(node, self._constants):
            return [node.input[0], node.output[0]]
        return []

    def _head(self, name: str) -> str:
        while (above := self._parent.get(name, name)) != name:
            name = above
        return name

    def families(self) -> Iterator[tuple[int, frozenset[str]]]:
        """Number of channels, and tensor names, of each family that a convolution computes."""
        widths = {
            self._head(node.output[0]): self._constants[node.input[1]].shape[0] for node in self.nodes if _is_plain(node, self._constants)
        }
        members: dict[str, set[str]] = {head: {head} for head in widths}
        for name in self._parent:
            if (head := self._head(name)) in members:
                members[head].add(name)
        for head, names in members.items():
            yield widths[head], frozenset(names)

    def can_grow(self, names: frozenset[str]) -> bool:
        """Whether zero channels in these tensors have no effect on any node that writes or reads them."""
        if names & self._ends or names & self._constants.keys():
            return False
        made = all(name in self._makers and self._is_maker(self._makers[name]) for name in names)
        return made and all(self._is_reader(node, name, names) for name in names for node in self._readers.get(name, []))

    def _is_maker(self, node: Any) -> bool:
        return bool(self._kin(node)) or _is_plain(node, self._constants)

    def _is_reader(self, node: Any, name: str, names: frozenset[str]) -> bool:
        if node.op_type == "Shape":
            return all(self._asks_for_no_channels(reader, names) for reader in self._readers.get(node.output[0], []))
        return (node.input[0] == name and _is_plain(node, self._constants)) or name in self._kin(node)

    def _asks_for_no_channels(self, node: Any, names: frozenset[str]) -> bool:
        """Whether a node reads only unchanged parts of a tensor's shape, or computes a new shape for one of these tensors."""
        if node.op_type == "Gather":
            place = self._constants.get(node.input[1])
            return place is not None and not np.isin(place, (1, -3)).any()
        if node.op_type not in ("Slice", "Concat"):
            return node.op_type == "Resize" and node.input[0] in names
        return all(self._asks_for_no_channels(reader, names) for reader in self._readers.get(node.output[0], []))

    def grow(self, names: frozenset[str], extra: int) -> None:
        """Add zero channels to these tensors."""
        for node in self.nodes:
            if node.op_type != "Conv":
                continue
            is_depthwise = _is_depthwise(node, self._constants)
            if node.output[0] in names:
                for place in range(1, len(node.input)):
                    self._pad(node, place, 0, extra)
            if node.input[0] in names and is_depthwise:
                next(attribute for attribute in node.attribute if attribute.name == "group").i += extra
            elif node.input[0] in names:
                self._pad(node, 1, 1, extra)

    def _pad(self, node: Any, place: int, axis: int, extra: int) -> None:
        """Pad weights under a new name, because the original ones may be shared."""
        values = self._constants[node.input[place]]
        padded = np.pad(values, [(0, extra if at == axis else 0) for at in range(values.ndim)])
        node.input[place] = f"{node.output[0]}/wide{place}{axis}"
        self._constants[node.input[place]] = padded
