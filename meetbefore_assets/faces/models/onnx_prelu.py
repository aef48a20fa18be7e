"""Rewrites PRelu (x if x > 0, else slope * x, one slope per channel) into operators with faster kernels and the same results.

PRelu(x) = slope * x + Relu((1 - slope) * x) if no slope is above 1, and slope * x + (1 - slope) * Relu(x) in general.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper

Constants = dict[str, NDArray[Any]]

# Most products per output number of a convolution for which two convolutions, one for each part of PRelu, are cheaper than two more passes
# over the output of one (the processor waits for memory). SFace up to its last layer, one thread, ms a face: passes everywhere 13.4, two
# convolutions up to 32 products 12.4, up to 64 12.6.
_CHEAP = 32


def without_prelu(nodes: Iterable[Any], constants: Constants, ends: Iterable[str] = ()) -> list[Any]:
    """Replace PRelu nodes; adds to `constants`, and changes convolutions before and after.

    Args:
        nodes: nodes of a graph, in order.
        constants: name -> weights.
        ends: names of the graph's outputs, which do not change.
    """
    kept = frozenset(ends)
    graph = _with_batch_norms_folded(list(nodes), constants, kept)
    for node in list(graph):
        if _is_prelu(node, constants) and node.output[0] not in kept:
            _make_mild(node, graph, constants, kept)
    makers = _sole_makers(graph, constants, kept)
    result: list[Any] = []
    for node in graph:
        maker = makers.get(node.input[0]) if node.input else None
        if not _is_prelu(node, constants):
            result.append(node)
        elif maker is not None and _is_twice_as_cheap(node, maker, constants):
            result.remove(maker)
            result += _two_convolutions(node, maker, constants)
        else:
            result += _two_passes(node, constants)
    return result


def _sole_makers(graph: list[Any], constants: Constants, kept: frozenset[str]) -> dict[str, Any]:
    """Name of a tensor -> the convolution that computes it, for tensors that one node reads and that are no output of the graph."""
    readers = [name for node in graph for name in node.input]
    made = {node.output[0]: node for node in graph if _is_convolution(node, constants)}
    return {name: node for name, node in made.items() if readers.count(name) == 1 and name not in kept}


def _with_batch_norms_folded(graph: list[Any], constants: Constants, kept: frozenset[str]) -> list[Any]:
    """Fold each BatchNormalization after a convolution into the weights of the convolution."""
    makers = _sole_makers(graph, constants, kept)
    for norm in [node for node in graph if node.op_type == "BatchNormalization"]:
        maker = makers.get(norm.input[0])
        if maker is None or any(name not in constants for name in norm.input[1:]):
            continue
        scale, shift, mean, variance = (constants[name].astype(np.float64) for name in norm.input[1:5])
        epsilon = next((attribute.f for attribute in norm.attribute if attribute.name == "epsilon"), 1e-5)
        factor = scale / np.sqrt(variance + epsilon)
        weights, bias = _weights(maker, constants)
        made = _convolution(maker, weights * _along(factor), (bias - mean) * factor + shift, norm.output[0], constants)
        graph[graph.index(norm)] = made
        graph.remove(maker)
    return graph


def _make_mild(node: Any, graph: list[Any], constants: Constants, kept: frozenset[str]) -> None:
    """Turn slopes above 1 into ones below: PRelu(x) with slope a is -PRelu(-a * x) with slope 1 / a.

    The factors are folded into the convolutions before and after; if there are other nodes, nothing is changed.
    """
    slope = constants[node.input[1]].ravel().astype(np.float64)
    is_steep = slope > 1
    maker = _sole_makers(graph, constants, kept).get(node.input[0])
    behind = [other for other in graph if node.output[0] in other.input]
    if not is_steep.any() or maker is None or not all(_is_convolution(other, constants) for other in behind):
        return
    weights, bias = _weights(maker, constants)
    if len(slope) != len(weights):  # one slope for all channels
        return
    factor = np.where(is_steep, -slope, 1.0)
    graph[graph.index(maker)] = _convolution(maker, weights * _along(factor), bias * factor, maker.output[0], constants)
    mild = np.where(is_steep, 1 / np.where(is_steep, slope, 1.0), slope).reshape(constants[node.input[1]].shape)
    node.input[1] = f"{node.output[0]}/mild"
    constants[node.input[1]] = mild.astype(np.float32)
    sign = np.where(is_steep, -1.0, 1.0)
    for other in behind:
        weights, bias = _weights(other, constants)
        by_input = _along(sign) if _group(other) > 1 else sign[None, :, None, None]
        graph[graph.index(other)] = _convolution(other, weights * by_input, bias, other.output[0], constants)


def _is_twice_as_cheap(node: Any, maker: Any, constants: Constants) -> bool:
    slope = constants[node.input[1]]
    if (slope > 1).any():
        return False
    weights = constants[maker.input[1]]
    return slope.size == len(weights) and int(np.prod(weights.shape[1:])) <= _CHEAP


def _two_convolutions(node: Any, maker: Any, constants: Constants) -> list[Any]:
    """Both parts by a convolution each: onnxruntime fuses Relu with the first, and the addition with the second."""
    slope, (weights, bias), out = constants[node.input[1]].ravel().astype(np.float64), _weights(maker, constants), node.output[0]
    rest = 1 - slope
    return [
        _convolution(maker, weights * _along(rest), bias * rest, f"{out}/half", constants),
        helper.make_node("Relu", [f"{out}/half"], [f"{out}/lift"]),
        _convolution(maker, weights * _along(slope), bias * slope, f"{out}/leak", constants),
        helper.make_node("Add", [f"{out}/leak", f"{out}/lift"], [out]),
    ]


def _two_passes(node: Any, constants: Constants) -> list[Any]:
    x, slope, out = node.input[0], constants[node.input[1]], node.output[0]
    constants[f"{out}/slope"], constants[f"{out}/rest"] = slope, (1 - slope).astype(slope.dtype)
    # If no slope is above 1, the factor comes first: onnxruntime then fuses it with Relu (1 of SFace's 16 ms).
    is_mild, rest = bool((slope <= 1).all()), f"{out}/rest"
    first, second = ("Mul", "Relu") if is_mild else ("Relu", "Mul")
    return [
        helper.make_node(first, [x, rest] if is_mild else [x], [f"{out}/half"]),
        helper.make_node(second, [f"{out}/half"] if is_mild else [f"{out}/half", rest], [f"{out}/lift"]),
        helper.make_node("Mul", [x, f"{out}/slope"], [f"{out}/leak"]),
        helper.make_node("Add", [f"{out}/leak", f"{out}/lift"], [out]),
    ]


def _is_prelu(node: Any, constants: Mapping[str, NDArray[Any]]) -> bool:
    return node.op_type == "PRelu" and node.input[1] in constants


def _is_convolution(node: Any, constants: Mapping[str, NDArray[Any]]) -> bool:
    """Whether a node is a 2-d convolution with constant weights, full or depthwise."""
    if node.op_type != "Conv" or any(name not in constants for name in node.input[1:]):
        return False
    weights = constants[node.input[1]]
    return weights.ndim == 4 and _group(node) in (1, len(weights)) and (_group(node) == 1 or weights.shape[1] == 1)


def _group(node: Any) -> int:
    return next((int(attribute.i) for attribute in node.attribute if attribute.name == "group"), 1)


def _weights(node: Any, constants: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights and bias (zeros if it has none) of a convolution."""
    weights = constants[node.input[1]].astype(np.float64)
    return weights, constants[node.input[2]].astype(np.float64) if len(node.input) > 2 else np.zeros(len(weights))


def _along(factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """A factor per output channel, shaped to multiply weights."""
    return factor.reshape(-1, 1, 1, 1)


def _convolution(like: Any, weights: NDArray[np.float64], bias: NDArray[np.float64], out: str, constants: Constants) -> Any:
    """A convolution of the same input with other weights, under new names."""
    constants[f"{out}/weights"], constants[f"{out}/bias"] = weights.astype(np.float32), bias.astype(np.float32)
    made = helper.make_node("Conv", [like.input[0], f"{out}/weights", f"{out}/bias"], [out])
    made.attribute.extend(like.attribute)
    return made
