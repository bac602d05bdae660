"""Columns from which nothing can be learned: constants, row numbers and ids, by their values and names."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import polars as pl

from mlcli.data.profile import ColumnProfile, Profile
from mlcli.data.quality.sample import FEWEST_ROWS, DataFinding
from mlcli.data.tables.frames import column_of
from mlcli.data.tables.types import Table

# Distinct whole numbers count the rows where their range is at most this many times the number of rows.
DENSE = 1.2
DISTINCT_TEXTS = 0.99

_ID_ENDS = {"id", "ids", "uuid", "guid", "key", "index", "idx", "rowid", "nr", "rownames", "serial"}
_ID_STARTS = {"unnamed", "rownum", "rownumber"}
_CODE = re.compile(r"(^|_)(zip|zipcode|postcode|postal|plz|cp|code|codigo)(_|$)")


def find_useless_columns(train: Table, profile: Profile) -> Iterator[DataFinding]:
    """Constant columns, row numbers and ids."""
    n_rows = sum(profile["rows"].values())
    for column in profile["columns"]:
        if column["role"] == "target" or len(train) == 0:
            continue
        name, remedy = column["name"], f"set dataset.drop: [{column['name']}]"
        if column["distinct"] <= 1:
            if column["distinct"] == 0 or not column["missing"]["train"]:
                yield DataFinding(
                    "constant", f"column '{name}' has the same value in all training rows; {remedy}", (name,)
                )
        elif reason := _id_reason(train, column, n_rows):
            text = f"column '{name}' {reason}, so it says nothing about new rows; {remedy}"
            yield DataFinding("id", text, (name,))


def _id_reason(train: Table, column: ColumnProfile, n_rows: int) -> str:
    """Why a column numbers or names the rows; empty where it does not."""
    distinct, known = column["distinct"], len(train) - column["missing"]["train"]
    if column["kind"] == "date" or len(train) < FEWEST_ROWS or distinct < DISTINCT_TEXTS * known:
        return ""
    values = column_of(train.rows, column["name"]).drop_nulls()
    if column["kind"] != "category":
        return _row_number_reason(values, n_rows)
    distinct = values.n_unique()  # the profile's count is an estimate in large tables
    return f"has {distinct:,} distinct texts in {known:,} training rows" if distinct > DISTINCT_TEXTS * known else ""


def is_index(values: pl.Series) -> bool:
    """Whether whole numbers, none missing, are consecutive in any order."""
    return values.n_unique() == len(values) and values.max() - values.min() == len(values) - 1  # type: ignore[operator]


def _row_number_reason(values: pl.Series, n_rows: int) -> str:
    """Why these numbers, none missing, number the n_rows rows of a table; empty where they do not or are few."""
    numbers = values.to_numpy()
    if len(numbers) < FEWEST_ROWS or not (numbers == np.floor(numbers)).all() or values.n_unique() < len(numbers):
        return ""
    steps = np.diff(numbers)
    if (steps > 0).all() or (steps < 0).all():
        return "has distinct whole numbers in the order of the rows"
    if np.ptp(numbers) + 1 <= DENSE * n_rows:
        return "numbers the rows: its whole numbers are distinct and nearly without gaps"
    return ""


def has_id_name(name: str) -> bool:
    """Whether a column is called as ids are, such as PassengerId or row_key."""
    words = _snake(name).split("_")
    return words[-1] in _ID_ENDS or words[0] in _ID_STARTS


def has_code_name(name: str) -> bool:
    """Whether a column is called as codes are, such as zip_code, whose numbers are no amounts."""
    return _CODE.search(_snake(name)) is not None


def _snake(name: str) -> str:
    """`PassengerId`, `passenger id` and `passenger-id` as `passenger_id`."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[\W_]+", "_", parted).strip("_").lower()
