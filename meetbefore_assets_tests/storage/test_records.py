"""One suite over every implementation of `ports.Store`: the record is whole or not at all, wherever it lies."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meetbefore_assets.core.errors import RecordTornError, StoreError
from meetbefore_assets.core.ports import Stamp, Store
from meetbefore_assets.storage.object_store import objects_at
from meetbefore_assets.storage.record_objects import PATIENCE, ObjectStore
from meetbefore_assets.storage.record_parquet import ParquetStore
from meetbefore_assets_tests.support.s3 import new_bucket

STAMP = Stamp("v1", {"frames": "f1"}, {"faces": "2"}, 2)
TABLE = pl.DataFrame(
    {"face_id": ["a", "b"], "vector": [[1.0, 0.0], [0.0, 1.0]]}, schema={"face_id": pl.String, "vector": pl.List(pl.Float32)}
)
KINDS = ("folder", "s3")
# Opens the same record as another process would.
Opened = Callable[[], Store]


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    if request.param == "folder":
        return lambda: ParquetStore(tmp_path / "record")
    url = f"{new_bucket()}/an archive/record"
    return lambda: ObjectStore(url, tmp_path / "cache")


@pytest.fixture
def store(opened: Opened) -> Store:
    return opened()


def tear(store: Store, asset: str, key: str, keep: float) -> None:
    """Cut what is stored short: a share, or so many bytes (negative: but so many)."""
    if isinstance(store, ParquetStore):
        path = Path(store.path(asset, key))
        path.write_bytes(_cut(path.read_bytes(), keep))
        return
    assert isinstance(store, ObjectStore)
    name = f"{asset}/{key}.parquet"
    store._objects.put(name, _cut(store._objects.get(name)[0], keep))
    store.refresh()


def _cut(data: bytes, keep: float) -> bytes:
    return data[: int(len(data) * keep) if isinstance(keep, float) else keep if keep >= 0 else len(data) + keep]


def test_what_was_put_is_got(store: Store, opened: Opened) -> None:
    store.put("faces", "v-1", TABLE, STAMP)
    for reader in (store, opened()):
        assert reader.get("faces", "v-1").equals(TABLE)
        assert reader.get("faces", "v-1", ["face_id"]).equals(TABLE.select("face_id"))
        assert reader.stamp("faces", "v-1") == STAMP
        assert reader.keys("faces") == ["v-1"]


def test_an_empty_table_keeps_its_columns(store: Store) -> None:
    store.put("faces", "v-1", TABLE.clear(), Stamp("v", {}, {}, 0))
    assert store.get("faces", "v-1").schema == TABLE.schema
    assert store.scan("faces", ["v-1"]).schema == TABLE.schema


def test_nothing_there(store: Store) -> None:
    assert store.stamp("faces", "v-1") is None
    assert store.keys("faces") == []
    assert store.scan("faces", []).height == 0
    for read in (store.get, lambda asset, key: list(store.parts(asset, key, ["face_id"], 1))):
        with pytest.raises(KeyError):
            read("faces", "v-1")
    with pytest.raises(KeyError):
        store.get("faces", "v-1", ["face_id"])
    store.drop("faces", "v-1")
    store.sweep("faces", "v-1")


def test_the_second_writing_is_seen_by_everybody(store: Store, opened: Opened) -> None:
    other = opened()
    store.put("faces", "v-1", TABLE, STAMP)
    assert other.stamp("faces", "v-1") == STAMP
    store.put("faces", "v-1", TABLE.head(1), Stamp("v2", {}, {}, 1))
    other.refresh()
    for reader in (store, other):
        assert reader.get("faces", "v-1").height == 1
        assert reader.stamp("faces", "v-1") == Stamp("v2", {}, {}, 1)
        assert reader.scan("faces", ["v-1"]).height == 1


def test_scan_reads_in_the_order_of_the_keys(store: Store) -> None:
    store.put("faces", "b", TABLE.head(1), STAMP)
    store.put("faces", "a", TABLE.tail(1), STAMP)
    assert store.scan("faces", ["b", "a"], ["face_id"])["face_id"].to_list() == ["a", "b"]
    assert store.scan("faces", ["a"])["face_id"].to_list() == ["b"]
    with pytest.raises(RecordTornError):
        store.scan("faces", ["a", "nowhere"])


def test_many_keys_are_scanned_and_known_by_one_listing(store: Store, opened: Opened) -> None:
    keys = [f"v{number:02d}" for number in range(3 * PATIENCE)]
    for number, key in enumerate(keys):
        store.put("faces", key, TABLE.with_columns(pl.lit(number).alias("n")), Stamp(key, {}, {}, 2))
    reader = opened()
    assert [stamp.data_version for key in keys if (stamp := reader.stamp("faces", key))] == keys
    assert reader.scan("faces", keys, ["n"])["n"].to_list() == [number for number in range(len(keys)) for _ in range(2)]
    store.put("faces", keys[3], TABLE.with_columns(pl.lit(-1).alias("n")), Stamp("new", {}, {}, 2))
    store.drop("faces", keys[0])
    reader.refresh()
    assert reader.scan("faces", keys[1:], ["n"])["n"].to_list()[4:6] == [-1, -1]
    assert (reader.stamp("faces", keys[0]), reader.keys("faces")) == (None, keys[1:])


def test_assets_do_not_mix_where_one_name_begins_another(store: Store) -> None:
    store.put("face", "v-1", TABLE.head(1), STAMP)
    store.put("faces", "v-1", TABLE, STAMP)
    store.put("faces", "v-10", TABLE, STAMP)
    store.drop("faces", "v-1")
    assert (store.keys("face"), store.keys("faces")) == (["v-1"], ["v-10"])


@pytest.mark.parametrize("keep", [0, 1, 0.5, -1])
def test_what_is_torn_has_no_stamp_and_says_what_to_do(opened: Opened, keep: float) -> None:
    opened().put("faces", "v-1", TABLE, STAMP)
    store = opened()
    tear(store, "faces", "v-1", keep)
    assert store.stamp("faces", "v-1") is None
    for columns in (None, ["face_id"]):
        with pytest.raises(RecordTornError, match="run again"):
            store.get("faces", "v-1", columns)
    with pytest.raises(RecordTornError, match="run again"):
        list(store.parts("faces", "v-1", ["face_id"], 1))
    with pytest.raises(RecordTornError):
        store.scan("faces", ["v-1"])


def test_a_table_written_in_parts_is_the_table(store: Store, opened: Opened) -> None:
    with store.writer("faces", "v-1") as writer:
        writer.add(TABLE.head(1))
        writer.add(TABLE.tail(1))
        assert store.stamp("faces", "v-1") is None
        assert opened().keys("faces") == []
        writer.commit(STAMP)
    for reader in (store, opened()):
        assert reader.get("faces", "v-1").equals(TABLE)
        assert reader.stamp("faces", "v-1") == STAMP
    assert [part.height for part in store.parts("faces", "v-1", ["face_id"], 1)] == [1, 1]


def test_parts_without_rows_keep_their_columns(store: Store) -> None:
    with store.writer("faces", "v-1") as writer:
        writer.add(TABLE.clear())
        writer.commit(Stamp("v", {}, {}, 0))
    assert store.get("faces", "v-1").schema == TABLE.schema
    with store.writer("faces", "v-2") as writer, pytest.raises(ValueError, match="nothing was added"):
        writer.commit(STAMP)


def test_the_caller_s_own_errors_are_not_taken_for_a_full_disk(store: Store) -> None:
    def write_until_the_card_is_taken_out() -> None:
        with store.writer("faces", "v-1") as writer:
            writer.add(TABLE)
            raise FileNotFoundError("the camera's card")

    with pytest.raises(FileNotFoundError):
        write_until_the_card_is_taken_out()
    assert store.keys("faces") == []


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 100])
def test_a_table_is_read_in_parts(store: Store, rows: int) -> None:
    long = pl.DataFrame({"face_id": [f"f{n}" for n in range(7)], "crop": [bytes([n]) * n for n in range(7)]})
    with store.writer("faces", "v-1") as writer:
        for at in range(0, 7, 2):
            writer.add(long[at : at + 2])
        writer.commit(STAMP)
    parts = list(store.parts("faces", "v-1", ["crop"], rows))
    assert [part.height for part in parts] == [min(rows, 7 - at) for at in range(0, 7, rows)]
    assert pl.concat(parts).equals(long.select("crop"))


def test_what_is_not_committed_is_gone(store: Store, tmp_path: Path) -> None:
    store.put("faces", "v-1", TABLE, STAMP)
    with store.writer("faces", "v-1") as writer:
        writer.add(TABLE.head(1))
    assert store.get("faces", "v-1").equals(TABLE)
    assert not list(tmp_path.rglob("table-*")) + list(tmp_path.rglob("*.tmp"))


def test_a_long_footer_is_read_whole(store: Store, opened: Opened) -> None:
    stamp = Stamp("v", {}, {f"fact {number}": "x" * 50 for number in range(1000)}, 2)
    store.put("faces", "v-1", TABLE, stamp)
    assert opened().stamp("faces", "v-1") == stamp


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["put", "drop", "look", "refresh"]), st.sampled_from("abc"), st.integers(0, 9)), max_size=30))
def test_a_store_is_a_dictionary(opened: Opened, steps: list[tuple[str, str, int]]) -> None:
    """Against the obvious version; two readers, of which one only looks after a refresh."""
    store, other = opened(), opened()
    truth: dict[str, int] = {}
    for key in store.keys("numbers"):
        store.drop("numbers", key)
    for what, key, number in steps:
        if what == "put":
            store.put("numbers", key, pl.DataFrame({"n": [number]}), Stamp(str(number), {}, {}, 1))
            truth[key] = number
        elif what == "drop":
            store.drop("numbers", key)
            truth.pop(key, None)
        reader = other if what == "refresh" else store
        reader.refresh() if what == "refresh" else None
        if what in ("look", "refresh"):
            assert reader.keys("numbers") == sorted(truth)
            assert {each: reader.get("numbers", each)["n"][0] for each in truth} == truth
            found = {each: stamp.data_version for each in "abc" if (stamp := reader.stamp("numbers", each))}
            assert found == {each: str(value) for each, value in truth.items()}


def test_a_store_that_is_away_is_told_apart_from_a_torn_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ObjectStore(f"{new_bucket()}/x", tmp_path)
    store.put("faces", "v-1", TABLE, STAMP)
    with pytest.raises(StoreError, match="no-such-bucket-here/x could not be reached") as caught:
        ObjectStore("s3://no-such-bucket-here/x", tmp_path)
    assert "credentials" in caught.value.remedy
    away = objects_at("s3://no-such-bucket-here/y")
    monkeypatch.setattr(store, "_objects", away)
    for ask in (
        lambda: store.put("faces", "v-2", TABLE, STAMP),
        lambda: store.keys("stones"),
    ):
        with pytest.raises(StoreError, match="could not be reached") as caught:
            ask()
        assert not isinstance(caught.value, RecordTornError)


def test_nothing_of_the_machine_is_needed_to_read(tmp_path: Path) -> None:
    url = f"{new_bucket()}/archive/record"
    ObjectStore(url, tmp_path / "one").put("faces", "v-1", TABLE, STAMP)
    other = ObjectStore(url, tmp_path / "two")
    assert other.stamp("faces", "v-1") == STAMP
    assert [facts.name for facts in objects_at(url).below("")] == ["faces/v-1.parquet"]
