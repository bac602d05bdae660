"""Rows in memory: data frames, arrays, lists of dictionaries."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mlcli.data.tables.rows import EXACT, Origin, Rows, check_header
from mlcli.errors import DataError
from mlcli.io.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

LABEL = "the rows"
_EXPECTED = "expected a data frame of Polars or pandas, a NumPy array (n, d), a list of dictionaries, or a dictionary"


def read_memory(data: object, names: Sequence[str] = ()) -> Rows:
    """Rows of a data frame (Polars or pandas), an array (n, d), a list of dictionaries, or a dictionary of columns.

    names : of the columns of an array; without any they are x1, x2, …
    Raises DataError for anything else, for columns of mixed kinds, and where there are no columns.
    """
    frame = _frame(data, names)
    if not frame.width:
        raise DataError(f"{LABEL}: no columns; {_EXPECTED}")
    check_header(frame.columns, LABEL)
    return Rows.read(frame, Origin(LABEL))


def is_frame(data: object) -> bool:
    """Whether the columns have names: those of a data frame of Polars or pandas."""
    return isinstance(data, pl.DataFrame | pl.LazyFrame) or _is_pandas(data)


def _is_pandas(data: object) -> bool:
    """Without importing pandas, which mlcli does not need."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(data, pandas.DataFrame)


def _frame(data: Any, names: Sequence[str]) -> pl.DataFrame:  # noqa: ANN401 (of libraries that may not be installed)
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if isinstance(data, pl.DataFrame):
        return data
    if _is_pandas(data):
        check_header([str(name) for name in data.columns], LABEL)
        return pl.DataFrame([_pandas_column(str(name), column) for name, column in data.items()])
    if isinstance(data, np.ndarray):
        return _array(data, names)
    if isinstance(data, Mapping):
        columns = {str(name): _values(column) for name, column in data.items()}
        if len({len(column) for column in columns.values()}) > 1:
            raise DataError(f"{LABEL}: the columns of the dictionary have different lengths")
        return pl.DataFrame([_column(name, column) for name, column in columns.items()])
    if isinstance(data, Sequence) and data and all(isinstance(row, Mapping) for row in data):
        keys = dict.fromkeys(key for row in data for key in row)
        return pl.DataFrame([_column(str(key), [row.get(key) for row in data]) for key in keys])
    what = f"an empty {type(data).__name__}" if isinstance(data, Sequence) and not data else type(data).__name__
    raise DataError(f"{LABEL}: {what}; {_EXPECTED}")


def _values(column: Any) -> list[Any]:  # noqa: ANN401
    """A column's values; a text or a number is one row."""
    is_column = hasattr(column, "__len__") and not isinstance(column, str | bytes)
    return list(column) if is_column else [column]


def _array(data: np.ndarray, names: Sequence[str]) -> pl.DataFrame:
    if data.ndim != 2:
        raise DataError(f"{LABEL}: an array of shape {data.shape}; expected (n, d), a row for each prediction")
    names = names or [f"x{i}" for i in range(1, data.shape[1] + 1)]
    if len(names) != data.shape[1]:
        raise DataError(
            f"{LABEL}: an array of {data.shape[1]} columns, but the model needs {len(names)}, in the order of its "
            f"features: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"
        )
    if data.dtype.kind in "biuf":
        plain = data.astype(np.float64) if data.dtype.kind in "bf" else data
        return pl.DataFrame([pl.Series(name, np.ascontiguousarray(plain[:, i])) for i, name in enumerate(names)])
    return pl.DataFrame([_column(name, data[:, i].tolist()) for i, name in enumerate(names)])


def _pandas_column(name: str, column: Any) -> pl.Series:  # noqa: ANN401
    """A column of pandas; missing cells, of whatever kind, are null."""
    kind, dtype = getattr(column.dtype, "kind", "O"), column.dtype
    if isinstance(dtype, np.dtype) and kind in "biuf":
        values = column.to_numpy()
        return pl.Series(name, values.astype(np.float64) if kind == "f" else values)
    if kind == "M":
        plain = column if isinstance(dtype, np.dtype) else column.dt.tz_convert("UTC").dt.tz_localize(None)
        return pl.Series(name, plain.to_numpy().astype("datetime64[us]"))
    missing = column.isna()
    return _column(name, [None if gone else value for value, gone in zip(column.tolist(), missing, strict=True)])


def _column(name: str, values: Sequence[Any]) -> pl.Series:
    """Python's values of one kind, None where missing; whole numbers among others become float64."""
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    kinds = {type(value) for value in plain if value is not None}
    if kinds == {int, float}:
        plain = [None if value is None else _as_float(name, value) for value in plain]
    elif len(kinds) > 1:
        raise DataError(f"{LABEL}: column {name!r} has {_mixed(plain)}; give values of one kind")
    try:
        column = pl.Series(name, plain, strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        column = pl.Series(name, dtype=pl.Object)
    if column.dtype == pl.Object:
        raise DataError(f"{LABEL}: column {name!r} has {_mixed(plain)}; give numbers, text, true/false or dates")
    return column


def _as_float(name: str, value: float) -> float:
    if isinstance(value, int) and abs(value) > EXACT and int(float(value)) != value:
        raise DataError(f"{LABEL}: column {name!r}: {shown(value)} is beyond 2^53 and would lose digits as a number")
    return float(value)


def _mixed(values: Iterable[object]) -> str:
    """The first value of each kind."""
    first: dict[type, object] = {}
    for value in values:
        if value is not None:
            first.setdefault(type(value), value)
    return " and ".join(f"{shown(value)} ({kind.__name__})" for kind, value in first.items())
