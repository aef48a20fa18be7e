"""Cache of small tables that were read from many files; valid while the files are unchanged.

Opening two thousand files takes 0.3 s of processor time, asking the file system whether they are unchanged 0.02 s, and a run with nothing
to do reads columns of the same videos nine times. Objects of an object store cost two requests each in every scan that is not cached.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from meetbefore_assets.storage.stamp_cache import Identity

MOST_BYTES = 16 * 2**20
# Of all tables together: a process that goes on for days, like the app, holds them all the time.
MOST_BYTES_IN_ALL = 48 * 2**20
# Larger files hold pictures or vectors, which are only read when asked for.
MOST_BYTES_EACH = 16 * 2**10
# Columns of larger files.
MOST_BYTES_OF_COLUMNS = 4 * 2**20


def are_small(identities: Sequence[Identity]) -> bool:
    """Whether files are so small that all their columns should be read and cached, whichever are asked for."""
    return sum(size for _, size, _ in identities) <= min(MOST_BYTES, MOST_BYTES_EACH * len(identities))


@dataclass(frozen=True)
class _Entry:
    identities: list[Identity]
    columns: tuple[str, ...] | None  # None: all of them
    table: pl.DataFrame

    def answers(self, identities: list[Identity], columns: Sequence[str] | None) -> bool:
        has_columns = self.columns is None or (columns is not None and set(columns) <= set(self.columns))
        return has_columns and self.identities == identities


class ScanCache:
    """The latest tables read by `scan` of a store.

    Args:
        least_files: tables of fewer files are read anew each time.
    """

    def __init__(self, least_files: int) -> None:
        self._least_files = least_files
        self._known: OrderedDict[tuple[str, tuple[str, ...], tuple[str, ...] | None], _Entry] = OrderedDict()

    def table(
        self,
        asset: str,
        keys: Sequence[str],
        identities: list[Identity],
        columns: Sequence[str] | None,
        read: Callable[[Sequence[str] | None], pl.DataFrame],
    ) -> pl.DataFrame:
        """Columns of a table from the cache, or else by `read`.

        Args:
            asset: its name.
            keys: of its files.
            identities: of the files, taken before this call.
            columns: which ones; None: all.
            read: reads these columns of the files; None: all of them.
        """
        wanted = None if columns is None or are_small(identities) else tuple(columns)
        if len(keys) < self._least_files or (wanted is None and not are_small(identities)):
            return read(columns)
        entry = self._find(asset, tuple(keys), identities, columns)
        if entry is None:
            entry = _Entry(identities, wanted, read(wanted))
            self._keep(asset, tuple(keys), entry)
        return entry.table.clone() if columns is None else entry.table.select(list(columns))

    def _find(self, asset: str, keys: tuple[str, ...], identities: list[Identity], columns: Sequence[str] | None) -> _Entry | None:
        for name, entry in self._known.items():
            if name[:2] == (asset, keys) and entry.answers(identities, columns):
                self._known.move_to_end(name)
                return entry
        return None

    def _keep(self, asset: str, keys: tuple[str, ...], entry: _Entry) -> None:
        if entry.table.estimated_size() > (MOST_BYTES if entry.columns is None else MOST_BYTES_OF_COLUMNS):
            return
        name = (asset, keys, entry.columns)
        self._known[name] = entry
        self._known.move_to_end(name)
        while sum(kept.table.estimated_size() for kept in self._known.values()) > MOST_BYTES_IN_ALL:
            self._known.popitem(last=False)

    def drop(self, asset: str) -> None:
        """Drop the tables of an asset: what is erased from the record must not stay in the cache."""
        for name in [name for name in self._known if name[0] == asset]:
            del self._known[name]
