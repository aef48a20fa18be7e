"""Libraries that report to their makers are told not to before they are loaded, whichever module loads them first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOADERS = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for path in (ROOT / "meetbefore_assets").rglob("*.py")
    if "import onnxruntime" in path.read_text(encoding="utf-8")
)


def test_some_module_loads_onnxruntime() -> None:
    assert "meetbefore_assets.faces.models.onnx_session" in LOADERS


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="onnxruntime keeps its figures elsewhere")
@pytest.mark.parametrize("module", LOADERS)
def test_onnxruntime_keeps_no_usage_figures_and_starts_no_thread_that_sends_them(module: str, tmp_path: Path) -> None:
    """It would keep an id of the machine and a queue of figures in the user's cache, and send them from a thread of its own."""
    environment = {name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")}
    environment |= {"HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

    code = f"import {module}, os; print(len(os.listdir('/proc/self/task')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert [str(path) for path in tmp_path.rglob("*") if path.is_file()] == []
    assert int(done.stdout) == 1
