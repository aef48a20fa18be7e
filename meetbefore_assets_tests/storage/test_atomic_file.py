"""A file is written whole or not at all, whatever happens meanwhile."""

import errno
import fcntl
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.storage.atomic_file import atomic_file, is_left_over, is_temporary, move_in_place, remove_left_over, write_private
from meetbefore_assets_tests.support.disks import mounted_disk


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_old_content_is_there_until_the_new_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    with atomic_file(path) as temporary:
        temporary.write_text("ne")
        assert path.read_text() == "old"
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["table.csv"]


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_where_the_body_raises_the_old_file_stays_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write() -> None:
        with atomic_file(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)) as caught:
        write()
    assert caught.value is error
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_it_is_the_owner_s_while_it_is_written_too(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("old")
    path.chmod(0o644)
    with atomic_file(path) as temporary:
        assert permissions(temporary) == 0o600
    assert permissions(path) == 0o600


def test_a_library_that_makes_the_file_itself_makes_it_no_more_public(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "a.db") as temporary:
        temporary.unlink()
        temporary.touch(0o644)
    assert permissions(tmp_path / "a.db") == 0o600


WRITER = """
import sys, time
from pathlib import Path
from meetbefore_assets.storage.atomic_file import atomic_file
with atomic_file(Path(sys.argv[1]), suffix=".mp4") as temporary:
    temporary.write_text("half")
    print(temporary, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_process_leaves_is_known_and_what_a_living_one_writes_is_left_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "clip.mp4")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        temporary = Path(writer.stdout.readline().strip())
        assert is_temporary(temporary.name)
        assert not is_left_over(temporary)
        assert not remove_left_over(temporary)
        assert temporary.read_text() == "half"
        writer.kill()
    assert is_left_over(temporary)
    assert remove_left_over(temporary)
    assert os.listdir(tmp_path) == []
    assert not is_left_over(temporary)


def test_whoever_is_taken_for_dead_before_the_lock_makes_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flock, removed = fcntl.flock, list[Path]()

    def quicker(descriptor: int, operation: int) -> None:
        """A sweeper comes between the making of the file and its lock."""
        if not removed:
            removed.extend(tmp_path.iterdir())
            removed[0].unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", quicker)
    with atomic_file(tmp_path / "table.csv") as temporary:
        assert temporary not in removed
        temporary.write_text("new")
    assert (tmp_path / "table.csv").read_text() == "new"


@pytest.mark.parametrize("age_s", [0, 90_000])
def test_where_a_disk_knows_no_locks_only_what_is_old_is_left_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_s: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with atomic_file(tmp_path / "table.csv") as temporary:
        temporary.write_text("new")
        os.utime(temporary, (time.time() - age_s, time.time() - age_s))
        assert is_left_over(temporary) == (age_s > 0)
    path = tmp_path / ".table.csv.1.ab.tmp"
    path.touch()
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    assert remove_left_over(path) == (age_s > 0)


def test_only_names_of_temporary_files_are_such() -> None:
    assert all(is_temporary(name) for name in (".a.1.ab.tmp", ".clip.mp4.12.0a1b2c3d.tmp.mp4"))
    assert not any(is_temporary(name) for name in ("a.tmp", ".tmp", ".a.tmp.b.c", "clip.mp4", ".hidden"))


@pytest.mark.parametrize("is_same_disk", [True, False])
def test_what_was_made_elsewhere_gets_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_same_disk: bool) -> None:
    made, place = tmp_path / "scratch", tmp_path / "place"
    (made / "folder").mkdir(parents=True)
    place.mkdir()
    (made / "clip.mp4").write_text("new")
    (made / "folder" / "one").write_text("1")
    (place / "clip.mp4").write_text("old")
    rename, replace = os.rename, os.replace

    def other_disk(call: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
        def moved(source: Path, target: Path) -> None:
            if not is_same_disk and Path(source).is_relative_to(made):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            call(source, target)

        return moved

    monkeypatch.setattr(os, "rename", other_disk(rename))
    monkeypatch.setattr(os, "replace", other_disk(replace))
    for name in ("clip.mp4", "folder"):
        move_in_place(made / name, place / name)
    assert (place / "clip.mp4").read_text() == "new"
    assert permissions(place / "clip.mp4") == 0o600
    assert (place / "folder" / "one").read_text() == "1"
    assert sorted(os.listdir(place)) == ["clip.mp4", "folder"]


def test_names_are_those_that_upkeep_sweeps(tmp_path: Path) -> None:
    """`verify_record.litter_of`, `ParquetStore.sweep` and `erase` look for them."""
    with atomic_file(tmp_path / "v-1.parquet") as temporary:
        assert list(tmp_path.glob(".v-1.*.tmp")) == list(tmp_path.glob("*.tmp")) == [temporary]
    with atomic_file(tmp_path / ".stamps.json") as temporary:
        assert temporary.name.startswith(".stamps.json.")
    with atomic_file(tmp_path / "clip.mkv", suffix=".mkv") as temporary:
        assert temporary.name.startswith(".clip.mkv.")
        assert temporary.suffix == ".mkv"


def test_of_two_writers_at_once_the_last_to_end_is_there_whole(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with atomic_file(path) as one:
        with atomic_file(path) as other:
            one.write_text("one" * 1000)
            other.write_text("other")
        assert path.read_text() == "other"
    assert path.read_text() == "one" * 1000
    assert os.listdir(tmp_path) == ["table.csv"]


@pytest.mark.parametrize("durable", [False, True])
def test_what_must_survive_a_power_cut_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    path, calls = tmp_path / "settings.toml", list[str]()
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def watched_replace(source: Path, target: Path) -> None:
        calls.append("name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    write_private(path, b"new", durable=durable)
    assert calls == (["file", "name", "folder"] if durable else ["name"])
    assert path.read_bytes() == b"new"


def test_private_files_get_a_private_folder(tmp_path: Path) -> None:
    path = tmp_path / "previews" / "v-1.jpg"
    write_private(path, b"jpeg")
    assert path.read_bytes() == b"jpeg"
    assert (permissions(path), permissions(path.parent)) == (0o600, 0o700)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/v-1\.jpg could not be written: File exists"):
        write_private(tmp_path / "file" / "v-1.jpg", b"jpeg")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted_disk(tmp_path / "disk", "64k") as folder:
        yield folder


def test_a_full_disk_is_told_and_leaves_the_old_file_and_nothing_else(small_disk: Path) -> None:
    path = small_disk / "v-1.jpg"
    write_private(path, b"old")
    with pytest.raises(StoreError, match=r"v-1\.jpg could not be written: No space left on device\.") as caught:
        write_private(path, bytes(1 << 20))
    assert caught.value.remedy == "Free some space, then run again."
    assert path.read_bytes() == b"old"
    assert os.listdir(small_disk) == ["v-1.jpg"]


def test_a_disk_that_must_not_be_written_to_is_told(small_disk: Path) -> None:
    path = small_disk / "v-1.jpg"
    write_private(path, b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError, match=r"v-1\.jpg could not be written: Read-only file system\."):
        write_private(path, b"new")
    assert path.read_bytes() == b"old"
