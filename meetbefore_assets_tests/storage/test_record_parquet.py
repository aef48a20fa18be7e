"""The record in files: nothing is left behind, whatever happens to the disk."""

import os
import stat
from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.core.ports import Stamp
from meetbefore_assets.storage.record_parquet import ParquetStore, open_store

STAMP = Stamp("v1", {"frames": "f1"}, {"faces": "2"}, 2)
TABLE = pl.DataFrame(
    {"face_id": ["a", "b"], "vector": [[1.0, 0.0], [0.0, 1.0]]}, schema={"face_id": pl.String, "vector": pl.List(pl.Float32)}
)


@pytest.fixture
def store(tmp_path: Path) -> ParquetStore:
    return ParquetStore(tmp_path / "record")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(store: ParquetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("faces", "v-1", TABLE, STAMP)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        store.put("faces", "v-1", TABLE.head(1), STAMP)
    assert "nothing is lost" in caught.value.remedy
    assert store.get("faces", "v-1").equals(TABLE)
    assert os.listdir(store.root / "faces") == ["v-1.parquet"]


def test_only_the_owner_can_read(store: ParquetStore) -> None:
    store.put("faces", "v-1", TABLE, STAMP)
    assert stat.S_IMODE(Path(store.path("faces", "v-1")).stat().st_mode) == 0o600
    assert stat.S_IMODE((store.root / "faces").stat().st_mode) == 0o700


def test_uris(tmp_path: Path) -> None:
    assert open_store(str(tmp_path)).root == tmp_path
    assert open_store(f"file://{tmp_path}/a%20b").root == tmp_path / "a b"


def test_a_table_written_in_parts_is_the_owner_s_too(store: ParquetStore) -> None:
    with store.writer("faces", "v-1") as writer:
        writer.add(TABLE)
        writer.commit(STAMP)
    assert stat.S_IMODE(Path(store.path("faces", "v-1")).stat().st_mode) == 0o600


def test_before_there_is_a_part_there_is_no_file(store: ParquetStore) -> None:
    """Whoever is killed while the first part is made, which takes longest, leaves nothing."""
    with store.writer("faces", "v-1") as writer:
        assert not list(store.root.rglob("*.tmp"))
        writer.add(TABLE)
        assert len(list(store.root.rglob("*.tmp"))) == 1


def test_what_was_not_committed_leaves_the_old_file_and_nothing_else(store: ParquetStore) -> None:
    store.put("faces", "v-1", TABLE, STAMP)
    with store.writer("faces", "v-1") as writer:
        writer.add(TABLE.head(1))
    assert store.get("faces", "v-1").equals(TABLE)
    assert os.listdir(store.root / "faces") == ["v-1.parquet"]


def test_a_full_disk_while_parts_are_written(store: ParquetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with store.writer("faces", "v-1") as writer:
        writer.add(TABLE)
        monkeypatch.setattr(os, "replace", full)
        with pytest.raises(StoreError, match="No space left"):
            writer.commit(STAMP)
    assert os.listdir(store.root / "faces") == []
