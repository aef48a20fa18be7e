"""Devices: which execution providers `models.device` asks onnxruntime for, and which it got."""

import json
from typing import Any

import onnxruntime as ort

from meetbefore_assets.core.errors import ModelError

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
DEVICES = ("auto", *PROVIDERS)
# What 'auto' tries, in this order. TensorRT builds an engine for minutes, and CoreML may compute in half precision: only when asked for.
_AUTO = ("cuda", "openvino", "cpu")
# onnxruntime runs on the next provider what the one before cannot.
_BEHIND = {"tensorrt": ("cuda", "cpu"), "cpu": ()}
_REMEDIES = {
    "openvino": "Install the openvino dependency group (`uv sync --no-group cpu --group openvino`), or use 'auto'.",
    "cuda": "Install the gpu dependency group (`uv sync --no-group cpu --group gpu`) and check the driver, or use 'auto'.",
    "tensorrt": "Install the gpu dependency group and TensorRT's libraries (`uv pip install tensorrt`), or use 'cuda' or 'auto'.",
    "coreml": "CoreML is part of macOS and of the onnxruntime for it; use 'auto' elsewhere.",
}

Provider = str | tuple[str, dict[str, str]]


def check_device(device: str) -> None:
    """Raises ModelError where it is none of DEVICES."""
    if device not in DEVICES:
        raise ModelError(f"models.device is '{device}', expected one of {', '.join(DEVICES)}.")


def is_gpu_offered() -> bool:
    """Whether the installed onnxruntime is one for CUDA, which 'auto' then tries."""
    return PROVIDERS["cuda"] in ort.get_available_providers()


def requested_providers(device: str, threads: int, callers: int = 1) -> list[Provider]:
    """The providers to ask onnxruntime for, with their options.

    Args:
        device: one of DEVICES.
        threads: that share the work of one call; 0: as many as the provider likes.
        callers: threads that call the model at the same time.

    Raises:
        ModelError: the device is none of DEVICES, or the installed onnxruntime does not offer it.
    """
    check_device(device)
    offered = ort.get_available_providers()
    wanted = next(name for name in _AUTO if name == "cpu" or PROVIDERS[name] in offered) if device == "auto" else device
    if PROVIDERS[wanted] not in offered:
        raise not_obtained(wanted, [PROVIDERS["cpu"]])
    if wanted in ("cuda", "tensorrt"):
        ort.preload_dlls()  # CUDA and cuDNN from their wheels
    chain = [name for name in (wanted, *_BEHIND.get(wanted, ("cpu",))) if PROVIDERS[name] in offered]
    return [_with_options(name, threads, callers) for name in chain]


def _with_options(device: str, threads: int, callers: int) -> Provider:
    options: dict[str, dict[str, str]] = {
        # Pictures and batches come in several sizes, and an exhaustive search for the fastest kernel is made anew for each of them.
        # TF32 has ten bits: vectors would part from the CPU's by 1e-3, where results are compared to 1e-4.
        "cuda": {"cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested", "use_tf32": "0"},
        "tensorrt": {"trt_fp16_enable": "False"},
        "openvino": {"device_type": "CPU", "load_config": json.dumps({"CPU": _openvino(threads, callers)})},
    }
    return (PROVIDERS[device], options[device]) if device in options else PROVIDERS[device]


def _openvino(threads: int, callers: int) -> dict[str, str]:
    """A stream for each caller; the precision is left to OpenVINO, which takes bfloat16 where the processor has it (AMX, AVX512-BF16).

    400 faces of the labelled footage, SFace, one thread, cosine to onnxruntime's own vectors: in single precision at least 0.9999999
    (largest difference 6e-7), in bfloat16 at least 0.9991. On a processor without it bfloat16 is three times slower.
    """
    return {"NUM_STREAMS": str(callers), **({"INFERENCE_NUM_THREADS": str(threads * callers)} if threads else {})}


def obtained_device(made: Any) -> str:
    """Where a session really runs: the name of its first provider, one of PROVIDERS."""
    first = made.get_providers()[0]
    return next(name for name, provider in PROVIDERS.items() if provider == first)


def not_obtained(device: str, obtained: list[str]) -> ModelError:
    """Names what was asked for, what was got, and what this onnxruntime has."""
    return ModelError(
        f"models.device is '{device}': expected {PROVIDERS[device]}, obtained {', '.join(obtained)} "
        f"(this onnxruntime offers {', '.join(ort.get_available_providers())}).",
        remedy=_REMEDIES.get(device, "Use 'auto'."),
    )
