"""Cache of small tables that were read from many files; valid while the files are unchanged.

Opening two thousand files takes 0.3 s of processor time, asking the file system whether they are unchanged 0.02 s, and a run with nothing
to do reads columns of the same videos nine times.
"""

from collections import OrderedDict
from collections.abc import Sequence

import polars as pl

from meetbefore_assets.storage.stamp_cache import Identity

LEAST_FILES = 16
MOST_TABLES = 6
MOST_BYTES = 16 * 2**20
# Larger files hold pictures or vectors, which are only read when asked for.
MOST_BYTES_EACH = 16 * 2**10

_Key = tuple[str, tuple[str, ...]]


def is_worth_keeping(identities: Sequence[Identity]) -> bool:
    """Whether there are so many files, and so small, that all their columns should be read and cached."""
    total = sum(size for _, size, _ in identities)
    return len(identities) >= LEAST_FILES and total <= min(MOST_BYTES, MOST_BYTES_EACH * len(identities))


class ScanCache:
    """The latest tables read by `scan` of a store, with all columns."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Key, tuple[list[Identity], pl.DataFrame]] = OrderedDict()

    def get(self, asset: str, keys: Sequence[str], identities: list[Identity]) -> pl.DataFrame | None:
        """The cached table, if all its files are unchanged; else None."""
        key = (asset, tuple(keys))
        known = self._known.get(key)
        if known is None or known[0] != identities:
            return None
        self._known.move_to_end(key)
        return known[1].clone()

    def put(self, asset: str, keys: Sequence[str], identities: list[Identity], table: pl.DataFrame) -> None:
        """Cache a table; `identities` are those of its files, taken before they were read."""
        if table.estimated_size() > MOST_BYTES:
            return
        self._known[asset, tuple(keys)] = (identities, table.clone())
        if len(self._known) > MOST_TABLES:
            self._known.popitem(last=False)

    def drop(self, asset: str) -> None:
        """Drop the tables of an asset: what is erased from the record must not stay in the cache."""
        for key in [key for key in self._known if key[0] == asset]:
            del self._known[key]
