"""Several at work on one home: serialised where needed, never corrupt, never stuck."""

import contextlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from meetbefore_assets.core.errors import LockTimeoutError, StoreError
from meetbefore_assets.core.schema.lists import published_tables
from meetbefore_assets.encounters.make_tables import is_scored, make_encounter_scores, make_people
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.table_writer import current_table
from meetbefore_assets.identities.face_index import build_face_index
from meetbefore_assets.identities.match import is_matched, match
from meetbefore_assets.publishing.database import database_path, is_published, publish
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets.running import instance
from meetbefore_assets.storage.file_locks import hold
from meetbefore_assets_tests.support.fakes import fake_home, write_video

pytestmark = pytest.mark.slow

VIDEOS = 6
WORKERS = 4


def write_archive(folder: Path, videos: int = VIDEOS) -> Path:
    for day in range(videos):
        write_video(folder, f"DJI_202503{day + 1:02}080000_{day:04}_D.mp4", [[day % 3 + 1, 9], [day % 2 + 1]])
    return folder


def work(home_folder: Path, folder: Path) -> None:
    """What a whole run does, with the locks that the assets take."""
    home = fake_home(home_folder)
    import_recordings(home, [folder])
    for status in all_statuses(home):
        for asset in status.todo:
            with home.lock(f"video-{status.video_id}"):
                if current_table(home, asset, status.video_id) is None:
                    STAGES[asset](home, status.video_id)
    steps: tuple[Callable[[Home], object], ...] = (build_face_index, match, make_encounter_scores, make_people, publish)
    for step in steps:
        step(home)


def content(home_folder: Path) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(str(home_folder / "meetbefore.duckdb"), read_only=True) as reader:
        names = [table.name for table in published_tables() if not table.is_history]
        return {name: reader.execute(f"select * from {name} order by all").fetchall() for name in names}


def test_many_at_once_give_what_one_alone_gives_while_somebody_reads(tmp_path: Path) -> None:
    folder = write_archive(tmp_path / "videos")
    work(tmp_path / "alone", folder)
    home_folder = tmp_path / "together"
    write_video(folder, "DJI_20250301080000_0000_D.mp4", [[1, 9], [1]])
    is_over = threading.Event()
    opened = [0]

    def read() -> None:
        """Open the database again and again, and always see all of it."""
        while not is_over.wait(0.01):
            if database_path(fake_home(home_folder)).exists():
                with duckdb.connect(str(home_folder / "meetbefore.duckdb"), read_only=True) as reader:
                    rows = reader.execute("select count(*) from identity_assignments where face_id not in (select face_id from detections)")
                    assert rows.fetchall() == [(0,)]
                    opened[0] += 1

    with ThreadPoolExecutor(WORKERS + 1) as pool:
        reader = pool.submit(read)
        runs = [pool.submit(work, home_folder, folder) for _ in range(WORKERS)]
        for run in runs:
            run.result()
        is_over.set()
        reader.result()
    work(home_folder, folder)
    home = fake_home(home_folder)
    assert is_matched(home)
    assert is_scored(home)
    assert is_published(home)
    assert opened[0] > 0
    assert content(home_folder) == content(tmp_path / "alone")
    assert not list(home_folder.rglob("*.tmp"))


OPENER = """
import sys, time
from pathlib import Path
from meetbefore_assets.running import instance
home, number = Path(sys.argv[1]), sys.argv[2]
(home / f"ready {number}").touch()
while not (home / "go").exists():
    time.sleep(0.001)
with instance.open_instance(home) as dagster:
    print(dagster.get_runs_count())
"""


def test_processes_that_open_a_new_home_at_once_lay_it_out_once(tmp_path: Path) -> None:
    together = 4
    commands = [[sys.executable, "-c", OPENER, str(tmp_path), str(number)] for number in range(together)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for command in commands]
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("ready *"))) < together and time.monotonic() < deadline:
        time.sleep(0.05)
    (tmp_path / "go").touch()
    ended = [(*process.communicate(timeout=120), process.returncode) for process in processes]
    assert ended == [("0\n", "", 0)] * together


def test_torn_notes_of_dagster_are_told_in_words(tmp_path: Path) -> None:
    with instance.open_instance(tmp_path):
        pass
    with contextlib.closing(sqlite3.connect(tmp_path / "dagster" / "history" / "runs.db")) as database, database:
        database.execute("insert into alembic_version values ('another')")
    with pytest.raises(StoreError, match="torn") as caught, instance.open_instance(tmp_path):
        pass
    assert "history" in caught.value.remedy
    shutil.rmtree(tmp_path / "dagster" / "history")
    with instance.open_instance(tmp_path) as again:
        assert again.get_runs_count() == 0


HOLDER = """
import sys
from pathlib import Path
from meetbefore_assets.storage.file_locks import hold
with hold(Path(sys.argv[1]), "matching", 5):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_process_that_died_is_free(tmp_path: Path, end: signal.Signals) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "locks")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockTimeoutError, match="held by another process"), hold(tmp_path / "locks", "matching", 0.1):
            pass
        with hold(tmp_path / "locks", "another", 0.1):
            pass
        holder.send_signal(end)
        holder.wait()
        with hold(tmp_path / "locks", "matching", 5):
            pass


def test_a_lock_file_that_was_left_behind_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "matching.lock").write_text("4194301")
    with hold(tmp_path, "matching", 0.1):
        pass


def test_a_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), hold(tmp_path, "matching", 0.1):
        raise ZeroDivisionError
    with hold(tmp_path, "matching", 0.1):
        pass
