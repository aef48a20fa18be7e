"""Caches small tables that were read from many files, for as long as the files stay the same.

Opening two thousand files takes 0.3 s of the processor, asking the file system whether they are still the same ones 0.02 s, and a
run that finds nothing to do wants columns of the same videos nine times.
"""

from collections import OrderedDict
from collections.abc import Sequence

import polars as pl

from meetbefore_assets.storage.stamp_cache import Identity

LEAST_FILES = 16
MOST_TABLES = 6
MOST_BYTES = 16 * 2**20
# Larger files hold pictures or vectors, which are not read where they are not asked for.
MOST_BYTES_EACH = 16 * 2**10

_Key = tuple[str, tuple[str, ...]]


def is_worth_keeping(identities: Sequence[Identity]) -> bool:
    """Whether files (inode, size, time) are so many and so small that all their columns are read and kept."""
    total = sum(size for _, size, _ in identities)
    return len(identities) >= LEAST_FILES and total <= min(MOST_BYTES, MOST_BYTES_EACH * len(identities))


class ScanCache:
    """The latest tables that `ParquetStore.scan` put together, with all their columns."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Key, tuple[list[Identity], pl.DataFrame]] = OrderedDict()

    def get(self, asset: str, keys: Sequence[str], identities: list[Identity]) -> pl.DataFrame | None:
        """The table, if every file it was made from is still the same one."""
        key = (asset, tuple(keys))
        known = self._known.get(key)
        if known is None or known[0] != identities:
            return None
        self._known.move_to_end(key)
        return known[1].clone()

    def put(self, asset: str, keys: Sequence[str], identities: list[Identity], table: pl.DataFrame) -> None:
        """Keep a table; `identities` are those of its files, asked for before they were read."""
        if table.estimated_size() > MOST_BYTES:
            return
        self._known[asset, tuple(keys)] = (identities, table.clone())
        if len(self._known) > MOST_TABLES:
            self._known.popitem(last=False)

    def drop(self, asset: str) -> None:
        """Forget what was made from the files of an asset: what is erased from the record must not stay here."""
        for key in [key for key in self._known if key[0] == asset]:
            del self._known[key]
