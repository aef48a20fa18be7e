"""Looking for what should be gone: in the bytes of every file under a home, and in what Parquet and DuckDB pack away in theirs."""

from collections.abc import Iterable
from pathlib import Path

import duckdb
import numpy as np
import polars as pl


def traces(home_folder: Path, wanted: Iterable[bytes]) -> set[str]:
    """Files (relative to the home) in whose bytes, name or unpacked content one of `wanted` occurs."""
    needles = list(wanted)
    found = set()
    for path in sorted(home_folder.rglob("*")):
        haystack = str(path.relative_to(home_folder)).encode() + (content(path) if path.is_file() else b"")
        if any(needle in haystack for needle in needles):
            found.add(str(path.relative_to(home_folder)))
    return found


def content(path: Path) -> bytes:
    """The bytes of a file, and those of every value in it that a format compresses."""
    raw = path.read_bytes()
    if path.suffix == ".parquet" or raw[:4] == b"PAR1":
        table, stamps = pl.read_parquet(path), str(pl.read_parquet_metadata(path)).encode()
        return raw + stamps + b"".join(_values(table[name]) for name in table.columns)
    if path.suffix == ".duckdb":
        return raw + _tables(path)
    return raw


def _values(column: pl.Series) -> bytes:
    if column.dtype == pl.Binary:
        return b"\x00".join(value or b"" for value in column)
    if column.dtype == pl.List(pl.Float32) or isinstance(column.dtype, pl.Array):
        return b"".join(np.array(value, np.float32).tobytes() for value in column if value is not None)
    return b"\x00".join(str(value).encode() for value in column.to_list())


def _tables(path: Path) -> bytes:
    with duckdb.connect(str(path), read_only=True) as connection:
        names = [name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()]
        tables = [connection.sql(f"select * from {name}").pl() for name in names]
    return b"".join(_values(table[column]) for table in tables for column in table.columns)
