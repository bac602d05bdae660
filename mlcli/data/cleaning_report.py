"""What step 1 found and did, in counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from mlcli.data.types import Kind

_EXACT_ROWS = 100_000


@dataclass(frozen=True)
class ColumnReport:
    """One column that is kept.

    missing  : missing cells of the rows that dataset.keep leaves
    distinct : distinct values in the cleaned rows; estimated (HyperLogLog, within about 2 %) beyond 100,000 rows
    replaced : cells changed by dataset.replace
    """

    name: str
    role: Literal["feature", "target"]
    kind: Kind
    missing: int
    distinct: int
    replaced: int


@dataclass(frozen=True)
class CleaningReport:
    """The rows of one file, from read to clean: rows = rows_kept − the three counts of dropped rows.

    rows_kept           : rows that dataset.keep leaves
    rows_without_target : dropped because the target is missing
    rows_with_missing   : dropped because a feature is missing (dataset.missing.drop_rows)
    duplicates          : rows equal to an earlier one in every column
    duplicates_dropped  : how many of them were dropped
    dropped_columns     : column → reason
    constant            : features with at most one distinct value; they are kept
    notes               : how columns were read where that is not obvious
    test                : the same for test rows given apart
    """

    source: str
    rows_read: int
    rows_kept: int
    rows_without_target: int
    rows_with_missing: int
    duplicates: int
    duplicates_dropped: int
    rows: int
    columns: tuple[ColumnReport, ...]
    dropped_columns: dict[str, str]
    constant: tuple[str, ...]
    notes: tuple[str, ...] = ()
    test: CleaningReport | None = None


def distinct_counts(frame: pl.DataFrame) -> dict[str, int]:
    """Distinct values of every column, missing ones not counted; exact where there are 0 or 1."""
    values = pl.all().drop_nulls()
    if frame.height <= _EXACT_ROWS:
        return _counts(frame.select(values.n_unique()))
    counts = _counts(frame.select(values.approx_n_unique()))
    few = [name for name, count in counts.items() if count <= 2]
    return counts | _counts(frame.select(few).select(values.n_unique()))


def _counts(frame: pl.DataFrame) -> dict[str, int]:
    return {name: int(frame[name][0]) for name in frame.columns}
