"""The role of each column: a feature, and of which kind, or none, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from mlcli.config.sections.rows import MissingConfig
from mlcli.data.quality.checks import has_code_name, has_id_name, is_index
from mlcli.data.quality.leaks import is_copy
from mlcli.data.tables.dates import ISO, date_formats
from mlcli.data.tables.inference import (
    ENOUGH,
    FEWEST_TEXTS,
    NEARLY,
    Decimal,
    as_numbers,
    is_free_text,
    looks_boolean,
)

Use = Literal["number", "category", "boolean", "date", "drop"]
Hint = Literal["", "group", "time"]

DEFAULT_MARKERS: tuple[str, ...] = MissingConfig().values
# Common markers of missing cells beside the defaults.
USUAL_MARKERS = {
    *("-", "--", "---", "–", "—", ".", "..", "...", "*", "??", "#n/a", "#na", "#null!", "#value!", "#div/0!", "<na>"),
    *("n.a.", "na", "n/a", "nan", "nil", "none", "null", "(null)", "\\n", "missing", "unknown", "undefined", "empty"),
    *("not available", "nd", "n.d.", "s/d", "k.a.", "sin dato", "sin datos", "desconocido", "x", "inf", "-inf"),
}
# Numbers that mark missing cells where they are far from all others.
SENTINELS = (-99.0, -999.0, -9999.0, -99999.0, -999999.0)
_MOST_OTHERS = 3
_LEADING_ZERO = r"^0\d+$"
EMPTY, CONSTANT = "every cell is missing", "the same in every row"
_FEW = 20


@dataclass(frozen=True)
class CellsFound:
    """The decimal mark, and further markers of missing cells, each with the column that shows it."""

    decimal: Decimal
    markers: dict[str, str]

    @property
    def missing(self) -> tuple[str, ...]:
        """The value of dataset.missing.values."""
        return (*DEFAULT_MARKERS, *self.markers)


def find_cells(frame: pl.DataFrame, delimiter: str) -> CellsFound:
    """Decimal mark and markers of the text columns."""
    texts = frame.select(pl.col(pl.String)).select(_without_default_markers(pl.all()))
    decimal = _decimal(texts, delimiter)
    found: dict[str, str] = {}
    for text in _may_have_markers(texts, decimal):
        for marker in _markers(text.drop_nulls(), decimal):
            found.setdefault(marker, text.name)
    return CellsFound(decimal, found)


def _without_default_markers(text: pl.Expr) -> pl.Expr:
    return pl.when(~text.is_in(list(DEFAULT_MARKERS))).then(text)


def _decimal(texts: pl.DataFrame, delimiter: str) -> Decimal:
    """The mark with which more columns are numbers."""
    if delimiter == ",":
        return "."
    marks: tuple[Decimal, ...] = (".", ",")
    known = texts.select(pl.all().count())
    points, commas = (
        sum(number.count() >= NEARLY * n[0] > 0 for number, n in zip(as_numbers(texts, mark), known, strict=True))
        for mark in marks
    )
    return "," if commas > points else "."


def _may_have_markers(texts: pl.DataFrame, decimal: Decimal) -> Iterator[pl.Series]:
    """The columns with cells that are no numbers, or whose least number is a sentinel."""
    numbers = as_numbers(texts, decimal)
    for text, number, least in zip(texts, numbers, numbers.select(pl.all().min()), strict=True):
        if number.null_count() > text.null_count() or least[0] in SENTINELS:
            yield text


def _numbers(text: pl.Series, decimal: Decimal) -> pl.Series:
    return as_numbers(text.to_frame(), decimal).to_series()


def _markers(text: pl.Series, decimal: Decimal) -> Iterator[str]:
    """Markers among a column's cells: common ones among numbers or dates, a few others among many, sentinels."""
    numbers = _numbers(text, decimal)
    for known in (numbers.is_not_null(), text.str.contains(ISO)):
        n_known = int(known.sum())
        others = text.filter(~known).unique(maintain_order=True).to_list()
        usual = all(cell.lower() in USUAL_MARKERS for cell in others)
        few = len(others) <= _MOST_OTHERS and n_known >= max(ENOUGH, NEARLY * len(text))
        if n_known >= len(text) / 2 and (usual or few):
            yield from others
            yield from _sentinels(text, numbers)


def _sentinels(text: pl.Series, numbers: pl.Series) -> Iterator[str]:
    for value in SENTINELS:
        others = numbers.filter(numbers != value).drop_nulls()
        n_found = int((numbers == value).sum())
        if n_found > 1 and len(others) >= ENOUGH:
            low, high = float(others.min()), float(others.max())  # type: ignore[arg-type]
            if low - value > max(high - low, 1.0):
                yield from text.filter(numbers == value).unique().to_list()


@dataclass(frozen=True)
class ColumnRole:
    """How a column is used, and why where that is not obvious.

    hint     : another use: split.by group or time
    declared : dataset.types must name the kind, since another one would be inferred
    format   : of dates that are not ISO 8601
    """

    name: str
    use: Use
    why: str = ""
    hint: Hint = ""
    declared: bool = False
    format: str | None = None


def suggest_roles(frame: pl.DataFrame, raw: pl.DataFrame, target: pl.Series) -> tuple[ColumnRole, ...]:
    """The role of every column of frame, in order.

    frame : Float64 and String columns, null where missing
    raw   : the same columns as they are written in the file
    """
    why = f"determines {target.name}; remove it from drop if it is known when predicting"
    roles = (_role(frame[name], raw[name]) for name in frame.columns)
    return tuple(
        replace(role, use="drop", why=why, declared=False)
        if role.use != "drop" and is_copy(frame[role.name], target)
        else role
        for role in roles
    )


def _role(column: pl.Series, raw: pl.Series) -> ColumnRole:
    known = column.drop_nulls()
    if not len(known):
        return ColumnRole(column.name, "drop", EMPTY)
    if known.n_unique() == 1:
        why = CONSTANT if len(known) == len(column) else f"{CONSTANT} that has a value"
        return ColumnRole(column.name, "drop", why)
    return _number_role(column, known, raw) if column.dtype == pl.Float64 else _text_role(column, known)


def _number_role(column: pl.Series, known: pl.Series, raw: pl.Series) -> ColumnRole:
    name, n_distinct = column.name, known.n_unique()
    if raw.dtype == pl.String and raw.str.contains(_LEADING_ZERO).any():
        return _code_role(name, n_distinct, len(known), "numbers that begin with 0 are codes")
    if not bool((known == known.round()).all()):
        return ColumnRole(name, "number")
    if n_distinct == len(column) and len(known) >= 3 and (is_index(known) or has_id_name(name)):
        return ColumnRole(name, "drop", "a different number in every row, like an id")
    if has_id_name(name) and n_distinct > _FEW:
        return ColumnRole(name, "drop", f"an id with {n_distinct:,} distinct values", "group")
    if has_code_name(name):
        return _code_role(name, n_distinct, len(known), "a code by its name, not an amount")
    return ColumnRole(name, "number")


def _code_role(name: str, n_distinct: int, n_rows: int, why: str) -> ColumnRole:
    if n_distinct > n_rows / 2 and n_rows >= FEWEST_TEXTS:
        return ColumnRole(name, "drop", f"{n_distinct:,} distinct codes in {n_rows:,} rows, like an id")
    return ColumnRole(name, "category", why, declared=True)


def _text_role(column: pl.Series, known: pl.Series) -> ColumnRole:
    name, n_distinct, n_rows = column.name, known.n_unique(), len(known)
    if formats := date_formats(known):
        return _date_role(column, formats)
    if looks_boolean(known):
        return ColumnRole(name, "boolean")
    if is_free_text(known):
        return ColumnRole(name, "drop", f"free text; to count its words, set features.columns.{name}.encode: hash")
    if n_distinct == n_rows and (n_rows >= FEWEST_TEXTS or has_id_name(name)):
        return ColumnRole(name, "drop", "a different text in every row, like an id or a name")
    if n_distinct > n_rows / 2 and n_rows >= FEWEST_TEXTS:
        return ColumnRole(name, "drop", f"{n_distinct:,} distinct texts in {n_rows:,} rows: too few rows of each")
    if has_id_name(name) and n_distinct > _FEW:
        return ColumnRole(name, "drop", f"an id with {n_distinct:,} distinct values", "group")
    return ColumnRole(name, "category")


def _date_role(column: pl.Series, formats: Sequence[str | None]) -> ColumnRole:
    if len(formats) > 1:
        return ColumnRole(column.name, "drop", f"dates may be {formats[0]} or {formats[1]}; set dataset.dates")
    hint: Hint = "" if column.null_count() else "time"
    why = "dates, encoded as year, month, day, weekday, hour and elapsed days"
    return ColumnRole(column.name, "date", why, hint, format=formats[0])


def hints_of(roles: Sequence[ColumnRole]) -> Iterator[tuple[Hint, str]]:
    """Each kind of hint once, with the first column that gives it."""
    seen: set[Hint] = set()
    for role in roles:
        if role.hint and role.hint not in seen:
            seen.add(role.hint)
            yield role.hint, role.name
