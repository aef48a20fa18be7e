"""What is loaded to begin with: a second of imports is a second of everybody's waiting."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from meetbefore_assets.encounters.make_tables import make_people
from meetbefore_assets.publishing.database import publish
from meetbefore_assets.review import make_corrections
from meetbefore_assets_tests.support.fakes import write_video
from meetbefore_assets_tests.support.record import dji
from meetbefore_assets_tests.support.searchable import most_met, run, searchable_home

pytestmark = pytest.mark.slow

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


# Command -> most modules that it may load: what it loads today, and a few more. A library too many is dozens.
BUDGETS = {
    ("config",): 360,
    ("people",): 710,
    ("show", "Ann"): 760,
    ("run",): 870,
}
HEAVY = {
    "dagster",
    "sqlalchemy",
    "alembic",
    "grpc",
    "cv2",
    "onnx",
    "onnxruntime",
    "av",
    "faiss",
    "scipy",
    "insightface",
    "icalendar",
    "jinja2",
    "pyarrow",
}
COMMAND = """
import sys
from meetbefore_assets.cli.main import cli
try:
    cli(sys.argv[1:], standalone_mode=False)
except SystemExit:
    pass
print([len(sys.modules), sorted({name.partition(".")[0] for name in sys.modules})])
"""


@pytest.fixture(scope="module")
def home_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = searchable_home(tmp_path_factory.mktemp("start"))
    for day in (1, 9):
        write_video(home.videos, dji(day), [[1], [1]])
    run(home)
    make_corrections.name_person(home.home, most_met(home), "Ann")
    make_people(home.home)
    publish(home.home)
    return home.folder


@pytest.mark.parametrize("words", BUDGETS, ids=" ".join)
def test_a_command_loads_no_more_than_it_needs(words: tuple[str, ...], home_folder: Path) -> None:
    folder = home_folder.parent / "nothing" if words == ("run",) else home_folder
    done = subprocess.run([sys.executable, "-c", COMMAND, *words, "--home", str(folder)], capture_output=True, text=True, check=True)
    count, names = ast.literal_eval(done.stdout.splitlines()[-1])
    assert HEAVY & set(names) == set()
    assert count <= BUDGETS[words]


NAMING = """
import sys
from meetbefore_assets import open_home
from meetbefore_assets.cli.main import cli
from meetbefore_assets_tests.support.fakes import fake_home
open_home.open_home = lambda folder, _settings=None: fake_home(folder)
known = set(sys.modules)
cli(sys.argv[1:], standalone_mode=False)
print(sorted({name.partition(".")[0] for name in set(sys.modules) - known}))
"""


def test_giving_a_name_loads_no_dagster_and_no_model_library(home_folder: Path) -> None:
    words = ["name", "Ann", "Anna", "--home", str(home_folder)]
    done = subprocess.run([sys.executable, "-c", NAMING, *words], capture_output=True, text=True, check=True)
    assert "Anna was named 'Anna'" in done.stdout
    assert HEAVY & set(ast.literal_eval(done.stdout.splitlines()[-1])) <= {"pyarrow"}
