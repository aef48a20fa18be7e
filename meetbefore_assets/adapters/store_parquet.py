"""The record as Parquet files in a folder: `<root>/<asset>/<key>.parquet`.

A file is written under a temporary name, synced and renamed, so a reader sees the old one or the new one, whole.
What is known about a table (its Stamp) lies in the footer of the same file and cannot part from it.
"""

import contextlib
import glob
import json
import os
import secrets
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlparse

import polars as pl

from meetbefore_assets.adapters.scan_cache import ScanCache, is_worth_keeping
from meetbefore_assets.adapters.stamp_cache import Identity, StampCache
from meetbefore_assets.domain.ports import Stamp
from meetbefore_assets.errors import RecordTornError, StoreError

_STAMP = "meetbefore"
_SUFFIX = ".parquet"
# Rows with pictures that are compressed at once: as one group, an hour of video would be held in memory a second time.
_PICTURES_AT_ONCE = 1024


def open_store(uri: str) -> "ParquetStore":
    """The store at a folder, or at a `file://` URI.

    Raises:
        StoreError: the scheme is one this version cannot write to.
    """
    parts = urlparse(uri)
    if parts.scheme == "file":
        return ParquetStore(Path(unquote(parts.path)))
    if "://" in uri:
        raise StoreError(
            f"store.uri is '{uri}': expected a folder or a file:// URI, found the scheme '{parts.scheme}'.",
            remedy="Set store.uri to a folder (it may be on a mounted network disk), or leave it empty for <home>/record.",
        )
    return ParquetStore(Path(uri))


class ParquetStore:
    """Implements `ports.Store` in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._stamps = StampCache(root)
        self._scans = ScanCache()

    def put(self, asset: str, key: str, table: pl.DataFrame, stamp: Stamp) -> None:
        """Write one table; the file is there whole, or as it was before.

        Raises:
            StoreError: the disk is full or must not be written to; nothing is left behind.
        """
        path = self._path(asset, key)
        text = json.dumps(
            {"data_version": stamp.data_version, "inputs": dict(stamp.inputs), "facts": dict(stamp.facts), "rows": table.height}
        )
        temporary = path.with_name(f".{key}.{os.getpid()}.{threading.get_ident()}.{secrets.token_hex(4)}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            rows = _PICTURES_AT_ONCE if pl.Binary in table.dtypes else None
            table.write_parquet(temporary, metadata={_STAMP: text}, compression="zstd", row_group_size=rows)
            os.chmod(temporary, 0o600)
            sync(temporary)
            identity = _identity(os.stat(temporary))
            os.replace(temporary, path)
            sync(path.parent)
        except (OSError, pl.exceptions.PolarsError) as error:  # polars tells a full disk as a ComputeError
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise StoreError(
                f"{path} could not be written: {reason or error}.",
                remedy=f"{_free(self.root)}Free some space or check the permissions, then run again: nothing is lost.",
            ) from error
        self._stamps.put(_name(asset, key), identity, Stamp(stamp.data_version, dict(stamp.inputs), dict(stamp.facts), table.height))

    def get(self, asset: str, key: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        path = self._path(asset, key)
        if not path.exists():
            raise KeyError(f"{asset}/{key}")
        try:
            return pl.read_parquet(path, columns=list(columns) if columns is not None else None, memory_map=False)
        except (pl.exceptions.ComputeError, OSError) as error:
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
        stamp = _read_stamp(path)
        if stamp is not None:
            self._stamps.put(name, identity, stamp)
        return stamp

    def keys(self, asset: str) -> list[str]:
        folder = self.root / asset
        if not folder.is_dir():
            return []
        return sorted(entry.name[: -len(_SUFFIX)] for entry in os.scandir(folder) if entry.name.endswith(_SUFFIX) and entry.name[0] != ".")

    def drop(self, asset: str, key: str) -> None:
        path = self._path(asset, key)
        path.unlink(missing_ok=True)
        self._stamps.drop(_name(asset, key))
        self._scans.drop(asset)
        self.sweep(asset, key)

    def sweep(self, asset: str, key: str) -> None:
        for orphan in (self.root / asset).glob(f".{glob.escape(key)}.*.tmp"):
            orphan.unlink(missing_ok=True)

    def path(self, asset: str, key: str) -> str:
        """Where a table lies, for readers that want the file itself."""
        return str(self._path(asset, key))

    def _path(self, asset: str, key: str) -> Path:
        return self.root / _name(asset, key)


def _select(table: pl.LazyFrame, columns: Sequence[str] | None) -> pl.LazyFrame:
    return table if columns is None else table.select(list(columns))


def _name(asset: str, key: str) -> str:
    # As text: tens of thousands of them are asked for, and a Path takes ten times as long.
    return f"{asset}/{key}{_SUFFIX}"


def _identity(status: os.stat_result) -> Identity:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read_stamp(path: str) -> Stamp | None:
    """A torn file has no stamp, so whatever made it is made again."""
    try:
        content = json.loads(pl.read_parquet_metadata(path)[_STAMP])
        return Stamp(content["data_version"], content["inputs"], content["facts"], content["rows"])
    except (pl.exceptions.PolarsError, OSError, KeyError, ValueError):
        return None


def _torn(path: Path, error: Exception) -> RecordTornError:
    return RecordTornError(f"{path} cannot be read ({error}).", remedy="Delete it and run again: it is made anew from what it came from.")


def _free(root: Path) -> str:
    existing = next((folder for folder in (root, *root.parents) if folder.exists()), Path("/"))
    return f"{shutil.disk_usage(existing).free / 2**20:.0f} MiB are free there. "


def sync(path: Path) -> None:
    """Have the operating system write a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
