"""Values of a column at which effects are measured."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.data.tables.rows import as_shown

Floats = NDArray[np.float64]
# A number or date is given by its text or value; None is a missing cell.
Cell = float | str | None
# Categories, at most.
MAX_LEVELS = 8


def levels_of(values: pl.Series) -> tuple[list[Cell], Floats]:
    """The most frequent categories, of which missing is one, and their shares of these rows."""
    counts = values.alias("level").value_counts(name="n").sort(["n", "level"], descending=[True, False])[:MAX_LEVELS]
    return counts["level"].to_list(), (counts["n"] / counts["n"].sum()).to_numpy()


def distinct_quantiles(x: Floats, shares: Floats) -> Floats:
    """Distinct values of the rows."""
    return np.unique(np.quantile(x, shares, method="inverted_cdf")) if len(x) else np.empty(0)


def to_numbers(values: pl.Series) -> Floats:
    """Dates as their microseconds."""
    return values.to_physical().cast(pl.Float64).to_numpy()


def to_cells(numbers: Floats, like: pl.Series) -> pl.Series:
    """The inverse of `to_numbers`, with the name and type of another column."""
    return pl.Series(like.name, numbers).cast(like.to_physical().dtype).cast(like.dtype)


def list_cells(values: pl.Series) -> list[Cell]:
    """Cells as JSON has them."""
    return values.to_list() if values.dtype == pl.Float64 else as_shown(values).to_list()


def as_texts(levels: list[Cell]) -> list[Cell]:
    """Booleans in lower case, as in files."""
    return [str(level).lower() if isinstance(level, bool) else level for level in levels]
