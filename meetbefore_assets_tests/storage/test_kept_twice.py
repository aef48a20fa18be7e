"""What people said lies in two copies: one torn file loses nothing, and whoever drops it drops both; in folders and in S3."""

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.core.errors import RecordTornError, StoreError
from meetbefore_assets.core.ports import Stamp, Store
from meetbefore_assets.storage.kept_twice import KeptTwice, copy_of
from meetbefore_assets.storage.record_objects import ObjectStore
from meetbefore_assets.storage.record_parquet import ParquetStore
from meetbefore_assets_tests.storage.test_records import tear
from meetbefore_assets_tests.support.s3 import new_bucket

ASSET, ONCE = "corrections", "faces"
TABLE = pl.DataFrame({"text": ["Ann", "Bob"], "time_s": [0.1, None]})
STAMP = Stamp("v1", {}, {"kind": "name"}, 2)
Opened = Callable[[], tuple[KeptTwice, Store]]


@pytest.fixture(params=("folder", "s3"))
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Opens the same record as another process would: kept twice, and what it lies in."""
    lock = threading.RLock()

    @contextlib.contextmanager
    def alone() -> Iterator[None]:
        with lock:
            yield

    url = f"{new_bucket()}/record" if request.param == "s3" else ""

    def opening() -> tuple[KeptTwice, Store]:
        store = ObjectStore(url, tmp_path / "cache") if url else ParquetStore(tmp_path / "record")
        return KeptTwice(store, alone), store

    return opening


def test_what_was_said_is_there_twice_and_all_else_once(opened: Opened) -> None:
    twice, store = opened()
    twice.put(ASSET, "c", TABLE, STAMP)
    twice.put(ONCE, "f", TABLE, STAMP)
    assert store.get(ASSET, "c").equals(store.get(copy_of(ASSET), "c"))
    assert (store.keys(ONCE), store.keys(copy_of(ONCE))) == (["f"], [])
    stamp = twice.stamp(ASSET, "c")
    assert stamp is not None
    assert (stamp.data_version, stamp.facts["kind"]) == ("v1", "name")
    twice.drop(ASSET, "c")
    assert (store.keys(ASSET), store.keys(copy_of(ASSET)), twice.keys(ASSET)) == ([], [], [])


@pytest.mark.parametrize("torn", [ASSET, copy_of(ASSET)])
@pytest.mark.parametrize("keep", [0, 0.5, -1, None])
def test_one_torn_or_lost_copy_loses_nothing_and_is_written_again(opened: Opened, torn: str, keep: float | None) -> None:
    for key in "abc":
        opened()[0].put(ASSET, key, TABLE, STAMP)
    _, store = opened()
    if keep is None:
        store.drop(torn, "b")
    else:
        tear(store, torn, "b", keep)
    twice, store = opened()
    assert twice.keys(ASSET) == ["a", "b", "c"]
    assert twice.scan(ASSET, ["a", "b", "c"]).height == 6
    assert twice.get(ASSET, "b", ["text"])["text"].to_list() == ["Ann", "Bob"]
    for asset in (ASSET, copy_of(ASSET)):
        assert opened()[1].get(asset, "b").equals(TABLE)
        assert opened()[1].stamp(asset, "b") == twice.stamp(ASSET, "b")


def test_a_copy_that_can_be_read_and_says_another_thing_is_found_by_its_digest(opened: Opened) -> None:
    twice, store = opened()
    for first, second in ((ASSET, copy_of(ASSET)), (copy_of(ASSET), ASSET)):
        twice.put(ASSET, "c", TABLE, STAMP)
        told = store.stamp(first, "c")
        assert told is not None
        store.put(first, "c", TABLE.with_columns(pl.lit("Eve").alias("text")), told)
        store.refresh()
        assert twice.get(ASSET, "c").equals(TABLE)
        assert store.get(first, "c").equals(store.get(second, "c"))


def test_where_both_are_torn_both_are_named_and_the_remedy_is_true(opened: Opened) -> None:
    opened()[0].put(ASSET, "c", TABLE, STAMP)
    _, store = opened()
    tear(store, ASSET, "c", 0.5)
    tear(store, copy_of(ASSET), "c", 0.5)
    twice, _ = opened()
    for read in (lambda: twice.get(ASSET, "c"), lambda: twice.scan(ASSET, ["c"])):
        with pytest.raises(RecordTornError, match=r"corrections/c.*corrections_copy/c") as caught:
            read()
        assert "lost unless you restore" in str(caught.value)
        assert "made again" not in str(caught.value)
    assert twice.stamp(ASSET, "c") is None
    assert twice.keys(ASSET) == ["c"]
    with pytest.raises(KeyError):
        twice.get(ASSET, "nobody")


def test_what_an_older_program_wrote_once_is_read_and_gets_its_copy(opened: Opened) -> None:
    opened()[1].put(ASSET, "c", TABLE, STAMP)
    twice, store = opened()
    assert twice.get(ASSET, "c").equals(TABLE)
    assert store.get(copy_of(ASSET), "c").equals(TABLE)
    older = TABLE.head(1)
    store.put(ASSET, "c", older, STAMP)
    store.refresh()
    assert twice.get(ASSET, "c").equals(older)
    assert store.get(copy_of(ASSET), "c").equals(older)


def test_killed_between_the_two_copies_the_newer_one_holds(opened: Opened) -> None:
    twice, store = opened()
    twice.put(ASSET, "c", TABLE, STAMP)
    before, old = store.get(ASSET, "c"), store.stamp(ASSET, "c")
    assert old is not None
    twice.put(ASSET, "c", TABLE.head(1), Stamp("trimmed", {}, {}, 1))
    store.put(copy_of(ASSET), "c", before, old)
    store.refresh()
    assert opened()[0].get(ASSET, "c").height == 1
    assert opened()[1].get(copy_of(ASSET), "c").height == 1, "what was forgotten is not read from the copy"


def test_whatever_byte_is_turned_in_one_file_the_other_is_read(tmp_path: Path) -> None:
    store, dice = ParquetStore(tmp_path), random.Random(1)
    twice = KeptTwice(store, contextlib.nullcontext)
    for turn in range(150):
        twice.put(ASSET, "c", TABLE, STAMP)
        path = Path(store.path(dice.choice([ASSET, copy_of(ASSET)]), "c"))
        data = bytearray(path.read_bytes())
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(data)
        reader = KeptTwice(ParquetStore(tmp_path), contextlib.nullcontext)
        assert reader.get(ASSET, "c").equals(TABLE), f"turn {turn}"


def test_a_record_that_cannot_be_written_is_read_from_the_good_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ParquetStore(tmp_path)
    KeptTwice(store, contextlib.nullcontext).put(ASSET, "c", TABLE, STAMP)
    tear(store, ASSET, "c", 0.5)

    def refuse(*_: object) -> None:
        raise StoreError("the disk is read-only.")

    monkeypatch.setattr(store, "put", refuse)
    assert KeptTwice(store, contextlib.nullcontext).get(ASSET, "c").equals(TABLE)
