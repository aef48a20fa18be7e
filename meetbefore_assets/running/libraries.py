"""Checks before the first video that libraries with compiled parts work, since a failure when they are needed could cost hours.

Each is imported by name, and one function or class of it is looked for.
"""

import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from meetbefore_assets.core.errors import InstallationError
from meetbefore_assets.core.installing import install_command, installed_version, requirement
from meetbefore_assets.faces.models.insightface_models import model_classes

# Module -> an attribute that a complete one has, and the package that installs it. Where two packages install the same module and one
# is removed, an empty folder may be left that can still be imported; hence the attribute.
LIBRARIES = {
    "av": ("open", "av"),
    "cv2": ("FaceDetectorYN", "opencv-python-headless"),
    "onnx": ("load_model", "onnx"),
    "onnxruntime": ("InferenceSession", "onnxruntime"),
    "faiss": ("IndexFlatIP", "faiss-cpu"),
    "insightface": ("", "insightface"),
}
# The libraries that matching, scoring and publishing need.
FOR_MATCHING = ("faiss",)


def check_installed() -> None:
    """Check that all libraries are installed, without loading them (a millisecond).

    Raises:
        InstallationError: one is missing; the remedy is the command that installs it.
    """
    for module in LIBRARIES:
        if not _is_there(module):
            raise _error(module, "it is not installed")


@cache
def check_libraries(names: tuple[str, ...] = tuple(LIBRARIES)) -> None:
    """Load some or all of the libraries (all: half a second, the first time).

    Raises:
        InstallationError: one is missing or broken; the remedy is the command that repairs it.
    """
    for error in broken_libraries(names):
        raise error


def broken_libraries(names: tuple[str, ...] = tuple(LIBRARIES)) -> list[InstallationError]:
    """Load some libraries; return an error for each that cannot be used."""
    found = [_error(module, reason) for module in names if module != "insightface" and (reason := _why_broken(module))]
    # insightface needs the others, so it is tried only where they work.
    reason = "" if found or "insightface" not in names else _why_broken("insightface")
    return [*found, _error("insightface", reason)] if reason else found


def _why_broken(module: str) -> str:
    try:
        if module == "insightface":
            model_classes()
            return ""
        attribute = LIBRARIES[module][0]
        return "" if hasattr(import_module(module), attribute) else f"it has no {attribute}: it is incomplete"
    except (ImportError, OSError, AttributeError) as error:
        return str(error)


def _is_there(module: str) -> bool:
    if module in sys.modules:
        return sys.modules[module] is not None
    spec = find_spec(module)
    return spec is not None and spec.origin is not None


def _error(module: str, reason: str) -> InstallationError:
    package = LIBRARIES[module][1]
    command = install_command([requirement(package)], again=bool(installed_version(package)))
    return InstallationError(f"The library {module} cannot be used ({reason.rstrip('.')}).", remedy=f"Install it: {command}")
