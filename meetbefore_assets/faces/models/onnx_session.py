"""Opens onnxruntime sessions, and rewrites ONNX graphs to run faster with the same results."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from meetbefore_assets.core.errors import PackBrokenError
from meetbefore_assets.faces.models.devices import not_obtained, obtained_device, requested_providers
from meetbefore_assets.faces.models.onnx_prelu import without_prelu
from meetbefore_assets.faces.models.onnx_widening import CHANNEL_BLOCK, merge_convolutions, widen_convolutions

_ERRORS_ONLY, _FATAL_ONLY = 3, 4
# Waiting threads do not spin. SFace, ms of processor time a face on two busy cores (benchmarks/threads.py): one thread 22, two threads 27,
# two spinning threads 43; two processes with one thread 23, with two spinning threads 46. So a model gets one thread per caller, and
# several pictures are processed at once instead.
SPINNING = "0"

ort.disable_telemetry_events()


def session(model: Path | bytes, *, device: str, threads: int = 1, callers: int = 1) -> Any:
    """Open an onnxruntime InferenceSession.

    Args:
        model: a file, or a serialised model.
        device: one of `devices.DEVICES`; 'auto' uses the best one that works, others must be obtained.
        threads: threads that share the work of one call; 0: onnxruntime decides.
        callers: threads that call it at the same time.

    Raises:
        ModelError: the device was requested and not obtained, or is none of DEVICES.
        PackBrokenError: the model cannot be loaded.
    """
    requested = requested_providers(device, threads, callers)
    # onnxruntime-gpu lists CUDA on machines without a GPU and complains on stderr when it falls back: for 'auto' that is no error
    ort.set_default_logger_severity(_FATAL_ONLY if device == "auto" else _ERRORS_ONLY)
    try:
        made = ort.InferenceSession(model if isinstance(model, bytes) else str(model), _options(threads), providers=requested)
    except Exception as error:  # its exceptions have no common base of their own
        what = model.name if isinstance(model, Path) else "the rewritten model"
        raise PackBrokenError(f"onnxruntime could not load {what}: {error}.", remedy="Replace the file with a whole one.") from error
    finally:
        ort.set_default_logger_severity(_ERRORS_ONLY)
    if device not in ("auto", obtained_device(made)):
        raise not_obtained(device, made.get_providers())
    return made


def _options(threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = max(0, threads)
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", SPINNING)
    options.add_session_config_entry("session.inter_op.allow_spinning", SPINNING)
    return options


def prepare_recogniser(path: Path) -> bytes:
    """Rewrite a recogniser to run faster: dequantised weights, PRelu replaced, any batch size.

    SFace on one thread of a busy 2-core machine (ms a face, least of 30): as shipped 44, dequantised 21 to 41, and without PRelu 15 to 19;
    vectors differ by less than 2e-6.

    Raises:
        PackBrokenError: not an ONNX file.
    """
    shell, nodes, constants = _rewritten(path)
    return _model(shell, nodes, constants)


def halve_recogniser(path: Path) -> tuple[bytes, bytes | None]:
    """Like `prepare_recogniser`, in two models: up to the fully connected layer, and from there on (None if there is no such layer).

    The layers before it are fastest with one face, when everything fits into the caches; the fully connected layer reads all its weights
    for every batch (25 MB, 2.2 of SFace's 16 ms, and a tenth of that per face in batches of 32).

    Raises:
        PackBrokenError: not an ONNX file.
    """
    shell, nodes, constants = _rewritten(path)
    last = next((place for place, node in enumerate(nodes) if node.op_type == "Gemm"), None)
    if last is None or not _is_a_waist(shell, nodes, constants, last):
        return _model(shell, nodes, constants), None
    waist = helper.make_tensor_value_info(
        nodes[last].input[0], onnx.TensorProto.FLOAT, ["batch", constants[nodes[last].input[1]].shape[_depth(nodes[last])]]
    )
    front, back = onnx.ModelProto(), onnx.ModelProto()
    for half in (front, back):
        half.CopyFrom(shell)
        ends = half.graph.output if half is front else half.graph.input
        del ends[:]
        ends.append(waist)
    return _model(front, nodes[:last], constants), _model(back, nodes[last:], constants)


def _is_a_waist(shell: Any, nodes: list[Any], constants: Mapping[str, NDArray[Any]], place: int) -> bool:
    """Whether the graph can be cut at `place`: the nodes from there on read of the earlier ones only the first input of that node."""
    made = {name for node in nodes[:place] for name in node.output} | {value.name for value in shell.graph.input}
    read = {name for node in nodes[place:] for name in node.input} | {value.name for value in shell.graph.output}
    return (read & made) - constants.keys() == {nodes[place].input[0]} and nodes[place].input[1] in constants


def _depth(gemm: Any) -> int:
    """The summed axis of a Gemm's weights."""
    return 1 if any(attribute.name == "transB" and attribute.i for attribute in gemm.attribute) else 0


def _rewritten(path: Path) -> tuple[Any, list[Any], dict[str, NDArray[Any]]]:
    """A recogniser's model without nodes and weights (which are large to copy), the rewritten nodes, and all weights."""
    model = load_onnx(path)
    drop_weights_from_inputs(model)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    ends = [value.name for value in model.graph.output]
    nodes = without_prelu(_folded(model.graph.node, constants), constants, ends)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    for field in ("node", "initializer", "value_info"):
        model.graph.ClearField(field)
    return model, nodes, constants


def _model(shell: Any, nodes: list[Any], constants: Mapping[str, NDArray[Any]]) -> bytes:
    """Serialise a model of some nodes and the weights that they read; changes `shell`."""
    _replace_nodes(shell, nodes, constants)
    return bytes(shell.SerializeToString())


def prepare_detector(path: Path, block: int = CHANNEL_BLOCK) -> bytes:
    """Rewrite SCRFD or YuNet to run faster, and for any height and width (multiples of 32), while its file needlessly fixes 640 x 640.

    Args:
        path: the model.
        block: channels per block (`onnx_widening`).

    Raises:
        PackBrokenError: not an ONNX file.
    """
    model = load_onnx(path)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = merge_convolutions(_folded(model.graph.node, constants), constants, block, _opset(model))
    ends = [value.name for value in (*model.graph.input, *model.graph.output)]
    _replace_nodes(model, widen_convolutions(nodes, constants, ends, block), constants)
    height, width = model.graph.input[0].type.tensor_type.shape.dim[2:4]
    height.dim_param, width.dim_param = "height", "width"
    for value in model.graph.output:
        dims = value.type.tensor_type.shape.dim
        if len(dims) >= 2:  # (1, anchors, k) or (anchors, k): the number of anchors depends on the picture size
            dims[-2].dim_param = f"{value.name}_anchors"
    return bytes(model.SerializeToString())


def normalises_itself(path: Path) -> bool:
    """Whether the graph itself starts with subtracting a mean and scaling, wherever those nodes are in the file."""
    model = load_onnx(path)
    drop_weights_from_inputs(model)
    first = _consumers(model, {model.graph.input[0].name})
    second = _consumers(model, {name for node in first for name in node.output})
    return {node.op_type for node in first} == {"Sub"} and {node.op_type for node in second} <= {"Mul", "Div"} and bool(second)


def _consumers(model: Any, names: set[str]) -> list[Any]:
    return [node for node in model.graph.node if names & set(node.input)]


def load_onnx(path: Path) -> Any:
    """Load the ONNX model of a file.

    Raises:
        PackBrokenError: the file cannot be read, is torn, or is no ONNX model.
    """
    try:
        model = onnx.load(str(path))
    except (OSError, DecodeError, ValueError) as error:
        raise _no_model(path, str(error)) from error
    if not model.graph.node or not model.graph.input or not model.graph.output:
        raise _no_model(path, "it has no graph")
    return model


def _no_model(path: Path, why: str) -> PackBrokenError:
    return PackBrokenError(f"{path}: expected an ONNX model, found something else or a part of one ({why}).", remedy="Replace the file.")


def drop_weights_from_inputs(model: Any) -> None:
    """Remove weights from the inputs, where older files list them (SFace's even removed ones): onnxruntime would require them as inputs."""
    weights = {tensor.name for tensor in model.graph.initializer}
    read = {name for node in model.graph.node for name in node.input}
    inputs = [value for value in model.graph.input if value.name in read - weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)


def _opset(model: Any) -> int:
    """Version of ONNX's own operators that a model is written in."""
    return next((int(entry.version) for entry in model.opset_import if not entry.domain), 1)


def _folded(nodes: Iterable[Any], constants: dict[str, NDArray[Any]]) -> list[Any]:
    """Fold constants, and DequantizeLinear and Reshape of constants; returns the remaining nodes, and adds to `constants`."""
    left = []
    for node in nodes:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type in ("DequantizeLinear", "Reshape") and all(name in constants for name in node.input if name):
            values = [constants[name] for name in node.input if name]
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            fold = _dequantised if node.op_type == "DequantizeLinear" else _reshaped
            constants[node.output[0]] = fold(values, attributes)
        else:
            left.append(node)
    return left


def _dequantised(values: list[NDArray[Any]], attributes: Mapping[str, Any]) -> NDArray[Any]:
    """Dequantise: (x - zero point) * scale, with one scale for all, one per index of an axis, or one per block along it (opset 21)."""
    quantised, scale = values[0], values[1]
    zero = values[2] if len(values) > 2 else np.zeros_like(scale, dtype=quantised.dtype)
    axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)

    def spread(per_block: NDArray[Any]) -> NDArray[Any]:
        if per_block.size == 1:
            return per_block.reshape(())
        if block:
            return np.repeat(per_block, block, axis).take(range(quantised.shape[axis]), axis)
        return per_block.reshape([-1 if i == axis % quantised.ndim else 1 for i in range(quantised.ndim)])

    difference = quantised.astype(np.int32) - spread(zero).astype(np.int32)
    return np.asarray(difference.astype(scale.dtype) * spread(scale))


def _reshaped(values: list[NDArray[Any]], attributes: Mapping[str, Any]) -> NDArray[Any]:
    data, shape = values[0], values[1].tolist()
    if not attributes.get("allowzero", 0):
        shape = [data.shape[i] if size == 0 else size for i, size in enumerate(shape)]
    return data.reshape(shape)


def _replace_nodes(model: Any, nodes: list[Any], constants: Mapping[str, NDArray[Any]]) -> None:
    used = {name for node in nodes for name in node.input}
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items() if name in used]
    for field, items in (("node", nodes), ("initializer", weights)):
        del getattr(model.graph, field)[:]
        getattr(model.graph, field).extend(items)
    drop_weights_from_inputs(model)
    del model.graph.value_info[:]
