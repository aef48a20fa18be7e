"""A file is written whole or not at all, whatever happens meanwhile."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.storage.atomic_file import atomic_file, write_private
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
    with atomic_file(tmp_path / "clip.mp4", mode=0o644):
        pass
    assert permissions(tmp_path / "clip.mp4") == 0o644


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
