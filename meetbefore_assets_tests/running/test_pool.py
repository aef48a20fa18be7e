"""Worker processes: what they load, what they share with whoever asks for their work, and what keeps all work from being done."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from meetbefore_assets.cli.options import build_definitions
from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.running import libraries
from meetbefore_assets.running.pool import Pool
from meetbefore_assets.running.worker import Outcome, Task, Videos

DEAD_SERVER = """
import sys
from pathlib import Path
from meetbefore_assets.cli.options import build_definitions
from meetbefore_assets.running import pool
from meetbefore_assets.running.worker import Videos
if __name__ == "__main__":
    pool._PRELOADED = ("deadly",)
    one = pool.Pool(build_definitions, Path(sys.argv[1]), 1, ())
    one.note(Videos(("v1",)))
    one.close()
    print(sorted({"dagster", "sqlalchemy", "cv2", "onnxruntime", "scipy"} & set(sys.modules)))
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instances point this process to their home."""
    for name in ("DAGSTER_HOME", "MEETBEFORE_HOME"):
        monkeypatch.setenv(name, "")


def shown_environment(_home: object) -> object:
    raise MeetbeforeError(f"{os.environ['SHOWN']} {Path.cwd().name}")


def test_a_worker_has_the_environment_and_folder_of_the_moment_it_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv("SHOWN", f"it is {name}")
        monkeypatch.chdir(tmp_path / name)
        pool = Pool(shown_environment, tmp_path / "home", 1, ())  # type: ignore[arg-type]
        with pytest.raises(MeetbeforeError, match=f"it is {name} {name}"):
            pool.note(Videos(("v1",)))
        pool.close(now=True)


def test_what_keeps_all_work_from_being_done_is_raised_and_no_video_is_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOWN", "broken")
    pool = Pool(shown_environment, tmp_path / "home", 1, ())  # type: ignore[arg-type]
    with pytest.raises(MeetbeforeError, match="broken"):
        list(pool.run([Task("process_video", "v1")], lambda _progress: None))
    pool.close(now=True)


def test_the_ui_knows_the_videos_and_a_dead_worker_is_replaced(tmp_path: Path) -> None:
    pool = Pool(build_definitions, tmp_path / "home", 1, libraries.FOR_MATCHING)
    pool.note(Videos(("v1", "v2")))
    pool.note(Videos((), ("v2",)))
    pool._workers[0].process.kill()
    with pytest.raises(MeetbeforeError, match=r"signal 9"):
        pool.note(Videos(("v3",)))
    (outcome,) = pool.run([Task("no_such_job", "v1")], lambda _progress: None)
    assert isinstance(outcome, Outcome)
    assert not outcome.is_success
    pool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
def test_where_the_process_that_loads_the_libraries_dies_each_worker_loads_its_own(tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text("import os; os._exit(7)")
    (tmp_path / "script.py").write_text(DEAD_SERVER)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    words = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "home")]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
