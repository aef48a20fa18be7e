"""The layers: what may be imported where, proved in fresh processes."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "meetbefore_assets"
OUTSIDE = ("dagster", "cv2", "duckdb", "faiss", "onnx", "onnxruntime", "insightface", "av", "skimage", "rich", "click", "filelock")
DOMAIN = sorted(f"meetbefore_assets.domain.{path.stem}" for path in (PACKAGE / "domain").glob("*.py") if path.stem != "__init__")


def imports(path: Path) -> set[str]:
    """Modules of ours that a file imports anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_the_domain_imports_no_library_of_the_outside_world() -> None:
    code = f"import sys\n{''.join(f'import {name}{chr(10)}' for name in DOMAIN)}print(sorted(set({OUTSIDE!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_domain_and_the_steps_know_no_adapter_and_no_dagster() -> None:
    for folder in ("domain", "steps"):
        for path in (PACKAGE / folder).glob("*.py"):
            bad = {name for name in imports(path) if name.startswith(("meetbefore_assets.adapters", "meetbefore_assets.assets", "dagster"))}
            assert not bad, f"{path.name} imports {bad}"


@pytest.mark.parametrize("folder", ["assets"])
def test_assets_know_no_adapter(folder: str) -> None:
    for path in (PACKAGE / folder).glob("*.py"):
        assert not {name for name in imports(path) if name.startswith("meetbefore_assets.adapters")}, path.name


def test_no_asset_module_postpones_annotations() -> None:
    """Dagster reads annotations when the asset is declared (dagster#26837)."""
    for path in (PACKAGE / "assets").glob("*.py"):
        assert "__future__" not in path.read_text(encoding="utf-8"), path.name


def test_commands_that_only_read_load_no_heavy_library() -> None:
    code = (
        "import sys\nimport meetbefore_assets.cli, meetbefore_assets.reading, meetbefore_assets.report.terminal, meetbefore_assets.runner\n"
        "print(sorted({'dagster', 'cv2', 'onnxruntime', 'faiss', 'insightface', 'av', 'duckdb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_ranking_is_read_without_what_decides_it() -> None:
    code = (
        "import sys\nimport meetbefore_assets.cli, meetbefore_assets.reading, meetbefore_assets.report.terminal\n"
        "print(sorted({'scipy', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
