"""Training rows as numbers, few enough to look at closely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.data.frames import rows_at
from mlcli.data.kinds import as_days
from mlcli.data.types import Column, Table

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows of a table, drawn at random and in the order of the table.

    features : float64 (n,) by name; true is 1, dates are days, categories are codes, NaN where missing
    targets  : float64 (n,) by name; classes as codes
    classes  : names by code; empty for numbers
    """

    features: dict[str, Floats]
    targets: dict[str, Floats]
    classes: tuple[str, ...]
    categories: frozenset[str]

    def __len__(self) -> int:
        return len(next(iter(self.targets.values())))


def draw_sample(table: Table, n_rows: int, classification: bool, seed: int = 0) -> Sample:
    """At most n_rows of the rows."""
    frame = draw_rows(table, n_rows, seed)
    targets = {column.name: encode(frame[column.name], column) for column in table.targets}
    classes: tuple[str, ...] = ()
    if classification:
        classes = tuple(frame[table.targets[0].name].unique().sort().to_list())
    return Sample(
        features={column.name: encode(frame[column.name], column) for column in table.features},
        targets=targets,
        classes=classes,
        categories=frozenset(column.name for column in table.features if column.kind == "category"),
    )


def draw_rows(table: Table, n_rows: int, seed: int = 0) -> pl.DataFrame:
    """At most n_rows of the rows, in their order."""
    chosen = np.random.default_rng(seed).permutation(len(table))[:n_rows]
    return rows_at(table.rows, np.sort(chosen))


def encode(values: pl.Series, column: Column) -> Floats:
    """Categories as their ranks among those that occur; NaN where missing."""
    match column.kind:
        case "category":
            numbers = values.rank("dense") - 1
        case "date":
            numbers = as_days(values)
        case _:
            numbers = values
    encoded: Floats = numbers.cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)
    return encoded
