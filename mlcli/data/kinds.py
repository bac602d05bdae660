"""How the cells of each kind of column are held, and how a person reads them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from mlcli.data.types import Kind

DTYPES: Mapping[Kind, pl.DataType] = {
    "number": pl.Float64(),
    "category": pl.String(),
    "boolean": pl.Boolean(),
}
_KINDS = {dtype: kind for kind, dtype in DTYPES.items()}


def kind_of(frame: pl.DataFrame, name: str) -> Kind:
    """The kind of a column of cleaned rows."""
    return _KINDS[frame.schema[name]]


def as_shown(column: pl.Series) -> pl.Series:
    """Cells that are no numbers, as text: true and false in lower case."""
    return column.cast(pl.String)


def readable(frame: pl.DataFrame) -> pl.DataFrame:
    """Cells as numbers and text."""
    return frame.with_columns(as_shown(column) for column in frame if column.dtype != pl.Float64)
