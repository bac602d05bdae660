"""The role of each column: a feature, and of which kind, or none, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from mlcli.config.sections.dataset import MissingConfig
from mlcli.data.tables.cells import is_free_text, looks_boolean
from mlcli.data.tables.inference import ENOUGH, ISO, NEARLY, Decimal, as_numbers, date_formats

DEFAULT_MARKERS: tuple[str, ...] = MissingConfig().values
# What people write where there is nothing, apart from the defaults.
USUAL_MARKERS = {
    *("-", "--", "---", "–", "—", ".", "..", "...", "*", "??", "#n/a", "#na", "#null!", "#value!", "#div/0!", "<na>"),
    *("n.a.", "na", "n/a", "nan", "nil", "none", "null", "(null)", "\\n", "missing", "unknown", "undefined", "empty"),
    *("not available", "nd", "n.d.", "s/d", "k.a.", "sin dato", "sin datos", "desconocido", "x", "inf", "-inf"),
}
# Numbers that stand for nothing, where they lie far from all others.
SENTINELS = (-99.0, -999.0, -9999.0, -99999.0, -999999.0)
_ODD_AT_MOST = 3


@dataclass(frozen=True)
class CellsFound:
    """The decimal mark, and further markers of missing cells, each with the column that shows it."""

    decimal: Decimal
    markers: dict[str, str]

    @property
    def missing(self) -> tuple[str, ...]:
        """What dataset.missing.values is to say."""
        return (*DEFAULT_MARKERS, *self.markers)


def find_cells(frame: pl.DataFrame, delimiter: str) -> CellsFound:
    """Of text columns, by the column's other cells."""
    texts = {name: frame[name].drop_nulls() for name in frame.columns if frame.schema[name] == pl.String}
    texts = {name: text.filter(~text.is_in(list(DEFAULT_MARKERS))) for name, text in texts.items()}
    decimal = _decimal(list(texts.values()), delimiter)
    found: dict[str, str] = {}
    for name, text in texts.items():
        for marker in _markers(text, decimal):
            found.setdefault(marker, name)
    return CellsFound(decimal, found)


def _decimal(texts: Sequence[pl.Series], delimiter: str) -> Decimal:
    """The mark with which more columns are nearly all numbers."""
    if delimiter == ",":
        return "."
    marks: tuple[Decimal, ...] = (".", ",")
    points, commas = (sum(_share(text, mark) >= NEARLY for text in texts) for mark in marks)
    return "," if commas > points else "."


def _share(text: pl.Series, decimal: Decimal) -> float:
    return 1 - _numbers(text, decimal).null_count() / len(text) if len(text) else 0.0


def _numbers(text: pl.Series, decimal: Decimal) -> pl.Series:
    return as_numbers(text.to_frame(), decimal).to_series()


def _markers(text: pl.Series, decimal: Decimal) -> Iterator[str]:
    """Markers among a column's cells: usual ones among numbers or dates, odd ones among many, far negative numbers."""
    numbers = _numbers(text, decimal)
    for known in (numbers.is_not_null(), text.str.contains(ISO)):
        n_known = int(known.sum())
        odd = text.filter(~known).unique(maintain_order=True).to_list()
        usual = all(cell.lower() in USUAL_MARKERS for cell in odd)
        few = len(odd) <= _ODD_AT_MOST and n_known >= max(ENOUGH, NEARLY * len(text))
        if n_known >= len(text) / 2 and (usual or few):
            yield from odd
            yield from _sentinels(text, numbers)


def _sentinels(text: pl.Series, numbers: pl.Series) -> Iterator[str]:
    for value in SENTINELS:
        others = numbers.filter(numbers != value).drop_nulls()
        n_found = int((numbers == value).sum())
        if n_found > 1 and len(others) >= ENOUGH:
            low, high = float(others.min()), float(others.max())  # type: ignore[arg-type]
            if low - value > max(high - low, 1.0):
                yield from text.filter(numbers == value).unique().to_list()


Use = Literal["number", "category", "boolean", "date", "drop"]
Hint = Literal["", "group", "time"]

_ID_ENDS = {"id", "ids", "uuid", "guid", "key", "index", "idx", "rowid", "nr", "rownames", "serial"}
_ID_STARTS = {"unnamed", "rownum", "rownumber"}
_CODE = re.compile(r"(^|_)(zip|zipcode|postcode|postal|plz|cp|code|codigo)(_|$)")
_LEADING_ZERO = r"^0\d+$"
_ENOUGH_ROWS = 20  # from which shares of distinct values mean something
_ENOUGH_TO_JUDGE = 50  # and from which a column that tells the target is no accident
_FEW = 20
_CORRELATED = 0.99999


@dataclass(frozen=True)
class ColumnRole:
    """How a column is to be used, and why where that is not plain.

    hint   : what a column is good for besides: rows of one group, or of one time, in one split
    format : of dates that are not written as ISO has them
    """

    name: str
    use: Use
    why: str = ""
    hint: Hint = ""
    declared: bool = False
    """Whether dataset.types must say so, since the cells alone would tell another kind."""
    format: str | None = None


def suggest_roles(frame: pl.DataFrame, raw: pl.DataFrame, target: pl.Series) -> tuple[ColumnRole, ...]:
    """Of every column of frame, in order.

    frame : Float64 and String columns, null where missing; raw: the same columns as they were written
    """
    verdicts = (_judge(frame[name], raw[name]) for name in frame.columns)
    return tuple(one if one.use == "drop" else _unless_it_tells(one, frame[one.name], target) for one in verdicts)


def _judge(column: pl.Series, raw: pl.Series) -> ColumnRole:
    known = column.drop_nulls()
    if not len(known):
        return ColumnRole(column.name, "drop", "every cell is missing")
    if known.n_unique() == 1:
        return ColumnRole(column.name, "drop", "the same in every row")
    return _judge_numbers(column, known, raw) if column.dtype == pl.Float64 else _judge_texts(column, known)


def _judge_numbers(column: pl.Series, known: pl.Series, raw: pl.Series) -> ColumnRole:
    name, n_distinct = column.name, known.n_unique()
    if raw.dtype == pl.String and raw.str.contains(_LEADING_ZERO).any():
        return _as_codes(name, n_distinct, len(known), "numbers that begin with 0 are codes")
    if not bool((known == known.round()).all()):
        return ColumnRole(name, "number")
    consecutive = known.max() - known.min() == len(known) - 1  # type: ignore[operator]
    if n_distinct == len(column) and len(known) >= 3 and (consecutive or _is_id_name(name)):
        return ColumnRole(name, "drop", "another number in every row, as ids have")
    if _is_id_name(name) and n_distinct > _FEW:
        return ColumnRole(name, "drop", f"an id of {n_distinct:,} things", "group")
    if _CODE.search(_snake(name)):
        return _as_codes(name, n_distinct, len(known), "a code and no amount, by its name")
    return ColumnRole(name, "number")


def _as_codes(name: str, n_distinct: int, n_rows: int, why: str) -> ColumnRole:
    if n_distinct > n_rows / 2 and n_rows >= _ENOUGH_ROWS:
        return ColumnRole(name, "drop", f"{n_distinct:,} codes in {n_rows:,} rows, as ids have")
    return ColumnRole(name, "category", why, declared=True)


def _judge_texts(column: pl.Series, known: pl.Series) -> ColumnRole:
    name, n_distinct, n_rows = column.name, known.n_unique(), len(known)
    if formats := date_formats(known):
        return _judge_dates(column, formats)
    if looks_boolean(known):
        return ColumnRole(name, "boolean")
    if is_free_text(known):
        return ColumnRole(name, "drop", f"free text; features.columns.{name}.encode: hash would count its words")
    if n_distinct == n_rows and (n_rows >= _ENOUGH_ROWS or _is_id_name(name)):
        return ColumnRole(name, "drop", "another text in every row, as ids and names have")
    if n_distinct > n_rows / 2 and n_rows >= _ENOUGH_ROWS:
        return ColumnRole(name, "drop", f"{n_distinct:,} texts in {n_rows:,} rows: too few rows of each to learn from")
    if _is_id_name(name) and n_distinct > _FEW:
        return ColumnRole(name, "drop", f"an id of {n_distinct:,} things", "group")
    return ColumnRole(name, "category")


def _judge_dates(column: pl.Series, formats: Sequence[str | None]) -> ColumnRole:
    if len(formats) > 1:
        ways = f"as {formats[0]} or as {formats[1]}"
        return ColumnRole(column.name, "drop", f"dates that may be read {ways}; tell which by dataset.dates")
    hint: Hint = "" if column.null_count() else "time"
    why = "dates, of which year, month, day, weekday, hour and elapsed days are made"
    return ColumnRole(column.name, "date", why, hint, format=formats[0])


def _unless_it_tells(verdict: ColumnRole, column: pl.Series, target: pl.Series) -> ColumnRole:
    """Dropped where it is the target in other words: on a line with its numbers, or one value for each class."""
    if len(column) < _ENOUGH_TO_JUDGE or not _tells(column, target):
        return verdict
    why = f"tells {target.name} exactly; take it out of drop if it is known when predicting"
    return replace(verdict, use="drop", why=why, declared=False)


def _tells(column: pl.Series, target: pl.Series) -> bool:
    pair = pl.DataFrame({"x": column, "y": target}).drop_nulls()
    if target.dtype == pl.Float64:
        if column.dtype != pl.Float64 or len(pair) < _ENOUGH_TO_JUDGE:
            return False
        correlation = pair.select(pl.corr("x", "y")).item()
        return correlation is not None and abs(correlation) > _CORRELATED
    return pair["x"].n_unique() == pair["y"].n_unique() == pair.n_unique()


def _is_id_name(name: str) -> bool:
    words = _snake(name).split("_")
    return words[-1] in _ID_ENDS or words[0] in _ID_STARTS


def _snake(name: str) -> str:
    """`PassengerId`, `passenger id` and `passenger-id` as `passenger_id`."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[\W_]+", "_", parted).strip("_").lower()


def hints_of(verdicts: Sequence[ColumnRole]) -> Iterator[tuple[Hint, str]]:
    """What columns are good for besides, each kind of hint once."""
    seen: set[Hint] = set()
    for verdict in verdicts:
        if verdict.hint and verdict.hint not in seen:
            seen.add(verdict.hint)
            yield verdict.hint, verdict.name
