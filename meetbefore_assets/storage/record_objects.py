"""The record as Parquet objects in an object store: `<url>/<asset>/<key>.parquet`.

The tables are the same as those of `record_parquet`, each with its Stamp in the footer. A put is atomic, so nothing is renamed. Only a
cache of stamps stays on this machine; an entry is valid while the object's tag is the same.
"""

import contextlib
import hashlib
import io
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from meetbefore_assets.core.errors import RecordTornError
from meetbefore_assets.core.ports import Stamp, TableWriter
from meetbefore_assets.storage.object_store import as_file_name, objects_at
from meetbefore_assets.storage.private_folder import private_folder
from meetbefore_assets.storage.record_parquet import SUFFIX, UNREADABLE, ParquetStore, read_stamp, torn_error, write_table
from meetbefore_assets.storage.scan_cache import ScanCache, are_small
from meetbefore_assets.storage.scratch import scratch
from meetbefore_assets.storage.stamp_cache import Identity, StampCache

# Most footers are shorter; a longer one takes a second request.
_FOOTER_BYTES = 16 << 10
# After so many stamps of one asset, its objects are listed instead, a thousand a request.
PATIENCE = 8
# How long a listing is used, unless `refresh` ends it before.
_LISTED_S = 5.0
_REQUESTS_AT_ONCE = 16


class ObjectStore:
    """Implements `ports.Store` below one URL.

    Args:
        url: s3://bucket/folder, gs://…, az://….
        cache: local folder for stamps, and for tables that are being written or read in parts.
    """

    def __init__(self, url: str, cache: Path) -> None:
        self._objects = objects_at(url)
        self._objects.check()
        self._cache = cache
        folder = cache / "stamps" / as_file_name(self._objects.url)
        private_folder(folder)
        self._stamps = StampCache(folder, self._is_listed)
        self._scans = ScanCache(least_files=1)
        self._listed: dict[str, tuple[float, dict[str, Identity]]] = {}
        self._asked: dict[str, int] = {}

    def put(self, asset: str, key: str, table: pl.DataFrame, stamp: Stamp) -> None:
        """Write one table. If it raises StoreError, the object is as it was before."""
        memory = io.BytesIO()
        write_table(table, memory, stamp)
        self._publish(asset, key, memory.getvalue(), stamp, table.height)

    @contextlib.contextmanager
    def writer(self, asset: str, key: str) -> Iterator[TableWriter]:
        """Write one table in parts, to a local file that is uploaded at the end."""
        with self._at_hand() as local, local.writer(asset, key) as writer:
            yield _Writer(self, local, writer, asset, key)

    @contextlib.contextmanager
    def _at_hand(self) -> Iterator[ParquetStore]:
        with scratch(self._cache / "tables") as folder:
            yield ParquetStore(folder)

    def _publish(self, asset: str, key: str, content: bytes | Path, stamp: Stamp, rows: int) -> None:
        name = _name(asset, key)
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        identity = _identity(self._objects.put(name, content), size)
        self._stamps.put(name, identity, Stamp(stamp.data_version, dict(stamp.inputs), dict(stamp.facts), rows))
        if asset in self._listed:
            self._listed[asset][1][name] = identity

    def get(self, asset: str, key: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        name = _name(asset, key)
        if columns is None:
            content, _ = self._objects.get(name)
            try:
                return pl.read_parquet(content)
            except UNREADABLE as error:
                raise self._torn(name, error) from error
        try:
            return pl.scan_parquet(self._objects.address(name), glob=False).select(list(columns)).collect()
        except FileNotFoundError:
            raise KeyError(f"{asset}/{key}") from None
        except UNREADABLE as error:
            raise self._torn(name, error) from error

    def parts(self, asset: str, key: str, columns: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        with self._at_hand() as local:
            self._objects.download(_name(asset, key), Path(local.path(asset, key)))
            try:
                yield from local.parts(asset, key, columns, rows)
            except RecordTornError as error:
                raise self._torn(_name(asset, key), error) from error

    def scan(self, asset: str, keys: Sequence[str], columns: Sequence[str] | None = None) -> pl.DataFrame:
        if not keys:
            return pl.DataFrame()
        names = [_name(asset, key) for key in keys]
        identities = [self._identity_of(asset, name) or (0, 0, 0) for name in names]

        def read(chosen: Sequence[str] | None) -> pl.DataFrame:
            if are_small(identities):
                table = pl.scan_parquet(self._contents(names), glob=False)
            else:
                table = pl.scan_parquet([self._objects.address(name) for name in names], glob=False)
            return (table if chosen is None else table.select(list(chosen))).collect()

        try:
            return self._scans.table(asset, keys, identities, columns, read)
        except (KeyError, *UNREADABLE) as error:
            raise self._torn_among(asset, keys, error) from error

    def _contents(self, names: Sequence[str]) -> list[bytes]:
        """Whole objects, with one request each. Raises KeyError if one is gone."""
        with ThreadPoolExecutor(min(_REQUESTS_AT_ONCE, len(names))) as threads:
            return [content for content, _ in threads.map(self._objects.get, names)]

    def stamp(self, asset: str, key: str) -> Stamp | None:
        name = _name(asset, key)
        identity = self._identity_of(asset, name)
        if identity is None or not identity[1]:  # an empty object has no footer to ask for
            return None
        known = self._stamps.get(name, identity)
        if known is not None:
            return known
        try:
            footer, facts = self._objects.tail(name, _FOOTER_BYTES)
            length = int.from_bytes(footer[-8:-4], "little") + 8
            if len(footer) < min(length, facts.size_bytes):
                footer, facts = self._objects.tail(name, length)
        except KeyError:
            return None
        stamp = read_stamp(io.BytesIO(footer))
        if stamp is not None:
            self._stamps.put(name, _identity(facts.tag, facts.size_bytes), stamp)
        return stamp

    def _identity_of(self, asset: str, name: str) -> Identity | None:
        """The identity of an object, which changes when it is replaced; from a listing of the asset if many are asked for."""
        self._asked[asset] = self._asked.get(asset, 0) + 1
        if asset not in self._listed and self._asked[asset] <= PATIENCE:
            facts = self._objects.facts(name)
            return _identity(facts.tag, facts.size_bytes) if facts else None
        return self._listing(asset).get(name)

    def _listing(self, asset: str) -> dict[str, Identity]:
        at, names = self._listed.get(asset, (-_LISTED_S, {}))
        if time.monotonic() - at >= _LISTED_S:
            found = [facts for facts in self._objects.below(asset) if facts.name.endswith(SUFFIX)]
            names = {facts.name: _identity(facts.tag, facts.size_bytes) for facts in found}
            self._listed[asset] = (time.monotonic(), names)
        return names

    def _is_listed(self, name: str) -> bool:
        asset = name.partition("/")[0]
        return asset not in self._listed or name in self._listed[asset][1]

    def refresh(self) -> None:
        """Drop the listings: others may have written meanwhile."""
        self._listed.clear()
        self._asked.clear()

    def keys(self, asset: str) -> list[str]:
        start = len(asset) + 1
        return sorted(name[start : -len(SUFFIX)] for name in self._listing(asset))

    def drop(self, asset: str, key: str) -> None:
        name = _name(asset, key)
        self._objects.remove(name)
        self._stamps.drop(name)
        self._scans.drop(asset)
        if asset in self._listed:
            self._listed[asset][1].pop(name, None)

    def sweep(self, asset: str, key: str) -> None:
        """Nothing to do: an upload that was not completed is no object (the store's own rules clean it up)."""

    def _torn(self, name: str, error: Exception) -> RecordTornError:
        """The error for an unreadable object. Raises StoreError if it is the store that cannot be reached."""
        self._objects.facts(name)
        return torn_error(name.partition("/")[0], self._objects.address(name), error)

    def _torn_among(self, asset: str, keys: Sequence[str], error: Exception) -> RecordTornError:
        """The error for the first unreadable object among several. Raises StoreError if it is the store that cannot be reached."""
        for key in keys:
            try:
                self.get(asset, key)
            except KeyError:
                return self._torn(_name(asset, key), FileNotFoundError("it is gone"))
            except RecordTornError as torn:
                return torn
        return self._torn(asset, error)


class _Writer:
    """Implements `ports.TableWriter`: writes a local file and uploads it as one object."""

    def __init__(self, store: ObjectStore, local: ParquetStore, writer: TableWriter, asset: str, key: str) -> None:
        self._store, self._local, self._writer, self._place = store, local, writer, (asset, key)

    def add(self, rows: pl.DataFrame) -> None:
        self._writer.add(rows)

    def commit(self, stamp: Stamp) -> None:
        self._writer.commit(stamp)
        written = self._local.stamp(*self._place)
        rows = written.rows if written else stamp.rows
        self._store._publish(*self._place, Path(self._local.path(*self._place)), stamp, rows)


def _name(asset: str, key: str) -> str:
    return f"{asset}/{key}{SUFFIX}"


def _identity(tag: str, size_bytes: int) -> Identity:
    return int.from_bytes(hashlib.blake2b(tag.encode(), digest_size=7).digest(), "big"), size_bytes, 0
