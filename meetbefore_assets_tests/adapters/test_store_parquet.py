"""The record: whole or not at all, whatever happens to the disk."""

import os
import stat
from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.adapters.store_parquet import ParquetStore, open_store
from meetbefore_assets.domain.ports import Stamp
from meetbefore_assets.errors import RecordTornError, StoreError

STAMP = Stamp("v1", {"frames": "f1"}, {"faces": "2"}, 2)
TABLE = pl.DataFrame(
    {"face_id": ["a", "b"], "vector": [[1.0, 0.0], [0.0, 1.0]]}, schema={"face_id": pl.String, "vector": pl.List(pl.Float32)}
)


@pytest.fixture
def store(tmp_path: Path) -> ParquetStore:
    return ParquetStore(tmp_path / "record")


def test_what_was_put_is_got(store: ParquetStore) -> None:
    store.put("faces", "v-1", TABLE, STAMP)
    assert store.get("faces", "v-1").equals(TABLE)
    assert store.get("faces", "v-1", ["face_id"]).columns == ["face_id"]
    assert store.stamp("faces", "v-1") == STAMP


def test_an_empty_table_keeps_its_columns(store: ParquetStore) -> None:
    store.put("faces", "v-1", TABLE.clear(), Stamp("v", {}, {}, 0))
    assert store.get("faces", "v-1").schema == TABLE.schema


def test_nothing_there(store: ParquetStore) -> None:
    assert store.stamp("faces", "v-1") is None
    assert store.keys("faces") == []
    with pytest.raises(KeyError):
        store.get("faces", "v-1")
    store.drop("faces", "v-1")


def test_writing_twice_leaves_the_second(store: ParquetStore) -> None:
    store.put("faces", "v-1", TABLE, STAMP)
    store.put("faces", "v-1", TABLE.head(1), Stamp("v2", {}, {}, 1))
    assert store.get("faces", "v-1").height == 1
    stamp = store.stamp("faces", "v-1")
    assert stamp is not None
    assert stamp.data_version == "v2"
    assert store.keys("faces") == ["v-1"]


def test_scan_reads_in_the_order_of_the_keys(store: ParquetStore) -> None:
    store.put("faces", "b", TABLE.head(1), STAMP)
    store.put("faces", "a", TABLE.tail(1), STAMP)
    assert store.scan("faces", ["b", "a"], ["face_id"])["face_id"].to_list() == ["a", "b"]
    assert store.scan("faces", ["a"])["face_id"].to_list() == ["b"]


@pytest.mark.parametrize("keep", [0, 1, 0.5, -1])
def test_a_torn_file_has_no_stamp_and_says_what_to_do(store: ParquetStore, keep: float) -> None:
    store.put("faces", "v-1", TABLE, STAMP)
    path = Path(store.path("faces", "v-1"))
    data = path.read_bytes()
    length = int(len(data) * keep) if isinstance(keep, float) else keep if keep >= 0 else len(data) + keep
    path.write_bytes(data[:length])
    assert store.stamp("faces", "v-1") is None
    with pytest.raises(RecordTornError, match="run again"):
        store.get("faces", "v-1")


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
    with pytest.raises(StoreError, match="s3"):
        open_store("s3://bucket/record")


def test_a_table_written_in_parts_is_the_table(store: ParquetStore) -> None:
    with store.writer("faces", "v-1") as writer:
        writer.add(TABLE.head(1))
        writer.add(TABLE.tail(1))
        assert store.stamp("faces", "v-1") is None
        writer.commit(STAMP)
    assert store.get("faces", "v-1").equals(TABLE)
    assert store.get("faces", "v-1").schema == TABLE.schema
    assert store.stamp("faces", "v-1") == STAMP
    assert ParquetStore(store.root).stamp("faces", "v-1") == STAMP
    assert stat.S_IMODE(Path(store.path("faces", "v-1")).stat().st_mode) == 0o600
    store.put("faces", "v-2", TABLE, STAMP)
    assert store.scan("faces", ["v-2", "v-1"]).equals(pl.concat([TABLE, TABLE]))


def test_parts_without_rows_keep_their_columns(store: ParquetStore) -> None:
    with store.writer("faces", "v-1") as writer:
        writer.add(TABLE.clear())
        writer.commit(Stamp("v", {}, {}, 0))
    assert store.get("faces", "v-1").schema == TABLE.schema
    with store.writer("faces", "v-2") as writer, pytest.raises(ValueError, match="nothing was added"):
        writer.commit(STAMP)


def test_what_was_not_committed_leaves_the_old_file_and_nothing_else(store: ParquetStore) -> None:
    store.put("faces", "v-1", TABLE, STAMP)
    with store.writer("faces", "v-1") as writer:
        writer.add(TABLE.head(1))
    assert store.get("faces", "v-1").equals(TABLE)
    assert os.listdir(store.root / "faces") == ["v-1.parquet"]


def test_the_caller_s_own_errors_are_not_taken_for_a_full_disk(store: ParquetStore) -> None:
    def write_until_the_card_is_taken_out() -> None:
        with store.writer("faces", "v-1") as writer:
            writer.add(TABLE)
            raise FileNotFoundError("the camera's card")

    with pytest.raises(FileNotFoundError):
        write_until_the_card_is_taken_out()
    assert os.listdir(store.root / "faces") == []


def test_a_full_disk_while_parts_are_written(store: ParquetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with store.writer("faces", "v-1") as writer:
        writer.add(TABLE)
        monkeypatch.setattr(os, "replace", full)
        with pytest.raises(StoreError, match="No space left"):
            writer.commit(STAMP)
    assert os.listdir(store.root / "faces") == []


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 100])
def test_a_table_is_read_in_parts(store: ParquetStore, rows: int) -> None:
    long = pl.DataFrame({"face_id": [f"f{n}" for n in range(7)], "crop": [bytes([n]) * n for n in range(7)]})
    with store.writer("faces", "v-1") as writer:
        for at in range(0, 7, 2):
            writer.add(long[at : at + 2])
        writer.commit(STAMP)
    parts = list(store.parts("faces", "v-1", ["crop"], rows))
    assert [part.height for part in parts] == [min(rows, 7 - at) for at in range(0, 7, rows)]
    assert pl.concat(parts).equals(long.select("crop"))


def test_parts_of_what_is_not_there_or_torn(store: ParquetStore) -> None:
    with pytest.raises(KeyError):
        list(store.parts("faces", "v-1", ["face_id"], 1))
    store.put("faces", "v-1", TABLE, STAMP)
    path = Path(store.path("faces", "v-1"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RecordTornError, match="run again"):
        list(store.parts("faces", "v-1", ["face_id"], 1))
