"""Files that are needed for a while: gone afterwards, whoever was killed meanwhile."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.identities.vector_index import faiss_disk, faiss_memory
from meetbefore_assets.storage.scratch import map_blocks, scratch, sweep_scratch


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_folder_is_for_its_owner_only_and_gone_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "index" / "scratch"
    with scratch(folder) as first, scratch(folder) as second:
        assert first != second
        assert {path.stat().st_mode & 0o077 for path in (folder, first, second)} == {0}
        (first / "inside").mkdir()
        (first / "inside" / "codes").write_bytes(b"x")
    assert left(folder) == []


def test_it_is_gone_too_where_something_went_wrong(tmp_path: Path) -> None:
    def fail() -> None:
        with scratch(tmp_path) as made:
            (made / "codes").write_bytes(b"x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert left(tmp_path) == []


def test_whoever_lives_keeps_its_folder_and_whoever_was_killed_is_cleared_away_by_the_next(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom meetbefore_assets.storage.scratch import scratch\n"
        "with scratch(Path(sys.argv[1])) as made:\n"
        "    (made / 'codes').write_bytes(b'x')\n    print(made, flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    dead = Path(killed.stdout.strip())
    assert (dead / "codes").exists()
    with scratch(tmp_path) as alive:
        assert not dead.exists()
        (alive / "codes").write_bytes(b"x")
        assert sweep_scratch(tmp_path) == []
        assert (alive / "codes").exists()
    assert left(tmp_path) == []


def test_many_that_begin_and_end_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    def use(number: int) -> bool:
        with scratch(tmp_path / "scratch") as made:
            (made / "codes").write_text(str(number))
            return (made / "codes").read_text() == str(number)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(use, range(200)))
    assert left(tmp_path / "scratch") == []


def test_sweeping_where_nothing_ever_lay_makes_no_folder(tmp_path: Path) -> None:
    assert sweep_scratch(tmp_path / "index" / "scratch") == []
    assert left(tmp_path) == []


def test_too_little_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    needed = shutil.disk_usage(tmp_path).total + 2**30
    with pytest.raises(StoreError, match=r"GiB left; the index needs .* GiB"), scratch(tmp_path, needed):
        pass
    assert left(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="could not be written"), scratch(tmp_path / "file"):
        pass
    with pytest.raises(StoreError, match="could not be written"):
        map_blocks([np.eye(2, dtype=np.float32)], tmp_path / "file")


def test_mapped_rows_are_those_of_the_blocks_and_leave_no_file(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    empty = np.empty((0, 1), np.float32)
    found = map_blocks(iter([empty, rows[:20], empty, rows[20:21], rows[21:]]), tmp_path)
    assert (found == rows).all()
    assert not found.flags.writeable
    if sys.platform == "linux":
        assert left(tmp_path) == []


def test_no_blocks_and_blocks_without_rows_are_no_rows(tmp_path: Path) -> None:
    assert map_blocks([], tmp_path).shape == (0, 1)
    assert map_blocks([np.empty((0, 128), np.float32)], tmp_path).shape == (0, 1)


@pytest.fixture
def in_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_memory, "EXACT_WORK", 0)
    monkeypatch.setattr(faiss_disk, "FILE_BYTES", 10_000)


def vectors() -> np.ndarray:
    rows = np.random.default_rng(2).normal(size=(1500, 16)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@pytest.mark.usefixtures("in_cells")
def test_an_index_has_files_only_while_it_is_there_and_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with faiss_disk.disk_index_of(vectors(), 10, tmp_path) as index:
        files = [path for path in tmp_path.rglob("codes-*")]
        # 24 bytes for each of 1,500: four files.
        assert len(files) == 4
        assert sum(path.stat().st_size for path in files) >= 1500 * 24
        assert index.search(vectors()[:5], 1)[1].ravel().tolist() == [0, 1, 2, 3, 4]
    assert left(tmp_path) == []
    assert capfd.readouterr().out == ""


@pytest.mark.usefixtures("in_cells")
def test_a_file_that_cannot_be_written_is_said_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_index: object, name: str) -> None:
        raise RuntimeError(f"Error in faiss::write_index:\nwrite error in {os.path.basename(name)}: No space left on device")

    monkeypatch.setattr(faiss_disk.faiss, "write_index", full)
    with pytest.raises(StoreError, match="No space left on device"), faiss_disk.disk_index_of(vectors(), 10, tmp_path):
        pass
    assert left(tmp_path) == []
