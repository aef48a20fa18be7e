"""Tells detectors from recognisers by their ONNX graph."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from meetbefore_assets.core.errors import PackBrokenError
from meetbefore_assets.core.model_packs import Kind


def classify_model(path: Path) -> tuple[Kind, int]:
    """Kind of a model, and the size of a recogniser's vectors (else 0); cached while the file is unchanged.

    Raises:
        PackBrokenError: it is no ONNX model, or only a part of one.
    """
    status = path.stat()
    return _classify_cached(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _classify_cached(path: Path, _size: int, _mtime_ns: int) -> tuple[Kind, int]:
    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except (OSError, DecodeError) as error:
        raise _torn(path, str(error)) from error
    if not graph.node or not graph.output:
        raise _torn(path, "it has no graph")
    return _classify(graph)


def _torn(path: Path, why: str) -> PackBrokenError:
    return PackBrokenError(f"{path}: expected an ONNX model, found something else or a part of one ({why}).", remedy="Replace the file.")


def _classify(graph: Any) -> tuple[Kind, int]:
    weights = {tensor.name for tensor in graph.initializer}
    read = {name for node in graph.node for name in node.input}  # SFace lists weights as inputs, even some that do not exist
    inputs = [_shape(value) for value in graph.input if value.name in read - weights]
    outputs = {value.name: _shape(value) for value in graph.output}
    if len(inputs) != 1 or len(inputs[0]) != 4 or inputs[0][1] != 3:
        return "other", 0
    if {"cls_8", "obj_8", "bbox_8", "kps_8"} <= outputs.keys():
        return "yunet", 0
    if len(outputs) in (9, 15):
        return "scrfd", 0
    if len(outputs) in (6, 10):
        return "blind detector", 0  # SCRFD without landmarks: faces could not be aligned
    (shape, *others) = outputs.values()
    is_recogniser = inputs[0][2:] == [112, 112] and not others and len(shape) == 2 and shape[1] >= 64
    return ("recogniser", shape[1]) if is_recogniser else ("other", 0)


def _shape(value: Any) -> list[int]:
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]
