"""The notebook runs from top to bottom, on nothing but the published database."""

from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from meetbefore_assets.home.home import Home
from meetbefore_assets.identities import queries
from meetbefore_assets.publishing.database import publish
from meetbefore_assets_tests.support.record import Record, Seen, dji

pytestmark = pytest.mark.slow

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "analyse.ipynb"
CELL_TIMEOUT_S = 120


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Ann and Bob come together on three Tuesdays, Dan on two days, and is often pictured; Cy once."""
    record = Record(tmp_path_factory.mktemp("home"))
    for day in (4, 11, 18):
        record.video(dji(day), [Seen("ann", range(5, 9), "dan"), Seen("bob", [6.0, 7.0], "ann")])
    record.video(dji(20, 18), [Seen("dan", range(30), "ann"), Seen("cy", [1.0, 2.0], "ann")])
    record.video(dji(22, 18), [Seen("dan", range(30), "ann")])
    home = record.finish(names={"dan": "Dan"})
    publish(home)
    return home


@pytest.fixture(scope="module")
def executed(home: Home, tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """The notebook after a run; the kernel is talked to through sockets in a folder, not through ports."""
    folder = tmp_path_factory.mktemp("k")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEETBEFORE_HOME", str(home.folder))
        for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR"):
            patch.setenv(name, str(folder / name.lower()))
        kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=str(folder / "s"))
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        where = {"metadata": {"path": str(NOTEBOOK.parent)}}
        # A kernel whose manager is not the client's own would outlive the test.
        NotebookClient(notebook, km=kernel, timeout=CELL_TIMEOUT_S, resources=where).execute(cleanup_kc=True)
    return notebook


def output(notebook: nbformat.NotebookNode, cell_id: str) -> str:
    """What a cell shows, as text; a chart as SVG."""
    cell = next(cell for cell in notebook.cells if cell.id == cell_id)
    shown = [
        one.get("data", {}).get("image/svg+xml") or one.get("data", {}).get("text/plain") or one.get("text", "") for one in cell.outputs
    ]
    return "\n".join(shown)


def test_every_cell_shows_something_and_every_chart_is_drawn(executed: nbformat.NotebookNode) -> None:
    cells = [cell for cell in executed.cells if cell.cell_type == "code" and cell.id != "close"]
    assert all(cell.outputs for cell in cells)
    charts = [cell.id for cell in cells if cell.id.endswith("-chart")]
    assert len(charts) >= 7
    assert all(output(executed, name).startswith("<svg") for name in charts)


def test_the_originals_ranking_is_repeated_with_real_seconds(executed: nbformat.NotebookNode, home: Home) -> None:
    people = queries.people_table(home)
    metric = dict(people.select("person_id", "time_span_metric").drop_nulls().rows())
    table = output(executed, "metric-table")
    order = sorted(metric, key=lambda person: -metric[person])
    assert order
    assert [table.index(person) for person in order] == sorted(table.index(person) for person in order)
    assert "with_digits" in table


def test_the_story_is_that_of_the_stranger_at_the_top(executed: nbformat.NotebookNode, home: Home) -> None:
    top = queries.people_table(home).row(0, named=True)
    assert top["person_id"] in ("ann", "bob")
    assert f"{top['person_id']}: 3 encounters on 3 days, score {top['score']:.1f}" in output(executed, "story-table")
    assert "shape: (3, 6)" in output(executed, "story-table")
    pairs = output(executed, "company-table")
    assert [name in pairs for name in ("ann", "bob", "cy")] == [True, True, True]
    assert "│ ann       ┆ bob   ┆ 3     ┆ 3    │" in pairs


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert sum(cell.cell_type == "markdown" for cell in notebook.cells) >= len(code) // 2
