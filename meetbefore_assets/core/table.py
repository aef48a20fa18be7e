"""What a table is: columns with type, unit and meaning, a key, and the checks that follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Table:
    """One table; `key` columns identify a row."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def dtypes(self) -> dict[str, pl.DataType]:
        return {column.name: column.dtype for column in self.columns}

    @property
    def public(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.is_public)

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
