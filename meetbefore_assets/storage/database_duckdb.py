"""The published database: a DuckDB file that is replaced as a whole, so that readers who have it open do not block publishing."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.core.ports import WHOLE, Fetch, PublishResult
from meetbefore_assets.core.schema.lists import published_tables
from meetbefore_assets.core.schema.table import Table
from meetbefore_assets.storage import duckdb_sql
from meetbefore_assets.storage.atomic_file import put_in_place
from meetbefore_assets.storage.private_folder import private_folder
from meetbefore_assets.storage.scratch import scratch, scratch_of, sweep_scratch

# A DuckDB file has these bytes after the checksum of its first block.
_MAGIC_AT, _MAGIC = 8, b"DUCK"


class DuckDbPublisher:
    """Implements `ports.Publisher`: copies the last file, replaces the parts that changed, and renames the copy over it."""

    def __init__(self, path: Path) -> None:
        self.path, self._scratch = path, scratch_of(path.parent)

    def publish(self, wanted: Mapping[str, Mapping[str, str]], fetch: Fetch, vector_size: int) -> PublishResult:
        """Bring the database up to date.

        Args:
            wanted: table -> part -> version; a part is a video, or WHOLE for a table that is replaced in one piece.
            fetch: returns the rows of some parts of a table, public columns only.
            vector_size: length of the current recogniser's vectors.

        Raises:
            StoreError: it cannot be written; the last one stays as it was.
        """
        try:
            private_folder(self.path.parent)
            self._refuse_foreign()
            have = self.versions(vector_size)
            goal = {table.name: dict(wanted[table.name]) for table in published_tables()}
            if have == goal:
                return PublishResult(0, str(self.path), digest(goal))
            with scratch(self._scratch) as folder:
                temporary = folder / self.path.name  # DuckDB creates its file itself: it refuses an empty one
                if have is not None:
                    shutil.copyfile(self.path, temporary)
                changed = _write(temporary, have or {}, wanted, fetch, vector_size)
                put_in_place(temporary, self.path, durable=True)
        except (duckdb.Error, OSError) as error:
            raise StoreError(
                f"{self.path} could not be written: {error}.", remedy="Free some space or check the permissions, then run again."
            ) from error
        return PublishResult(changed, str(self.path), digest(goal))

    def remove(self) -> None:
        """Delete the file and what killed writers left beside it, also in the places of earlier versions."""
        sweep_scratch(self._scratch)
        for path in (self.path, *self.path.parent.glob(f"{self.path.name}.*"), *self.path.parent.glob(f".{self.path.name}.*")):
            path.unlink(missing_ok=True)

    def is_in_step(self, wanted: Mapping[str, Mapping[str, str]], vector_size: int) -> bool:
        return self.versions(vector_size) == {table.name: dict(wanted[table.name]) for table in published_tables()}

    def versions(self, vector_size: int) -> dict[str, dict[str, str]] | None:
        """Table -> part -> version in the current file; None if it is missing, torn, not ours or has other columns: then rebuild it."""
        with self.snapshot(vector_size) as held:
            return held.versions if held else None

    @contextlib.contextmanager
    def snapshot(self, vector_size: int) -> Iterator["DuckDbSnapshot | None"]:
        with contextlib.ExitStack() as open_file:
            try:
                connection = open_file.enter_context(self._opened()) if self.path.exists() else None
                versions = _versions(connection, vector_size) if connection else None
            except duckdb.Error:
                connection = versions = None
            try:
                yield None if connection is None or versions is None else DuckDbSnapshot(connection, versions)
            except duckdb.Error as error:
                raise StoreError(f"{self.path} cannot be read: {error}.", remedy="Publish again: materialise meetbefore_db.") from error

    @contextlib.contextmanager
    def _opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the current file, or a copy of it if another program has it open for writing (as DuckDB's own shell does)."""
        with contextlib.ExitStack() as opened:
            try:
                connection = duckdb.connect(str(self.path), read_only=True)
            except duckdb.IOException as error:
                if "lock" not in str(error):
                    raise
                copy = opened.enter_context(scratch(self._scratch)) / self.path.name
                shutil.copyfile(self.path, copy)
                connection = duckdb.connect(str(copy), read_only=True)
            yield opened.enter_context(contextlib.closing(connection))

    def _refuse_foreign(self) -> None:
        """Raise StoreError if the file is not our database. Even a torn one of ours still begins as DuckDB files do."""
        if not self.path.exists() or self.path.stat().st_size == 0:
            return
        try:
            with self._opened() as connection:
                tables = {name for name, _, _ in connection.execute(duckdb_sql.SELECT_COLUMNS).fetchall()}
            is_ours = "meetbefore_parts" in tables or not tables
        except duckdb.Error:
            with self.path.open("rb") as file:
                is_ours = file.read(_MAGIC_AT + len(_MAGIC))[_MAGIC_AT:] == _MAGIC
        if not is_ours:
            raise StoreError(
                f"{self.path} was not written by meetbefore; expected its own database, or nothing, at this place.",
                remedy="Move it away, then run again: the database is made from the record.",
            )


class DuckDbSnapshot:
    """Implements `ports.Snapshot`: one open file, which does not change when it is replaced on disk."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, versions: dict[str, dict[str, str]]) -> None:
        self._connection, self.versions = connection, versions

    def counts(self, table: Table, *, is_whole: bool) -> dict[str, int]:
        found = self._connection.execute(duckdb_sql.count_all(table) if is_whole else duckdb_sql.count_by_video(table)).fetchall()
        return {WHOLE if is_whole else str(part): int(count) for part, count in found}

    def rows(self, table: Table, parts: list[str]) -> pl.DataFrame:
        connection = self._connection
        query = (
            connection.sql(duckdb_sql.select_all(table))
            if WHOLE in parts
            else connection.sql(duckdb_sql.select_rows(table), params=[parts])
        )
        return pl.DataFrame(query.to_arrow_table()).cast({column.name: column.dtype for column in table.public})


def _versions(connection: duckdb.DuckDBPyConnection, vector_size: int) -> dict[str, dict[str, str]] | None:
    if not _has_shape(connection, vector_size):
        return None
    versions: dict[str, dict[str, str]] = {table.name: {} for table in published_tables()}
    for name, part, version in connection.execute(duckdb_sql.SELECT_PARTS).fetchall():
        versions.setdefault(name, {})[part] = version
    return versions


def _has_shape(connection: duckdb.DuckDBPyConnection, vector_size: int) -> bool:
    columns: dict[str, list[tuple[str, str]]] = {}
    for name, column, kind in connection.execute(duckdb_sql.SELECT_COLUMNS).fetchall():
        columns.setdefault(name, []).append((column, kind.lower()))
    declared = {
        table.name: [(column.name, duckdb_sql.column_type(table, column.name, vector_size)) for column in table.public]
        for table in published_tables()
    }
    return all(columns.get(name) == expected for name, expected in declared.items()) and "meetbefore_parts" in columns


def _write(
    path: Path, have: Mapping[str, Mapping[str, str]], wanted: Mapping[str, Mapping[str, str]], fetch: Fetch, vector_size: int
) -> int:
    changed = 0
    with _attached(path) as connection:
        connection.execute(duckdb_sql.CREATE_PARTS)
        for table in published_tables():
            connection.execute(duckdb_sql.create_table(table, vector_size))
            if not have:
                for statement in duckdb_sql.comments(table):
                    connection.execute(statement)
            changed += _replace(connection, table, have.get(table.name, {}), wanted[table.name], fetch)
    return changed


def _replace(connection: duckdb.DuckDBPyConnection, table: Table, have: Mapping[str, str], wanted: Mapping[str, str], fetch: Fetch) -> int:
    new = sorted(part for part, version in wanted.items() if have.get(part) != version)
    old = sorted(part for part, version in have.items() if wanted.get(part) != version)
    if not new and not old:
        return 0
    connection.execute("begin")
    if WHOLE in new or WHOLE in old:
        connection.execute(duckdb_sql.delete_all(table))
    elif old:
        connection.execute(duckdb_sql.delete_rows(table), [old])
    connection.execute(duckdb_sql.DELETE_PARTS, [table.name, old])
    if new:
        connection.register("incoming", fetch(table, new).to_arrow())
        connection.execute(duckdb_sql.insert_rows(table))
        connection.unregister("incoming")
        connection.execute(duckdb_sql.INSERT_PARTS, [table.name, new, [wanted[part] for part in new]])
    connection.execute("commit")
    return len(set(new) | set(old))


@contextlib.contextmanager
def _attached(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the file at `path` as the default database; at the end everything is in it, with no log beside it."""
    connection = duckdb.connect()
    try:
        connection.execute(duckdb_sql.attach(str(path)))
        connection.execute("use published")
        yield connection
        connection.execute("checkpoint published")
        connection.execute("use memory")
        connection.execute("detach published")
    finally:
        connection.close()
