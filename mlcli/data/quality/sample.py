"""A sample of rows as numbers, and a finding about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.data.tables.frames import rows_at
from mlcli.data.tables.rows import as_days
from mlcli.data.tables.types import Column, Table
from mlcli.io.text import some_of

# With fewer rows, what is found may well be chance.
FEWEST_ROWS = 50
# Training rows that the checks look at.
SAMPLED = 10_000

Floats = NDArray[np.float64]
_LISTED = 8
Check = Literal["cells", "duplicates", "constant", "id", "leak", "target_copy", "sum", "shift"]


@dataclass(frozen=True)
class DataFinding:
    """One problem of the data.

    columns : those concerned; none for rows
    text    : what was found, with its numbers, and the remedy
    serious : a warning, which `--strict` refuses; otherwise a note
    """

    check: Check
    text: str
    columns: tuple[str, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)
    serious: bool = True

    def __str__(self) -> str:
        """The check and its columns."""
        return f"{self.check} ({some_of(self.columns, _LISTED)})" if self.columns else self.check


@dataclass(frozen=True, eq=False)
class RowSample:
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


def draw_sample(table: Table, n_rows: int, classification: bool, seed: int = 0) -> RowSample:
    """At most n_rows of the rows."""
    frame = draw_sample_rows(table, n_rows, seed)
    classes = tuple(frame[table.targets[0].name].unique().sort()) if classification else ()
    return RowSample(
        features={column.name: encode(frame[column.name], column) for column in table.features},
        targets={column.name: encode(frame[column.name], column) for column in table.targets},
        classes=classes,
        categories=frozenset(column.name for column in table.features if column.kind == "category"),
    )


def draw_sample_rows(table: Table, n_rows: int, seed: int = 0) -> pl.DataFrame:
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
