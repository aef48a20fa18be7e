"""The cache of what the record's footers say: right or not there, never wrong."""

import os
from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.core.ports import Stamp
from meetbefore_assets.storage import stamp_cache
from meetbefore_assets.storage.record_parquet import ParquetStore
from meetbefore_assets.storage.stamp_cache import LEAST_NEW, NAME

TABLE = pl.DataFrame({"x": [1]})


def stamp(version: str) -> Stamp:
    return Stamp(version, {"from": "a"}, {"said": "b"}, 1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A record of so many files that the cache is written, read by a store of its own."""
    store = ParquetStore(tmp_path)
    for number in range(LEAST_NEW):
        store.put("tracks", f"v{number}", TABLE, stamp(f"one-{number}"))
        store.stamp("tracks", f"v{number}")
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    return tmp_path


def versions(root: Path) -> list[str | None]:
    store = ParquetStore(root)
    store._stamps._load()
    stamps = [store.stamp("tracks", f"v{number}") for number in range(LEAST_NEW)]
    return [found.data_version if found else None for found in stamps]


def test_another_process_reads_the_same_from_the_cache(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamp_cache, "PATIENCE", 0)
    assert ParquetStore(root).stamp("tracks", "v0") == stamp("one-0")
    # The footers are not read: of files that are torn in place, but look the same, the cache still tells.
    path = root / "tracks" / "v1.parquet"
    before = path.stat()
    path.write_bytes(b"\0" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert versions(root)[1] == "one-1"


def test_it_is_read_by_whoever_asks_for_many_stamps_only(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamp_cache, "PATIENCE", 10)
    store = ParquetStore(root)
    looked = [store.stamp("tracks", f"v{number}") and bool(store._stamps._on_disk) for number in range(12)]
    assert looked == [False] * 10 + [True] * 2


def test_a_file_written_anew_is_read_anew(root: Path) -> None:
    ParquetStore(root).put("tracks", "v3", TABLE, stamp("two"))
    assert versions(root)[2:5] == ["one-2", "two", "one-4"]


def test_a_file_that_is_gone_or_torn_has_no_stamp(root: Path) -> None:
    (root / "tracks" / "v0.parquet").unlink()
    (root / "tracks" / "v1.parquet").write_bytes(b"torn")
    assert versions(root)[:3] == [None, None, "one-2"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"tracks/v0.parquet": 3}', b'{"tracks/v0.parquet": [1, 2]}', b"\xff"])
def test_a_torn_cache_is_done_without(root: Path, content: bytes) -> None:
    (root / NAME).write_bytes(content)
    assert versions(root) == [f"one-{number}" for number in range(LEAST_NEW)]


def test_what_is_dropped_is_not_told_from_the_cache(root: Path) -> None:
    reader, store = ParquetStore(root), ParquetStore(root)
    assert reader.stamp("tracks", "v0") is not None
    store.drop("tracks", "v0")
    assert not (root / NAME).exists()
    for number in range(4 * LEAST_NEW):
        store.put("frames", f"w{number}", TABLE, stamp("x"))
        reader.stamp("frames", f"w{number}")
    assert b"v0.parquet" not in (root / NAME).read_bytes()
    assert reader.stamp("tracks", "v0") is None


def test_nothing_else_is_left_beside_it(root: Path) -> None:
    assert sorted(path.name for path in root.iterdir()) == [NAME, "tracks"]
