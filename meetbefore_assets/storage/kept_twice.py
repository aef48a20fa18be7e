"""A store that keeps tables which cannot be rebuilt in two copies, so that one torn file loses nothing.

Tables declared `is_kept_twice` are written to two assets of a store, each with a digest of its content in its stamp. Reading compares
both. If one is torn, missing or does not match its digest, the other is read, and the bad copy is rewritten.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import polars as pl

from meetbefore_assets.core.errors import LockTimeoutError, RecordTornError, StoreError
from meetbefore_assets.core.ports import Stamp, Store, TableWriter
from meetbefore_assets.core.schema.lists import tables_kept_twice

_DIGEST = "content digest"
_LOST = "What was said there is lost unless you restore one of the two from a backup; without one, delete both."


def copy_of(asset: str) -> str:
    """Name of the asset that holds the second copies."""
    return f"{asset}_copy"


@dataclass(frozen=True)
class _Copy:
    """One copy: the table, or why it could not be read. `is_whole` is None if there is no digest (written by an older version)."""

    table: pl.DataFrame | None = None
    stamp: Stamp | None = None
    torn: RecordTornError | None = None

    @property
    def is_whole(self) -> bool | None:
        if self.table is None or self.stamp is None:
            return False
        known = self.stamp.facts.get(_DIGEST)
        return None if known is None else known == _digest(self.table)


class KeptTwice:
    """Implements `ports.Store` on top of another store: some assets in two copies, all others unchanged.

    Args:
        store: holds both copies.
        lock: held while copies are written, dropped or repaired, so that nobody repairs a table that another process is dropping.
    """

    def __init__(self, store: Store, lock: Callable[[], AbstractContextManager[None]]) -> None:
        self._store, self._lock = store, lock
        self._twice = frozenset(table.record_name for table in tables_kept_twice())

    def put(self, asset: str, key: str, table: pl.DataFrame, stamp: Stamp) -> None:
        if asset not in self._twice:
            self._store.put(asset, key, table, stamp)
            return
        with self._lock():
            self._put_both(asset, key, table, stamp)

    def _put_both(self, asset: str, key: str, table: pl.DataFrame, stamp: Stamp) -> None:
        told = replace(stamp, facts={**stamp.facts, _DIGEST: _digest(table)})
        self._store.put(asset, key, table, told)
        self._store.put(copy_of(asset), key, table, told)

    def writer(self, asset: str, key: str) -> AbstractContextManager[TableWriter]:
        if asset in self._twice:
            raise ValueError(f"{asset} is kept twice, and put in one piece.")
        return self._store.writer(asset, key)

    def parts(self, asset: str, key: str, columns: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        return self._store.parts(asset, key, columns, rows)

    def get(self, asset: str, key: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Raises RecordTornError if neither copy can be read, or KeyError if there is none."""
        if asset not in self._twice:
            return self._store.get(asset, key, columns)
        table = self._read(asset, key)
        return table if columns is None else table.select(list(columns))

    def scan(self, asset: str, keys: Sequence[str], columns: Sequence[str] | None = None) -> pl.DataFrame:
        if asset not in self._twice or not keys:
            return self._store.scan(asset, keys, columns)
        table = self._scan_both(asset, keys)
        if table is None:
            table = pl.concat([self._read(asset, key) for key in keys])
        return table if columns is None else table.select(list(columns))

    def _scan_both(self, asset: str, keys: Sequence[str]) -> pl.DataFrame | None:
        """All rows, if all copies can be read and are equal (the usual case, in two reads); else None."""
        try:
            first, second = self._store.scan(asset, keys), self._store.scan(copy_of(asset), keys)
        except StoreError:  # one file among many: each is read by itself
            return None
        return first if first.equals(second) else None

    def _read(self, asset: str, key: str) -> pl.DataFrame:
        first, second = self._copy(asset, key), self._copy(copy_of(asset), key)
        if not _is_in_order(first, second):
            first, second = self._mend(asset, key)
        chosen = _chosen(first, second)
        if chosen is not None and chosen.table is not None:
            return chosen.table
        if first.torn is None and second.torn is None and first.table is None and second.table is None:
            raise KeyError(f"{asset}/{key}")
        told = "; ".join(_trouble(name, copy) for name, copy in ((f"{asset}/{key}", first), (f"{copy_of(asset)}/{key}", second)))
        raise RecordTornError(f"neither of two copies can be read: {told}.", remedy=_LOST)

    def _mend(self, asset: str, key: str) -> tuple[_Copy, _Copy]:
        """Read both copies again under the lock, and rewrite a bad one from the good one if this machine can."""
        try:
            with self._lock():
                first, second = self._copy(asset, key), self._copy(copy_of(asset), key)
                chosen = _chosen(first, second)
                if not _is_in_order(first, second) and chosen is not None and chosen.table is not None and chosen.stamp is not None:
                    with contextlib.suppress(StoreError):  # the good copy can be read even if the disk is full or read-only
                        self._put_both(asset, key, chosen.table, chosen.stamp)
                return first, second
        except (LockTimeoutError, StoreError):
            return self._copy(asset, key), self._copy(copy_of(asset), key)

    def _copy(self, asset: str, key: str) -> _Copy:
        try:
            return _Copy(self._store.get(asset, key), self._store.stamp(asset, key))
        except KeyError:
            return _Copy()
        except RecordTornError as error:
            return _Copy(torn=error)

    def stamp(self, asset: str, key: str) -> Stamp | None:
        stamp = self._store.stamp(asset, key)
        return self._store.stamp(copy_of(asset), key) if stamp is None and asset in self._twice else stamp

    def keys(self, asset: str) -> list[str]:
        if asset not in self._twice:
            return self._store.keys(asset)
        return sorted({*self._store.keys(asset), *self._store.keys(copy_of(asset))})

    def drop(self, asset: str, key: str) -> None:
        if asset not in self._twice:
            self._store.drop(asset, key)
            return
        with self._lock():
            self._store.drop(asset, key)
            self._store.drop(copy_of(asset), key)

    def sweep(self, asset: str, key: str) -> None:
        self._store.sweep(asset, key)
        if asset in self._twice:
            self._store.sweep(copy_of(asset), key)

    def refresh(self) -> None:
        self._store.refresh()

    def path(self, asset: str, key: str) -> str:
        """Path of the first copy, in a store of files."""
        return str(self._store.path(asset, key))  # type: ignore[attr-defined]


def _chosen(first: _Copy, second: _Copy) -> _Copy | None:
    """The copy to believe: the first, if it is whole or has no digest, because it is written first; else the second."""
    for copy in (first, second):
        if copy.is_whole is not False:
            return copy
    return None


def _is_in_order(first: _Copy, second: _Copy) -> bool:
    """Whether both can be read and are equal, or neither exists."""
    if first.table is None or second.table is None:
        return all(copy.table is None and copy.torn is None for copy in (first, second))
    return first.stamp is not None and second.stamp is not None and first.table.equals(second.table)


def _trouble(name: str, copy: _Copy) -> str:
    if copy.torn is not None:
        return copy.torn.message.removesuffix(".")
    return f"{name} is {'not what was written' if copy.table is not None else 'not there'}"


def _digest(table: pl.DataFrame) -> str:
    """Hash of the names and values of a small table, whichever library wrote the file."""
    return hashlib.sha256(repr((table.columns, table.rows())).encode()).hexdigest()[:32]
