"""Devices: which execution providers `models.device` asks onnxruntime for, and which it got."""

import json
from typing import Any

import onnxruntime as ort

from meetbefore_assets.core.errors import ModelError
from meetbefore_assets.core.installing import install_command

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
DEVICES = ("auto", *PROVIDERS)
# These packages replace the modules of onnxruntime and faiss-cpu.
GPU_PACKAGES = ("onnxruntime-gpu[cuda,cudnn]", "faiss-gpu")
OPENVINO_PACKAGES = ("onnxruntime-openvino",)
# What 'auto' tries, in this order. TensorRT builds an engine for minutes, and CoreML may compute in half precision: only on request.
_AUTO = ("cuda", "openvino", "cpu")
# Fallback providers: onnxruntime runs there what the first provider cannot.
_BEHIND = {"tensorrt": ("cuda", "cpu"), "cpu": ()}
_REMEDIES = {
    "openvino": f"Install it (`{install_command(OPENVINO_PACKAGES)}`), or use 'auto'.",
    "cuda": f"Install it (`{install_command(GPU_PACKAGES)}`) and check the driver, or use 'auto'.",
    "tensorrt": f"Install it (`{install_command([*GPU_PACKAGES, 'tensorrt'])}`), or use 'cuda' or 'auto'.",
    "coreml": "CoreML is part of macOS and of the onnxruntime for it; use 'auto' elsewhere.",
}

Provider = str | tuple[str, dict[str, str]]


def check_device(device: str) -> None:
    """Raise ModelError if a device is none of DEVICES."""
    if device not in DEVICES:
        raise ModelError(f"models.device is '{device}', expected one of {', '.join(DEVICES)}.")


def runtime_in_force() -> str:
    """Package and version of the loaded onnxruntime; of several installed packages that is the last one installed."""
    from onnxruntime.capi import build_and_package_info as built

    return f"{built.package_name} {built.__version__}"


def is_gpu_offered() -> bool:
    """Whether the installed onnxruntime supports CUDA, which 'auto' then tries."""
    return PROVIDERS["cuda"] in ort.get_available_providers()


def requested_providers(device: str, threads: int, callers: int = 1) -> list[Provider]:
    """The execution providers to request from onnxruntime, with their options.

    Args:
        device: one of DEVICES.
        threads: threads that share the work of one call; 0: the provider decides.
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
        # Inputs come in several sizes, and an exhaustive search for the fastest kernel would be repeated for each of them.
        # TF32 has ten bits of mantissa: vectors would differ from the CPU's by 1e-3, and results are compared to 1e-4.
        "cuda": {"cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested", "use_tf32": "0"},
        "tensorrt": {"trt_fp16_enable": "False"},
        "openvino": {"device_type": "CPU", "load_config": json.dumps({"CPU": _openvino(threads, callers)})},
    }
    return (PROVIDERS[device], options[device]) if device in options else PROVIDERS[device]


def _openvino(threads: int, callers: int) -> dict[str, str]:
    """One stream per caller; OpenVINO chooses the precision, bfloat16 if the processor supports it (AMX, AVX512-BF16).

    Cosine to the vectors of onnxruntime's CPU provider, for 400 faces of the labelled footage with SFace on one thread: at least
    0.9999999 in single precision (largest difference 6e-7), at least 0.9991 in bfloat16. On a processor without bfloat16, it is three
    times slower.
    """
    return {"NUM_STREAMS": str(callers), **({"INFERENCE_NUM_THREADS": str(threads * callers)} if threads else {})}


def obtained_device(made: Any) -> str:
    """The device that a session really runs on: the name of its first provider, one of PROVIDERS."""
    first = made.get_providers()[0]
    return next(name for name, provider in PROVIDERS.items() if provider == first)


def not_obtained(device: str, obtained: list[str]) -> ModelError:
    """The error for a device that was requested and not obtained; it names both, and what this onnxruntime offers."""
    return ModelError(
        f"models.device is '{device}': expected {PROVIDERS[device]}, obtained {', '.join(obtained)} "
        f"(this onnxruntime offers {', '.join(ort.get_available_providers())}).",
        remedy=_REMEDIES.get(device, "Use 'auto'."),
    )
