"""The record as Parquet files in a folder: `<root>/<asset>/<key>.parquet`.

A file is written under a temporary name, synced and renamed, so that a reader sees the whole old one or the whole new one. The Stamp of
a table is in the footer of the same file, so that the two cannot disagree.
"""

import contextlib
import glob
import io
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from meetbefore_assets.core.errors import RecordTornError, StoreError
from meetbefore_assets.core.ports import Stamp, TableWriter
from meetbefore_assets.core.schema.lists import is_made_anew
from meetbefore_assets.core.uris import path_of
from meetbefore_assets.storage.atomic_file import put_in_place, temporary_beside
from meetbefore_assets.storage.private_folder import private_folder
from meetbefore_assets.storage.scan_cache import ScanCache
from meetbefore_assets.storage.stamp_cache import Identity, StampCache

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetWriter

_STAMP = "meetbefore"
SUFFIX = ".parquet"
_ZSTD = 3
# What Polars raises if a file is no table; a flipped bit in the middle of one makes it panic.
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
# Rows per row group in tables with pictures: as one group, an hour of video would be held in memory a second time.
_PICTURES_AT_ONCE = 1024
# Fewer files are opened sooner than they are looked up.
_LEAST_FILES_CACHED = 16


def open_store(uri: str) -> "ParquetStore":
    """Open the store in a folder, given as a path or a `file://` URI."""
    return ParquetStore(path_of(uri))


class ParquetStore:
    """Implements `ports.Store` in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._stamps = StampCache(root, lambda name: os.path.exists(f"{root}/{name}"))
        self._scans = ScanCache(_LEAST_FILES_CACHED)

    def put(self, asset: str, key: str, table: pl.DataFrame, stamp: Stamp) -> None:
        """Write one table atomically.

        Raises:
            StoreError: the disk is full or read-only; the file is as it was before.
        """
        with self._telling(asset, key), temporary_beside(self._path(asset, key)) as temporary:
            write_table(table, temporary, stamp)
            self._publish(asset, key, temporary, stamp, table.height)

    @contextlib.contextmanager
    def writer(self, asset: str, key: str) -> Iterator[TableWriter]:
        """Write one table in parts; the writer's methods raise what `put` raises."""
        writer = _Writer(self, asset, key)
        try:
            yield writer
        finally:
            writer.close()

    @contextlib.contextmanager
    def _telling(self, asset: str, key: str) -> Iterator[None]:
        """Create the table's folder, and turn errors of the body into StoreError."""
        path = self._path(asset, key)
        try:
            private_folder(path.parent)
            yield
        except (OSError, pl.exceptions.PolarsError) as error:  # Polars reports a full disk as a ComputeError
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise StoreError(
                f"{path} could not be written: {reason or error}.",
                remedy=f"{_free(self.root)}Free some space or check the permissions, then run again: nothing is lost.",
            ) from error

    def _publish(self, asset: str, key: str, temporary: Path, stamp: Stamp, rows: int) -> None:
        """Rename a written file to its final name, and cache its stamp."""
        identity = _identity(put_in_place(temporary, self._path(asset, key), durable=True))
        self._stamps.put(_name(asset, key), identity, Stamp(stamp.data_version, dict(stamp.inputs), dict(stamp.facts), rows))

    def get(self, asset: str, key: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        path = self._path(asset, key)
        if not path.exists():
            raise KeyError(f"{asset}/{key}")
        try:
            return pl.read_parquet(path, columns=list(columns) if columns is not None else None, memory_map=False)
        except UNREADABLE as error:
            raise torn_error(asset, str(path), error) from error

    def parts(self, asset: str, key: str, columns: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        path = self._path(asset, key)
        if not path.exists():
            raise KeyError(f"{asset}/{key}")
        try:
            table = pl.scan_parquet(path).select(list(columns))
            height = table.select(pl.len()).collect().item()
            for at in range(0, height, rows):
                yield table.slice(at, rows).collect()
        except UNREADABLE as error:
            raise torn_error(asset, str(path), error) from error

    def scan(self, asset: str, keys: Sequence[str], columns: Sequence[str] | None = None) -> pl.DataFrame:
        if not keys:
            return pl.DataFrame()
        paths = [f"{self.root}/{_name(asset, key)}" for key in keys]
        try:
            identities = [_identity(os.stat(path)) for path in paths]
            return self._scans.table(asset, keys, identities, columns, lambda chosen: _select(pl.scan_parquet(paths), chosen).collect())
        except UNREADABLE as error:
            raise self._torn_among(asset, keys, error) from error

    def _torn_among(self, asset: str, keys: Sequence[str], error: Exception) -> RecordTornError:
        """The error for the first unreadable file among several; for the folder, if each can be read alone."""
        for key in keys:
            try:
                self.get(asset, key)
            except KeyError:
                return torn_error(asset, str(self._path(asset, key)), FileNotFoundError("it is gone"))
            except RecordTornError as torn:
                return torn
        return torn_error(asset, str(self.root / asset), error)

    def stamp(self, asset: str, key: str) -> Stamp | None:
        name = _name(asset, key)
        path = f"{self.root}/{name}"
        try:
            identity = _identity(os.stat(path))
        except FileNotFoundError:
            return None
        known = self._stamps.get(name, identity)
        if known is not None:
            return known
        stamp = read_stamp(path)
        if stamp is not None:
            self._stamps.put(name, identity, stamp)
        return stamp

    def keys(self, asset: str) -> list[str]:
        folder = self.root / asset
        if not folder.is_dir():
            return []
        return sorted(entry.name[: -len(SUFFIX)] for entry in os.scandir(folder) if entry.name.endswith(SUFFIX) and entry.name[0] != ".")

    def drop(self, asset: str, key: str) -> None:
        path = self._path(asset, key)
        path.unlink(missing_ok=True)
        self._stamps.drop(_name(asset, key))
        self._scans.drop(asset)
        self.sweep(asset, key)

    def sweep(self, asset: str, key: str) -> None:
        for orphan in (self.root / asset).glob(f".{glob.escape(key)}.*.tmp"):
            orphan.unlink(missing_ok=True)

    def refresh(self) -> None:
        """Nothing to do: every read asks the file system."""

    def path(self, asset: str, key: str) -> str:
        """Path of a table's file, for readers that want the file itself."""
        return str(self._path(asset, key))

    def _path(self, asset: str, key: str) -> Path:
        return self.root / _name(asset, key)


class _Writer:
    """Implements `ports.TableWriter`: each part becomes a row group."""

    def __init__(self, store: ParquetStore, asset: str, key: str) -> None:
        self._store, self._place = store, (asset, key)
        self._file: ParquetWriter | None = None
        self._temporary = contextlib.ExitStack()
        self._path = Path()
        self._rows = 0

    def add(self, rows: pl.DataFrame) -> None:
        with self._store._telling(*self._place):
            part = rows.to_arrow()
            if self._file is None:  # no file before the first part: a process killed until then leaves nothing
                self._path = self._temporary.enter_context(temporary_beside(self._store._path(*self._place)))
                from pyarrow.parquet import ParquetWriter  # 0.3 s to load; most processes read only

                self._file = ParquetWriter(self._path, part.schema, compression="zstd", compression_level=_ZSTD)
            self._file.write_table(part)
            self._rows += rows.height

    def commit(self, stamp: Stamp) -> None:
        with self._store._telling(*self._place):
            if self._file is None:
                raise ValueError(f"{'/'.join(self._place)}: nothing was added, expected a part with its columns.")
            self._file.add_key_value_metadata({_STAMP: _told(stamp, self._rows)})
            self._file.close()
            self._file = None
            self._store._publish(*self._place, self._path, stamp, self._rows)

    def close(self) -> None:
        """Close a file that was not committed."""
        with self._temporary:
            if self._file is not None:
                with contextlib.suppress(OSError):  # a full disk; the file is removed anyway
                    self._file.close()


def _told(stamp: Stamp, rows: int) -> str:
    """A stamp as the JSON text in the footer."""
    return json.dumps({"data_version": stamp.data_version, "inputs": dict(stamp.inputs), "facts": dict(stamp.facts), "rows": rows})


def _select(table: pl.LazyFrame, columns: Sequence[str] | None) -> pl.LazyFrame:
    return table if columns is None else table.select(list(columns))


def _name(asset: str, key: str) -> str:
    # Text, not a Path: tens of thousands are built, and a Path takes ten times as long.
    return f"{asset}/{key}{SUFFIX}"


def _identity(status: os.stat_result) -> Identity:
    return status.st_ino, status.st_size, status.st_mtime_ns


def write_table(table: pl.DataFrame, target: Path | io.BytesIO, stamp: Stamp) -> None:
    """Write a table as Parquet, with its stamp in the footer."""
    rows = _PICTURES_AT_ONCE if pl.Binary in table.dtypes else None
    told = {_STAMP: _told(stamp, table.height)}
    table.write_parquet(target, metadata=told, compression="zstd", compression_level=_ZSTD, row_group_size=rows)


def read_stamp(source: str | io.BytesIO) -> Stamp | None:
    """The stamp in a file, or in the tail of one that holds the footer; None if it is torn, so that the table is rebuilt."""
    try:
        content = json.loads(pl.read_parquet_metadata(source)[_STAMP])
        return Stamp(content["data_version"], content["inputs"], content["facts"], content["rows"])
    except (*UNREADABLE, KeyError, ValueError):
        return None


def torn_error(asset: str, place: str, error: Exception) -> RecordTornError:
    """The error for an unreadable table; its remedy depends on whether the table can be rebuilt."""
    said = str(error).split("\n")[0]
    remedy = "Delete it and run again: it is made again."
    if not is_made_anew(asset):
        remedy = "It cannot be made again: restore it from a backup, then run again."
    return RecordTornError(f"{place} cannot be read ({said}).", remedy=remedy)


def _free(root: Path) -> str:
    existing = next((folder for folder in (root, *root.parents) if folder.exists()), Path("/"))
    return f"{shutil.disk_usage(existing).free / 2**20:.0f} MiB are free there. "
