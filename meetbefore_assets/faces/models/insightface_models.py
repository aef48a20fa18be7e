"""Imports InsightFace's model classes without the rest of the package.

`import insightface` also loads its application (liveness, body poses, scikit-image's geometry, scipy.spatial): 0.8 s of 1.3 s without
cached bytecode, 0.3 s of 0.5 s with it, in every process that works on videos. So its model_zoo is imported below a package whose own
__init__ is not run; a later `import insightface` still gets all of it.
"""

import importlib.util
import sys
from types import ModuleType
from typing import Any

NAME = "insightface"


def model_classes() -> tuple[Any, Any]:
    """InsightFace's classes ArcFaceONNX and SCRFD."""
    bare = _bare_package()
    if bare is not None:
        sys.modules[NAME] = bare
    try:
        from insightface.model_zoo.arcface_onnx import ArcFaceONNX
        from insightface.model_zoo.scrfd import SCRFD
    finally:
        if bare is not None:
            del sys.modules[NAME]
    return ArcFaceONNX, SCRFD


def _bare_package() -> ModuleType | None:
    """An empty module with the package's path; None if it is loaded already, or not installed (importing it then says so)."""
    spec = None if NAME in sys.modules else importlib.util.find_spec(NAME)
    return importlib.util.module_from_spec(spec) if spec else None
