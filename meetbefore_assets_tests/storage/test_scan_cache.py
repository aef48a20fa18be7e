"""The cache of scans: it answers as reading would, reads as seldom as it may, and lets go of what is erased."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from meetbefore_assets.storage import scan_cache
from meetbefore_assets.storage.scan_cache import ScanCache
from meetbefore_assets.storage.stamp_cache import Identity

SMALL, LARGE = 1_000, 100_000


class Files:
    """Tables of one row each, and what was read of them."""

    def __init__(self, size_bytes: int = SMALL) -> None:
        self.rows = {key: {"a": 1, "b": 2, "c": 3} for key in ("one", "two", "three")}
        self.size_bytes = size_bytes
        self.versions = dict.fromkeys(self.rows, 0)
        self.reads: list[Sequence[str] | None] = []

    def identities(self, keys: Sequence[str]) -> list[Identity]:
        return [(self.versions[key], self.size_bytes, 0) for key in keys]

    def change(self, key: str, value: int) -> None:
        self.rows[key] = {"a": value, "b": value, "c": value}
        self.versions[key] += 1

    def asked(
        self, cache: ScanCache, columns: Sequence[str] | None, keys: Sequence[str] = ("one", "two"), asset: str = "faces"
    ) -> pl.DataFrame:
        def read(chosen: Sequence[str] | None) -> pl.DataFrame:
            self.reads.append(chosen)
            return self.direct(chosen, keys)

        return cache.table(asset, keys, self.identities(keys), columns, read)

    def direct(self, columns: Sequence[str] | None, keys: Sequence[str]) -> pl.DataFrame:
        table = pl.DataFrame([self.rows[key] for key in keys])
        return table if columns is None else table.select(list(columns))


def test_small_files_are_read_whole_and_once() -> None:
    files, cache = Files(), ScanCache(least_files=1)
    assert files.asked(cache, ["b"]).to_dict(as_series=False) == {"b": [2, 2]}
    assert files.asked(cache, ["c", "a"]).columns == ["c", "a"]
    assert files.asked(cache, None).columns == ["a", "b", "c"]
    assert files.reads == [None]


def test_of_larger_files_the_columns_that_were_read_answer_for_some_of_them() -> None:
    files, cache = Files(LARGE), ScanCache(least_files=1)
    files.asked(cache, ["a", "b"])
    assert files.asked(cache, ["b"]).to_dict(as_series=False) == {"b": [2, 2]}
    files.asked(cache, ["b", "c"])
    files.asked(cache, ["a"])
    assert files.reads == [("a", "b"), ("b", "c")]


def test_all_columns_of_larger_files_are_not_kept() -> None:
    files, cache = Files(LARGE), ScanCache(least_files=1)
    files.asked(cache, None)
    files.asked(cache, None)
    assert files.reads == [None, None]


def test_few_files_are_read_anew() -> None:
    files, cache = Files(), ScanCache(least_files=3)
    files.asked(cache, ["a"])
    files.asked(cache, ["a"])
    assert files.reads == [["a"], ["a"]]


@pytest.mark.parametrize("size_bytes", [SMALL, LARGE])
def test_a_file_that_changed_is_read_again(size_bytes: int) -> None:
    files, cache = Files(size_bytes), ScanCache(least_files=1)
    files.asked(cache, ["a"])
    files.change("two", 7)
    assert files.asked(cache, ["a"])["a"].to_list() == [1, 7]


def test_what_is_erased_does_not_stay() -> None:
    files, cache = Files(LARGE), ScanCache(least_files=1)
    files.asked(cache, ["a"])
    files.asked(cache, ["a"], asset="tracks")
    cache.drop("faces")
    assert {name[0] for name in cache._known} == {"tracks"}


def test_the_tables_that_were_asked_for_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    files, cache = Files(LARGE), ScanCache(least_files=1)
    size = files.asked(cache, ["a"]).estimated_size()
    monkeypatch.setattr(scan_cache, "MOST_BYTES_IN_ALL", int(3.5 * size))
    for number in range(5):
        files.asked(cache, ["a"])
        files.asked(cache, ["a"], asset=f"asset {number}")
    assert [name[0] for name in cache._known] == ["asset 3", "faces", "asset 4"]


def test_a_large_table_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    files, cache = Files(LARGE), ScanCache(least_files=1)
    monkeypatch.setattr(scan_cache, "MOST_BYTES_OF_COLUMNS", 0)
    files.asked(cache, ["a"])
    assert not cache._known


def test_it_answers_as_reading_would_whatever_is_asked_in_whatever_order() -> None:
    rng = np.random.default_rng(7)
    for size_bytes in (SMALL, LARGE):
        files, cache = Files(size_bytes), ScanCache(least_files=2)
        for _ in range(300):
            keys = list(rng.permutation(list(files.rows))[: rng.integers(1, 4)])
            columns = None if rng.random() < 0.2 else list(rng.permutation(["a", "b", "c"])[: rng.integers(1, 4)])
            if rng.random() < 0.3:
                files.change(keys[0], int(rng.integers(100)))
            assert files.asked(cache, columns, keys).equals(files.direct(columns, keys))
