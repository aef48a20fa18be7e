"""What all tests share."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from meetbefore_assets_tests.support.postgres import address

os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
# As the package does; tests import onnxruntime before it. The thread that sends its figures reads the environment at any time, and ends
# the process with a segmentation fault when a test sets a variable just then.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ.pop("MEETBEFORE_HOME", None)
# No example fails for being slow: machines are busy.
settings.register_profile("patient", parent=settings(), deadline=None)
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Where Python is told to keep no compiled modules, processes that tests start keep them for one another until the end."""
    _heed_signals()
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        folder = os.environ["PYTHONPYCACHEPREFIX"] = tempfile.mkdtemp(prefix="meetbefore-tests-")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def _heed_signals() -> None:
    """Processes inherit it when signals are ignored, as in the background of a shell: then those that tests start would never end."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGTERM) == signal.SIG_IGN:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


SHARED = Path(__file__).resolve().parents[2] / "shared"


# Files of tests that take minutes begin first, or the last of them would run alone.
LONGEST = [
    "running/test_dagster_dev.py",
    "cli/test_ui.py",
    "cli/test_main.py",
    "defs/test_pipeline.py",
    "review/test_make_corrections.py",
    "cli/test_forget.py",
    "test_crash.py",
    "test_bad_input.py",
    "docs/test_commands.py",
    "defs/test_sensor_new_videos.py",
    "defs/test_sensor_rematch.py",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        name = item.path.relative_to(Path(__file__).parent).as_posix()
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)

    items.sort(key=rank)


@pytest.fixture
def shared() -> Path:
    """Footage and models beside the checkout; the test is skipped where there are none."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared")
    return SHARED


@pytest.fixture(scope="session")
def postgres() -> str:
    """Address of a Postgres server with pgvector, one for all tests of a process."""
    return address()


@pytest.fixture(autouse=True)
def keep_umask() -> Iterator[None]:
    """Commands that run in this process change what it lets others read."""
    before = os.umask(0o022)
    yield
    os.umask(before)
