"""How the cells of each kind of column are held, and how a person reads them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from mlcli.data.types import Kind

DTYPES: Mapping[Kind, pl.DataType] = {
    "number": pl.Float64(),
    "category": pl.String(),
    "boolean": pl.Boolean(),
    "date": pl.Datetime("us"),
}
_MICROSECONDS_A_DAY = 86_400_000_000
_KINDS = {dtype: kind for kind, dtype in DTYPES.items()}


def kind_of(frame: pl.DataFrame, name: str) -> Kind:
    """The kind of a column of cleaned rows."""
    return _KINDS[frame.schema[name]]


def as_shown(column: pl.Series) -> pl.Series:
    """Cells that are no numbers, as text: true and false in lower case, dates as ISO has them, midnight left out."""
    if not isinstance(column.dtype, pl.Datetime):
        return column.cast(pl.String)
    return column.dt.to_string("%Y-%m-%dT%H:%M:%S%.f").str.strip_suffix("T00:00:00")


def as_days(column: pl.Series) -> pl.Series:
    """Dates as days since 1970, Float64."""
    return (column.dt.timestamp("us") / _MICROSECONDS_A_DAY).alias(column.name)


def readable(frame: pl.DataFrame) -> pl.DataFrame:
    """Cells as numbers and text."""
    return frame.with_columns(as_shown(column) for column in frame if column.dtype != pl.Float64)
