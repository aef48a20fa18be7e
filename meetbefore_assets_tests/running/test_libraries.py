"""Libraries that are missing or broken are told before the first video, with the command that mends it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from meetbefore_assets.core import installing
from meetbefore_assets.core.errors import InstallationError
from meetbefore_assets.core.installing import extra_requirements, install_command, requirement
from meetbefore_assets.running import libraries

pytestmark = pytest.mark.slow

BROKEN = {
    "cv2": (
        'raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")',
        "libGL.so.1",
        "opencv-python-headless",
    ),
    "faiss": ('raise ModuleNotFoundError("No module named \'faiss\'", name="faiss")', "No module named 'faiss'", "faiss-cpu"),
    "onnxruntime": ("", "it has no InferenceSession", "onnxruntime"),
}


def command(tmp_path: Path, *words: str, **broken: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ours in a process in which some libraries are others."""
    for name, code in broken.items():
        (tmp_path / "libraries" / name).mkdir(parents=True)
        (tmp_path / "libraries" / name / "__init__.py").write_text(code)
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "libraries"), "MEETBEFORE_HOME": str(tmp_path / "home"), "COLUMNS": "400"}
    words = (sys.executable, "-m", "meetbefore_assets", *words)
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def test_all_are_well_here() -> None:
    libraries.check_installed()
    libraries.check_libraries()
    assert libraries.broken_libraries() == []


@pytest.mark.parametrize("name", BROKEN)
def test_doctor_names_a_broken_library_and_ends_with_one(tmp_path: Path, name: str) -> None:
    code, said, package = BROKEN[name]
    done = command(tmp_path, "doctor", **{name: code})
    assert done.returncode == 1, done.stderr
    assert said in done.stdout
    assert f"{package}{requirement(package).removeprefix(package)}" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("words", [("demo",), ("run", "FOLDER")])
def test_nothing_begins_with_a_broken_library(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "DJI_20250101100000_0001.mp4").write_bytes(b"")
    done = command(tmp_path, *(word.replace("FOLDER", str(tmp_path / "videos")) for word in words), cv2=BROKEN["cv2"][0])
    assert done.returncode == 2
    assert "The library cv2 cannot be used (libGL.so.1: cannot open" in done.stderr
    assert "opencv-python-headless" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "home").rglob("*.parquet"))


def test_a_library_that_is_not_there_is_found_without_loading_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(InstallationError, match=r"The library faiss cannot be used \(it is not installed\)") as caught:
        libraries.check_installed()
    assert "faiss-cpu" in caught.value.remedy


def test_the_folder_that_a_removed_package_leaves_is_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "left_behind").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(libraries, "LIBRARIES", {"left_behind": ("open", "left-behind")})
    with pytest.raises(InstallationError, match="not installed"):
        libraries.check_installed()
    assert "it has no open" in libraries._why_broken("left_behind")


def test_commands_are_for_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "find_spec", lambda _name: object())
    assert install_command(["b[c]>1"], again=True) == f"{sys.executable} -m pip install --force-reinstall --no-deps 'b[c]>1'"
    monkeypatch.setattr(installing, "find_spec", lambda _name: None)
    assert install_command(["b"]) == f"uv pip install --python {sys.executable} b"
    assert install_command(["b"], again=True) == f"uv pip install --python {sys.executable} --reinstall --no-deps b"


def test_requirements_are_those_of_the_project() -> None:
    assert requirement("onnx").startswith("onnx")
    assert "runtime" not in requirement("onnx")
    assert requirement("nobody-asks-for-this") == "nobody-asks-for-this"
    assert [line.partition("[")[0].partition("<")[0] for line in extra_requirements("ray")] == ["dagster-ray", "ray"]
    assert extra_requirements("no-such-extra") == []
