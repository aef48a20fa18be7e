"""The layers: which folder may import which, which library belongs where, and what commands load."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

NAME = "meetbefore_assets"
PACKAGE = Path(__file__).resolve().parents[1] / NAME

# From top to bottom: each may import what stands under it, and nothing else. `cli` loads `definitions` when a command needs it.
ORDER = (
    "__main__",
    "cli",
    "web",
    "demo",
    "definitions",
    "defs",
    "running",
    "open_home",
    "forgetting",
    "upkeep",
    "asking",
    "publishing",
    "review",
    "encounters",
    "identities",
    "faces",
    "recordings",
    "home",
    "storage",
    "core",
)

# Libraries of the outside world -> the folders (or modules) in which alone they may be imported, also lazily.
LIBRARIES = {
    "dagster": ("definitions", "defs", "running"),
    "starlette": ("web",),
    "uvicorn": ("web",),
    "ray": ("running",),
    "psutil": ("running",),
    "sqlalchemy": ("running",),
    "alembic": ("running",),
    "rich": ("cli",),
    "click": ("cli",),
    "av": ("recordings.video", "demo"),
    "cv2": ("recordings.video", "faces.models", "demo"),
    "PIL": ("recordings.video",),
    "pillow_heif": ("recordings.video",),
    "defusedxml": ("recordings.files",),
    "onnx": ("faces.models",),
    "onnxruntime": ("faces.models",),
    "insightface": ("faces.models",),
    "requests": ("faces.models",),
    "faiss": ("identities.vector_index",),
    "pgvector": ("identities.vector_index",),
    "duckdb": ("storage",),
    "obstore": ("storage",),
    "psycopg2": ("storage",),
    "pyarrow": ("storage",),
    "filelock": ("storage",),
    "jinja2": ("publishing.page", "web"),
    "icalendar": ("publishing.exports",),
    "tomlkit": ("home.settings",),
}

# Modules that only compute. They import numpy, scipy, polars, each other, the declarations of `core`, and the types of settings.
ARITHMETIC = {
    "home.record.suppression_match",
    "recordings.camera_names",
    "recordings.clock_sources",
    "recordings.file_kinds",
    "recordings.gps",
    "recordings.identifiers",
    "recordings.timestamps",
    "faces.alignment",
    "faces.gates",
    "faces.lighting",
    "faces.linking",
    "faces.quality",
    "faces.sampling",
    "faces.unit_vectors",
    "identities.correction_links",
    "identities.corrections",
    "identities.edges",
    "identities.evidence",
    "identities.grouping",
    "identities.id_changes",
    "identities.alike_pairs",
    "identities.joining",
    "identities.known_names",
    "identities.group_neighbours",
    "identities.open_set",
    "identities.person_ids",
    "identities.place_fit",
    "identities.simple_linkage",
    "identities.threshold_survival",
    "identities.thresholds",
    "identities.vectors",
    "encounters.chance_model",
    "encounters.company",
    "encounters.encounters",
    "encounters.news_items",
    "encounters.person_facts",
    "encounters.rhythm",
    "encounters.score",
    "review.meeting_changes",
    "review.statements",
    "review.unsure",
    "upkeep.plausibility",
}
# One idea a file; longer ones hold two.
MOST_LINES = 400
COMPUTING = {"numpy", "scipy", "polars", "regex"}
DECLARATIONS = ("core.", "home.settings.sections")


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its name, "cli.main"; a package is known by its folder's name."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix("."): path
        for path in PACKAGE.rglob("*.py")
    }


@cache
def imports(module: str) -> tuple[frozenset[str], frozenset[str]]:
    """Modules of ours and libraries that a module imports anywhere: at its top, inside functions, and for type checking."""
    ours, libraries = set[str](), set[str]()
    for node in ast.walk(ast.parse(modules()[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names] if str(node.module).startswith(NAME) else [str(node.module)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if not name.startswith(f"{NAME}."):
                libraries.add(name.partition(".")[0])
                continue
            path = name.removeprefix(f"{NAME}.")
            ours.add(path if path in modules() else path.rpartition(".")[0])
    return frozenset(ours - {module, ""}), frozenset(libraries - set(sys.stdlib_module_names) - {NAME})


def room(module: str) -> str:
    """The folder, or the module at the root, that a module belongs to."""
    return module.partition(".")[0]


def test_the_root_holds_four_modules_and_the_folders_of_the_order() -> None:
    at_root = {path.stem for path in PACKAGE.glob("*.py")}
    assert at_root == {"__init__", "__main__", "definitions", "open_home"}
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert at_root - {"__init__"} | folders <= set(ORDER)


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_run_downwards_only(module: str) -> None:
    wrong = {other for other in imports(module)[0] if module and ORDER.index(room(other)) < ORDER.index(room(module))}
    assert wrong == set(), f"{module} imports what stands above it"


def test_no_modules_import_each_other_in_a_circle() -> None:
    found, path, done = list[str](), list[str](), set[str]()

    def visit(module: str) -> None:
        if module in path:
            found.append(" -> ".join([*path[path.index(module) :], module]))
        elif module not in done:
            path.append(module)
            for other in sorted(imports(module)[0]):
                visit(other)
            done.add(path.pop())

    for module in sorted(modules()):
        visit(module)
    assert found == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries_stay_in_their_folders(library: str) -> None:
    allowed = LIBRARIES[library]
    users = {module for module in modules() if library in imports(module)[1]}
    assert {module for module in users if not any(module == place or module.startswith(f"{place}.") for place in allowed)} == set()


@pytest.mark.parametrize("module", sorted(ARITHMETIC))
def test_arithmetic_is_pure(module: str) -> None:
    ours, libraries = imports(module)
    assert libraries <= COMPUTING
    assert {other for other in ours if other not in ARITHMETIC and not other.startswith(DECLARATIONS)} == set()


def test_arithmetic_loads_no_library_of_the_outside_world() -> None:
    code = "import sys\n" + "".join(f"import {NAME}.{module}\n" for module in sorted(ARITHMETIC))
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print(sorted({set(LIBRARIES)!r} & set(sys.modules)))"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_no_file_has_more_than_400_lines() -> None:
    paths = [path for folder in (PACKAGE, PACKAGE.parent / f"{NAME}_tests", PACKAGE.parent / "benchmarks") for path in folder.rglob("*.py")]
    assert len(paths) > 400
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_no_asset_module_postpones_annotations() -> None:
    """Dagster reads annotations when the asset is declared (dagster#26837)."""
    for path in (PACKAGE / "defs").rglob("*.py"):
        assert "__future__" not in path.read_text(encoding="utf-8"), path.name


READING = ("cli.main", "identities.queries", "cli.terminal.ranking")


@pytest.mark.parametrize(
    ("loaded", "unloaded"),
    [
        ((*READING, "running.run"), {"dagster", "cv2", "onnxruntime", "faiss", "insightface", "av", "duckdb"}),
        (READING, {"scipy", "jinja2"}),
    ],
    ids=["commands that only read", "the ranking"],
)
def test_what_is_not_needed_is_not_loaded(loaded: tuple[str, ...], unloaded: set[str]) -> None:
    code = "import sys\n" + "".join(f"import {NAME}.{module}\n" for module in loaded) + f"print(sorted({unloaded!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
