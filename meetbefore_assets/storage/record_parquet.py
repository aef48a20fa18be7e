"""The record as Parquet files in a folder: `<root>/<asset>/<key>.parquet`.

A file is written under a temporary name, synced and renamed, so a reader sees the old one or the new one, whole.
What is known about a table (its Stamp) lies in the footer of the same file and cannot part from it.
"""

import contextlib
import glob
import io
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlparse

import polars as pl
import pyarrow.parquet as pq

from meetbefore_assets.core.errors import RecordTornError, StoreError
from meetbefore_assets.core.ports import Stamp, TableWriter
from meetbefore_assets.storage.atomic_file import put_in_place, temporary_beside
from meetbefore_assets.storage.scan_cache import ScanCache, is_worth_keeping
from meetbefore_assets.storage.stamp_cache import Identity, StampCache

_STAMP = "meetbefore"
SUFFIX = ".parquet"
_ZSTD = 3
# Rows with pictures that are compressed at once: as one group, an hour of video would be held in memory a second time.
_PICTURES_AT_ONCE = 1024


def open_store(uri: str) -> "ParquetStore":
    """The store at a folder, or at a `file://` URI."""
    parts = urlparse(uri)
    return ParquetStore(Path(unquote(parts.path) if parts.scheme == "file" else uri))


class ParquetStore:
    """Implements `ports.Store` in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._stamps = StampCache(root, lambda name: os.path.exists(f"{root}/{name}"))
        self._scans = ScanCache()

    def put(self, asset: str, key: str, table: pl.DataFrame, stamp: Stamp) -> None:
        """Write one table; the file is there whole, or as it was before.

        Raises:
            StoreError: the disk is full or must not be written to; nothing is left behind.
        """
        with self._telling(asset, key), temporary_beside(self._path(asset, key)) as temporary:
            write_table(table, temporary, stamp)
            self._publish(asset, key, temporary, stamp, table.height)

    @contextlib.contextmanager
    def writer(self, asset: str, key: str) -> Iterator[TableWriter]:
        """Write one table a part at a time; its methods raise what `put` raises."""
        writer = _Writer(self, asset, key)
        try:
            yield writer
        finally:
            writer.close()

    @contextlib.contextmanager
    def _telling(self, asset: str, key: str) -> Iterator[None]:
        """Have the table's folder, and tell what goes wrong in a sentence."""
        path = self._path(asset, key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            yield
        except (OSError, pl.exceptions.PolarsError) as error:  # polars tells a full disk as a ComputeError
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise StoreError(
                f"{path} could not be written: {reason or error}.",
                remedy=f"{_free(self.root)}Free some space or check the permissions, then run again: nothing is lost.",
            ) from error

    def _publish(self, asset: str, key: str, temporary: Path, stamp: Stamp, rows: int) -> None:
        """Give a file that was written its place."""
        identity = _identity(put_in_place(temporary, self._path(asset, key), durable=True))
        self._stamps.put(_name(asset, key), identity, Stamp(stamp.data_version, dict(stamp.inputs), dict(stamp.facts), rows))

    def get(self, asset: str, key: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        path = self._path(asset, key)
        if not path.exists():
            raise KeyError(f"{asset}/{key}")
        try:
            return pl.read_parquet(path, columns=list(columns) if columns is not None else None, memory_map=False)
        except (pl.exceptions.ComputeError, OSError) as error:
            raise _torn(path, error) from error

    def parts(self, asset: str, key: str, columns: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        path = self._path(asset, key)
        if not path.exists():
            raise KeyError(f"{asset}/{key}")
        try:
            table = pl.scan_parquet(path).select(list(columns))
            height = table.select(pl.len()).collect().item()
            for at in range(0, height, rows):
                yield table.slice(at, rows).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _torn(path, error) from error

    def scan(self, asset: str, keys: Sequence[str], columns: Sequence[str] | None = None) -> pl.DataFrame:
        if not keys:
            return pl.DataFrame()
        paths = [f"{self.root}/{_name(asset, key)}" for key in keys]
        try:
            identities = [_identity(os.stat(path)) for path in paths]
            if not is_worth_keeping(identities):
                return _select(pl.scan_parquet(paths), columns).collect()
            table = self._scans.get(asset, keys, identities)
            if table is None:
                table = pl.scan_parquet(paths).collect()
                self._scans.put(asset, keys, identities, table)
            return _select(table.lazy(), columns).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _torn(self.root / asset, error) from error

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
        """Nothing to do: the file system is asked every time."""

    def path(self, asset: str, key: str) -> str:
        """Where a table lies, for readers that want the file itself."""
        return str(self._path(asset, key))

    def _path(self, asset: str, key: str) -> Path:
        return self.root / _name(asset, key)


class _Writer:
    """Implements `ports.TableWriter`: each part becomes a row group of the file."""

    def __init__(self, store: ParquetStore, asset: str, key: str) -> None:
        self._store, self._place = store, (asset, key)
        self._file: pq.ParquetWriter | None = None
        self._temporary = contextlib.ExitStack()
        self._path = Path()
        self._rows = 0

    def add(self, rows: pl.DataFrame) -> None:
        with self._store._telling(*self._place):
            part = rows.to_arrow()
            if self._file is None:  # there is no file before there is a part: whoever is killed until then leaves nothing
                self._path = self._temporary.enter_context(temporary_beside(self._store._path(*self._place)))
                self._file = pq.ParquetWriter(self._path, part.schema, compression="zstd", compression_level=_ZSTD)
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
        """Let go of a file that was not committed."""
        with self._temporary:
            if self._file is not None:
                with contextlib.suppress(OSError):  # a full disk; what was written is removed anyway
                    self._file.close()


def _told(stamp: Stamp, rows: int) -> str:
    """A stamp as it stands in the footer."""
    return json.dumps({"data_version": stamp.data_version, "inputs": dict(stamp.inputs), "facts": dict(stamp.facts), "rows": rows})


def _select(table: pl.LazyFrame, columns: Sequence[str] | None) -> pl.LazyFrame:
    return table if columns is None else table.select(list(columns))


def _name(asset: str, key: str) -> str:
    # As text: tens of thousands of them are asked for, and a Path takes ten times as long.
    return f"{asset}/{key}{SUFFIX}"


def _identity(status: os.stat_result) -> Identity:
    return status.st_ino, status.st_size, status.st_mtime_ns


def write_table(table: pl.DataFrame, target: Path | io.BytesIO, stamp: Stamp) -> None:
    """A table as Parquet, with its stamp in the footer."""
    rows = _PICTURES_AT_ONCE if pl.Binary in table.dtypes else None
    told = {_STAMP: _told(stamp, table.height)}
    table.write_parquet(target, metadata=told, compression="zstd", compression_level=_ZSTD, row_group_size=rows)


def read_stamp(source: str | io.BytesIO) -> Stamp | None:
    """The stamp in a file, or in the end of one that holds the footer; a torn one has none, so whatever made it is made again."""
    try:
        content = json.loads(pl.read_parquet_metadata(source)[_STAMP])
        return Stamp(content["data_version"], content["inputs"], content["facts"], content["rows"])
    except (pl.exceptions.PolarsError, OSError, KeyError, ValueError):
        return None


def _torn(path: Path, error: Exception) -> RecordTornError:
    return RecordTornError(f"{path} cannot be read ({error}).", remedy="Delete it and run again: it is made anew from what it came from.")


def _free(root: Path) -> str:
    existing = next((folder for folder in (root, *root.parents) if folder.exists()), Path("/"))
    return f"{shutil.disk_usage(existing).free / 2**20:.0f} MiB are free there. "
