"""Records of a database driver as typed columns."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Sequence
from typing import Any

import polars as pl

from mlcli.data.names import check_header, shown
from mlcli.data.rows import EXACT
from mlcli.errors import DataError

_NUMBERS = frozenset({int, float, decimal.Decimal})
_TYPES: dict[type, pl.DataType] = {
    str: pl.String(),
    bool: pl.Boolean(),
    datetime.date: pl.Date(),
    datetime.time: pl.Time(),
}


def records_frame(names: Sequence[str], records: Sequence[Sequence[Any]], label: str) -> pl.DataFrame:
    """One column a name; raises DataError for values of mixed or unknown types, naming the row."""
    if not names:
        raise DataError(f"{label}: the query returns no columns; expected one SELECT statement")
    check_header(names, f"{label}: columns of the query")
    if not records:
        raise DataError(f"{label}: the query returns no rows")
    columns = zip(*records, strict=True)
    return pl.DataFrame([_series(name, values, label) for name, values in zip(names, columns, strict=True)])


def _series(name: str, values: tuple[Any, ...], label: str) -> pl.Series:
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pl.Series(name, values, dtype=pl.Null)
    if kinds == {int}:
        return pl.Series(name, values, dtype=pl.Int128)
    if kinds <= _NUMBERS:
        return pl.Series(name, [_float(name, row, value, label) for row, value in enumerate(values)], dtype=pl.Float64)
    if kinds == {datetime.datetime}:
        return pl.Series(name, values)
    if len(kinds) == 1 and (dtype := _TYPES.get(next(iter(kinds)))) is not None:
        return pl.Series(name, values, dtype=dtype)
    raise _odd_value(name, values, label)


def _float(name: str, row: int, value: float | decimal.Decimal | None, label: str) -> float | None:
    if value is None:
        return None
    number = float(value)
    if abs(number) < EXACT or value == number or value != value // 1:
        return number
    raise DataError(
        f"{label}: row {row + 1}: column {name!r}: {value} is beyond 2^53 and would lose digits as a number; "
        "CAST the column to TEXT in the query, or leave it out"
    )


def _odd_value(name: str, values: tuple[Any, ...], label: str) -> DataError:
    known = {*_NUMBERS, *_TYPES, datetime.datetime}
    first = next(type(value) for value in values if value is not None)
    alike = _NUMBERS if first in _NUMBERS else {first}
    row = next(i for i, value in enumerate(values) if value is not None and type(value) not in known & alike)
    problem = f"{type(values[row]).__name__}" + (f" among {first.__name__}" if row and first in known else "")
    return DataError(
        f"{label}: row {row + 1}: column {name!r}: {shown(values[row])} is {problem}; "
        "convert the column in the query (CAST, NULLIF), or leave it out"
    )
