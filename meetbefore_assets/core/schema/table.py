"""What a table is: columns with type, unit and meaning, a key, and the checks that follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from meetbefore_assets.core.errors import SchemaError

# Means of single-precision numbers may end a little beyond what they were made from.
_SLACK = 1e-5


@dataclass(frozen=True)
class Column:
    """One column: `public` ones go into the published database; numbers outside `least`..`most`, and NaN, are refused."""

    name: str
    dtype: pl.DataType
    meaning: str
    is_public: bool = True
    is_nullable: bool = False
    least: float | None = None
    most: float | None = None


# How the record holds a table: an object a video, one object, many objects with keys of their own; or it is computed when it is published.
Objects = Literal["video", "whole", "many", "computed"]
# How `forget` takes a person out of a table. none: it holds nobody; rows: rows of forgotten faces (face_id) are removed; rebuild: it is
# dropped, and made again from what is left; own: by code of its own.
Redaction = Literal["none", "rows", "rebuild", "own"]


@dataclass(frozen=True)
class Table:
    """One table. Whoever lists tables (to make, publish, verify, drop or redact them) derives the list from these flags.

    Attributes:
        key: columns that identify a row.
        objects: how the record holds it.
        redaction: how `forget` takes a person out of it.
        job: the Dagster job that makes it; "" if none does.
        asset: the asset of that job that makes it; its own name if nothing else is said.
        made_from: the table that it is made from; "" if that is the recording, or several tables.
        code_version: raise it when the code gives other answers: everything made by the old code is then made again.
        stored_as: its name in the record, where that is not its own.
        is_cached: it lies in the index, a cache beside the record.
        is_published: it goes into the published database.
        published_columns: columns that are added when it is published.
        is_history: it tells what happened: two homes with the same content may differ in it.
        is_original: it cannot be made again: a torn one is kept for a person to look at.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    objects: Objects = "video"
    redaction: Redaction = "none"
    job: str = ""
    asset: str = ""
    made_from: str = ""
    code_version: int = 1
    stored_as: str = ""
    is_cached: bool = False
    is_published: bool = False
    published_columns: tuple[Column, ...] = ()
    is_history: bool = False
    is_original: bool = False

    def __post_init__(self) -> None:
        if self.job and not self.asset:
            object.__setattr__(self, "asset", self.name)

    @property
    def record_name(self) -> str:
        """Its name in the record."""
        return self.stored_as or self.name

    @property
    def dtypes(self) -> dict[str, pl.DataType]:
        return {column.name: column.dtype for column in self.columns}

    @property
    def public(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.is_public)

    @property
    def published(self) -> "Table":
        """The table as the published database has it."""
        return replace(self, columns=(*self.columns, *self.published_columns), published_columns=())

    def empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self.dtypes)

    def frame(self, rows: Sequence[dict[str, object]]) -> pl.DataFrame:
        return pl.DataFrame(list(rows), schema=self.dtypes, orient="row")


def check(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with exactly the declared columns in order.

    Raises:
        SchemaError: a column is missing or of another type, a key repeats, a null stands where none may, or a number lies
            outside its range.
    """
    missing = [column.name for column in table.columns if column.name not in frame.columns]
    if missing:
        raise SchemaError(f"table {table.name}: expected the columns {', '.join(missing)}, found {', '.join(frame.columns)}.")
    frame = frame.select(list(table.dtypes))
    for column in table.columns:
        found = frame.schema[column.name]
        if found != column.dtype:
            raise SchemaError(f"table {table.name}: column {column.name} should be {column.dtype}, found {found}.")
        if not column.is_nullable and frame[column.name].null_count():
            raise SchemaError(f"table {table.name}: column {column.name} has {frame[column.name].null_count()} nulls, expected none.")
        _check_range(table, column, frame[column.name])
    check_key(table, frame)
    return frame


def check_key(table: Table, frame: pl.DataFrame) -> None:
    """Raises SchemaError: a key repeats; `frame` needs no other columns."""
    if frame.select(list(table.key)).is_duplicated().any():
        raise SchemaError(f"table {table.name}: the key {', '.join(table.key)} repeats, expected one row each.")


def _check_range(table: Table, column: Column, values: pl.Series) -> None:
    if column.dtype.is_float() and values.is_nan().any():
        raise SchemaError(f"table {table.name}: column {column.name} has {values.is_nan().sum()} values that are no number, expected none.")
    low, high = column.least, column.most
    if low is None and high is None:
        return
    numbers = [float(value) for value in (values.min(), values.max()) if value is not None]  # type: ignore[arg-type]
    wrong = [value for value in numbers if (low is not None and value < low - _SLACK) or (high is not None and value > high + _SLACK)]
    if wrong:
        expected = f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}"
        raise SchemaError(f"table {table.name}: column {column.name} holds {wrong[0]:g}, expected {expected}.")
