"""Declares tables (columns with type, unit and meaning; key; how each is made, published and redacted) and checks them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from meetbefore_assets.core.errors import SchemaError

# Tolerance of ranges: a mean of single-precision numbers may lie a little outside their range.
_SLACK = 1e-5


@dataclass(frozen=True)
class Column:
    """One column. `public` columns are published; numbers outside `least`..`most`, and NaN, are refused."""

    name: str
    dtype: pl.DataType
    meaning: str
    is_public: bool = True
    is_nullable: bool = False
    least: float | None = None
    most: float | None = None


# How the record holds a table: one object per video, one object, many objects with keys of their own; or none, as it is computed when
# it is published.
Objects = Literal["video", "whole", "many", "computed"]
# How `forget` removes a person from a table. none: it holds nothing of people; rows: the rows of forgotten faces (face_id) are removed;
# rebuild: the table is dropped, and made again from what is left; own: by special code.
Redaction = Literal["none", "rows", "rebuild", "own"]


@dataclass(frozen=True)
class Table:
    """One table. Code that makes, publishes, verifies, drops or redacts tables finds them by these flags.

    Attributes:
        key: columns that identify a row.
        objects: how the record holds it.
        redaction: how `forget` takes a person out of it.
        job: the Dagster job that makes it; "" if none does.
        asset: the asset of that job that makes it; the name of the table unless given.
        made_from: the table that it is made from; "" if that is the recording, or several tables.
        code_version: raise it when the code gives other results: tables made by the old code are then made again.
        stored_as: its name in the record, if that is not its own.
        is_cached: it lies in the index, a cache beside the record.
        is_published: it goes into the published database.
        published_columns: columns that are added when it is published.
        is_history: it tells what happened when, so two homes with the same content may differ in it.
        is_kept_twice: people typed it, so the record keeps two copies.
        is_original: it cannot be made again, so a torn one is kept for a person to look at.
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
    is_kept_twice: bool = False

    def __post_init__(self) -> None:
        if self.job and not self.asset:
            object.__setattr__(self, "asset", self.name)

    @property
    def record_name(self) -> str:
        """Return its name in the record."""
        return self.stored_as or self.name

    @property
    def dtypes(self) -> dict[str, pl.DataType]:
        return {column.name: column.dtype for column in self.columns}

    @property
    def public(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.is_public)

    @property
    def published(self) -> "Table":
        """Return the table as it is in the published database."""
        return replace(self, columns=(*self.columns, *self.published_columns), published_columns=())

    def empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self.dtypes)

    def frame(self, rows: Sequence[dict[str, object]]) -> pl.DataFrame:
        return pl.DataFrame(list(rows), schema=self.dtypes, orient="row")


def check(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Check a table against its declaration; return it with exactly the declared columns, in order.

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
    """Check that no key repeats (`frame` needs no other columns). Raises SchemaError."""
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
