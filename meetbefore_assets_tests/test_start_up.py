"""What is loaded to begin with: a second of imports is a second of everybody's waiting."""

import ast
import subprocess
import sys

FIND_THE_PACK = """
from pathlib import Path
import meetbefore_assets.cli.terminal.progress, meetbefore_assets.running.run
from meetbefore_assets.faces.models.find_pack import find_pack
find_pack("sface", Path("."))
"""


def loaded_by(code: str, names: set[str]) -> list[str]:
    """Those of some modules that are loaded after running code in a fresh process."""
    asked = f"import sys\n{code}\nprint(sorted({names!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    return list(ast.literal_eval(done.stdout))


def test_deciding_that_nothing_is_to_do_loads_no_model_library_and_no_scipy() -> None:
    assert loaded_by(FIND_THE_PACK, {"onnx", "onnxruntime", "requests", "scipy", "insightface", "dagster", "cv2"}) == []


def test_the_models_load_without_the_application_around_them_which_can_still_be_imported() -> None:
    names = {"insightface.app", "scipy.spatial", "skimage.transform._geometric"}
    assert loaded_by("import meetbefore_assets.faces.models.face_models", names) == []
    code = "import meetbefore_assets.faces.models.face_models as ours, insightface\n"
    code += "assert insightface.app.FaceAnalysis and insightface.model_zoo.arcface_onnx.ArcFaceONNX is ours.ArcFaceONNX"
    assert loaded_by(code, {"insightface.app"}) == ["insightface.app"]
