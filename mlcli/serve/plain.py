"""Rows of JSON that mean what they say: a table is made of them without the readers, which take longest."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from unicodedata import is_normalized

import polars as pl

from mlcli.config.sections.dataset import DatasetConfig
from mlcli.data.selection import cells_config
from mlcli.data.tables.rows import BLANKS, DTYPES, EXACT
from mlcli.data.tables.types import Kind, Schema, Table

Cells = tuple[object, ...]

# Numbers with an exponent are left to the readers, which refuse those beyond float64.
EXPONENT = re.compile(r"\d[eE][+-]?\d")
_DAY = re.compile(r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}")


class PlainRows:
    """Knows which cells the readers would take as they are: what is doubtful in any way is theirs.

    Columns that the configuration changes (dataset.replace, numbers, dates) are never plain, nor are cells that are a
    marker of missing ones.
    """

    def __init__(self, schema: Schema, dataset: DatasetConfig) -> None:
        config = cells_config(dataset)
        changed = {*config.replace, *config.numbers, *config.dates}
        self._schema = schema
        self._missing = frozenset(config.missing) | {_number(token) for token in config.missing}
        self._kinds: Mapping[str, Kind] = {own.name: own.kind for own in schema.columns}
        self._is_usable = bool(self._kinds) and changed.isdisjoint(self._kinds)

    def cells(self, text: str, row: object) -> Cells | None:
        """The cells of a row in the columns' order; None where the readers must look at its text."""
        if not self._is_usable or type(row) is not dict or EXPONENT.search(text):
            return None
        if len(row) > len(self._kinds) and not all(key and _is_scalar(own) for key, own in row.items()):
            return None
        try:
            return tuple([self._cell(kind, row[name]) for name, kind in self._kinds.items()])
        except (KeyError, _NotPlainError):
            return None

    def table(self, rows: Sequence[Cells]) -> Table:
        """The table of such rows, as the readers make it."""
        columns = zip(self._schema.columns, zip(*rows, strict=True), strict=True)
        frame = pl.DataFrame([pl.Series(own.name, cells, dtype=DTYPES[own.kind]) for own, cells in columns])
        return Table(frame, self._schema.columns, ())

    def _cell(self, kind: Kind, value: object) -> object:
        if value is None:
            return None
        found = _PLAIN[kind](value)
        if found is None or found in self._missing or value in self._missing:
            raise _NotPlainError
        return found


class _NotPlainError(Exception):
    """A cell for the readers."""


def _plain_number(value: object) -> float | None:
    if type(value) is float:
        return value if math.isfinite(value) else None
    return float(value) if type(value) is int and -EXACT < value < EXACT else None


def _plain_text(value: object) -> str | None:
    if type(value) is not str or value != value.strip(BLANKS):
        return None
    if value.isascii():
        return None if "\0" in value else value
    return value if is_normalized("NFC", value) and not re.search("[\ud800-\udfff]", value) else None


def _plain_flag(value: object) -> bool | None:
    return value if type(value) is bool else None


def _plain_day(value: object) -> datetime | None:
    if type(value) is not str or not _DAY.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


_PLAIN: Mapping[Kind, Callable[[object], object]] = {
    "number": _plain_number,
    "category": _plain_text,
    "boolean": _plain_flag,
    "date": _plain_day,
}


def _number(token: str) -> float | None:
    """The number that a marker of missing cells is, if it is one."""
    try:
        return float(token)
    except ValueError:
        return None


def _is_scalar(value: object) -> bool:
    """Whether the readers pass over a value in a column that the model does not need."""
    if type(value) is int:
        return -EXACT < value < EXACT
    if type(value) is float:
        return math.isfinite(value)
    return value is None or type(value) is bool or (type(value) is str and value.isascii() and "\0" not in value)
