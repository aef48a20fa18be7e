"""SQL statements of the published database, and its DDL, derived from the declared tables."""

import polars as pl

from meetbefore_assets.core.schema.table import Table

# Readable by DuckDB 1.2 and later, so that older viewers open the file.
STORAGE_VERSION = "v1.2.0"

CREATE_PARTS = """
create table if not exists meetbefore_parts (
    table_name varchar not null, part varchar not null, version varchar not null
)
"""
SELECT_PARTS = "select table_name, part, version from meetbefore_parts"
SELECT_COLUMNS = "select table_name, column_name, data_type from duckdb_columns() where not internal order by table_name, column_index"
DELETE_PARTS = "delete from meetbefore_parts where table_name = ? and part in (select unnest(?))"
INSERT_PARTS = "insert into meetbefore_parts select ?, unnest(?), unnest(?)"
COMMENT_TABLE = "comment on table {table} is '{text}'"
COMMENT_COLUMN = "comment on column {table}.{column} is '{text}'"

_TYPES: dict[pl.DataType, str] = {
    pl.String(): "varchar",
    pl.Int64(): "bigint",
    pl.Float64(): "double",
    pl.Float32(): "float",
    pl.Boolean(): "boolean",
    pl.Binary(): "blob",
    pl.Datetime("us"): "timestamp",
    pl.List(pl.Float32): "float[]",
    pl.List(pl.String): "varchar[]",
    pl.List(pl.Int64): "bigint[]",
}


def attach(path: str) -> str:
    """Statement that opens a database file under the name `published`."""
    return f"attach '{_quoted(path)}' as published (storage_version '{STORAGE_VERSION}')"


def column_type(table: Table, name: str, vector_size: int) -> str:
    """DuckDB type of a column; vectors are arrays of the recogniser's size."""
    if name == "vector":
        return f"float[{vector_size}]"
    return _TYPES[table.dtypes[name]]


def create_table(table: Table, vector_size: int) -> str:
    """DDL of a published table."""
    columns = ",\n    ".join(
        f"{column.name} {column_type(table, column.name, vector_size)}{'' if column.is_nullable else ' not null'}"
        for column in table.public
    )
    return f"create table if not exists {table.name} (\n    {columns}\n)"


def comments(table: Table) -> list[str]:
    """Statements that store the meaning of a table and its columns as comments."""
    rows = [COMMENT_TABLE.format(table=table.name, text=_quoted(table.meaning))]
    return rows + [COMMENT_COLUMN.format(table=table.name, column=column.name, text=_quoted(column.meaning)) for column in table.public]


def count_all(table: Table) -> str:
    """Query with one row: null, and the number of rows."""
    return f"select null, count(*) from {table.name}"


def count_by_video(table: Table) -> str:
    """Query with a row per video: its id and its number of rows."""
    return f"select video_id, count(*) from {table.name} group by video_id"


def select_all(table: Table) -> str:
    """Query for every row, public columns."""
    return f"select {', '.join(column.name for column in table.public)} from {table.name}"


def select_rows(table: Table) -> str:
    """Query for the rows of some videos, public columns."""
    return f"{select_all(table)} where video_id in (select unnest(?))"


def delete_rows(table: Table) -> str:
    """Statement that deletes the rows of some videos."""
    return f"delete from {table.name} where video_id in (select unnest(?))"


def delete_all(table: Table) -> str:
    """Statement that deletes every row."""
    return f"delete from {table.name}"


def insert_rows(table: Table) -> str:
    """Statement that inserts the rows of the registered data frame `incoming`."""
    columns = ", ".join(column.name for column in table.public)
    return f"insert into {table.name} ({columns}) select {columns} from incoming"


def _quoted(text: str) -> str:
    return text.replace("'", "''")
