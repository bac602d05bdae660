"""Columns that tell a network nothing: the same value everywhere, or a number or name of each row's own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from mlcli.checks.finding import Finding
from mlcli.data.frames import column_of
from mlcli.data.profile import ColumnProfile, Profile
from mlcli.data.types import Table

# With fewer rows, values that are all distinct prove nothing.
FEWEST_ROWS = 50
# Whole numbers that are all distinct number the rows where they span no more than this many times as many.
DENSE = 1.2
DISTINCT_TEXTS = 0.99


def find_useless_columns(train: Table, profile: Profile) -> Iterator[Finding]:
    """Constant columns, row numbers and names."""
    n_rows = sum(profile["rows"].values())
    for column in profile["columns"]:
        if column["role"] == "target" or len(train) == 0:
            continue
        name, drop = column["name"], f"dataset.drop: [{column['name']}]"
        if column["distinct"] <= 1:
            if column["distinct"] == 0 or not column["missing"]["train"]:
                yield Finding("constant", f"column '{name}' has the same value in all training rows; {drop}", (name,))
        elif column["kind"] != "date" and len(train) >= FEWEST_ROWS and (reason := _why_id(train, column, n_rows)):
            yield Finding("id", f"column '{name}' {reason}, which tells nothing of new rows; {drop}", (name,))


def _why_id(train: Table, column: ColumnProfile, n_rows: int) -> str:
    """In what a column is the rows' own number or name; empty where it is neither."""
    distinct, known = column["distinct"], len(train) - column["missing"]["train"]
    if distinct < DISTINCT_TEXTS * known:  # an estimate in large tables
        return ""
    values = column_of(train.rows, column["name"]).drop_nulls()
    if column["kind"] == "category":
        distinct = values.n_unique()
        return (
            f"has a text of its own in {distinct:,} of {known:,} training rows"
            if distinct > DISTINCT_TEXTS * known
            else ""
        )
    return _why_number(values, n_rows)


def _why_number(values: pl.Series, n_rows: int) -> str:
    numbers = values.to_numpy()
    if len(numbers) < FEWEST_ROWS or not (numbers == np.floor(numbers)).all() or values.n_unique() < len(numbers):
        return ""
    steps = np.diff(numbers)
    if (steps > 0).all() or (steps < 0).all():
        return "holds distinct whole numbers in the order of the rows"
    if np.ptp(numbers) + 1 <= DENSE * n_rows:
        return "numbers the rows: its whole numbers are all distinct and leave hardly a gap"
    return ""
