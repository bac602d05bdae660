"""The role of each column: a feature, and of which kind, or none, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import polars as pl

from mlcli.config.sections.rows import MissingConfig, NumberFormat
from mlcli.config.tree import Value
from mlcli.data.cleaning import distinct_counts
from mlcli.data.quality.checks import has_code_name, has_id_name, is_index
from mlcli.data.quality.leaks import is_copy
from mlcli.data.tables.dates import as_dates
from mlcli.data.tables.doubts import (
    MANY_NUMBERS,
    are_compact_dates,
    describe,
    far_dates,
    number_keys,
    spreadsheet_dates,
)
from mlcli.data.tables.inference import (
    ENOUGH,
    FEWEST_TEXTS,
    NEARLY,
    Decimal,
    as_numbers,
    is_free_text,
    looks_boolean,
)
from mlcli.data.tables.recognition import Reading, read_texts

Use = Literal["number", "category", "boolean", "date", "drop"]
Hint = Literal["", "group", "time"]

DEFAULT_MARKERS: tuple[str, ...] = MissingConfig().values
# Common markers of missing cells beside the defaults.
USUAL_MARKERS = {
    *("-", "--", "---", "–", "—", ".", "..", "...", "*", "??", "#n/a", "#na", "#null!", "#value!", "#div/0!", "<na>"),
    *("n.a.", "na", "n/a", "nan", "nil", "none", "null", "(null)", "\\n", "missing", "unknown", "undefined", "empty"),
    *("not available", "nd", "n.d.", "s/d", "k.a.", "sin dato", "sin datos", "desconocido", "x", "inf", "-inf"),
    *("+inf", "infinity", "-infinity", "+infinity", "∞", "0000-00-00", "0000-00-00 00:00:00", "00/00/0000"),
}
# Numbers that mark missing cells where they are far from all others.
SENTINELS = (-99.0, -999.0, -9999.0, -99999.0, -999999.0)
_MOST_OTHERS = 3
_LEADING_ZERO = r"^0\d+$"
EMPTY, CONSTANT = "every cell is missing", "the same in every row"
_ONLY_DECIMAL = r",(?:\d{1,2}|\d{4,})$|^[+-]?0?,"
_MARKS: tuple[Decimal, ...] = (".", ",")
_PHONE = 9
_FEW = 20


@dataclass(frozen=True)
class CellsFound:
    """The decimal mark, markers of missing cells, each with the column that shows it, and text that is to be numbers.

    numbers : the format by column; None for plain numbers
    kept    : markers that are values in this table, each with the column that shows it
    """

    decimal: Decimal
    markers: dict[str, str]
    numbers: dict[str, NumberFormat | None]
    kept: dict[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """The value of dataset.missing.values."""
        return tuple(marker for marker in (*DEFAULT_MARKERS, *self.markers) if marker not in self.kept)


def find_cells(frame: pl.DataFrame, delimiter: str, *, is_text: bool) -> CellsFound:
    """Decimal mark, markers and number formats of the text columns.

    is_text : the source has no types, so that plain numbers need no format
    """
    texts = frame.select(pl.col(pl.String)).select(_without_default_markers(pl.all()))
    decimal = _decimal(texts, delimiter)
    numbers = as_numbers(texts, decimal)
    columns = list(zip(texts, numbers, numbers.select(pl.all().min()), strict=True))
    words = [text.name for text, number, _ in columns if number.null_count() > text.null_count() or not is_text]
    readings = dict(read_texts(texts, words, decimal))
    found: dict[str, str] = {}
    formats: dict[str, NumberFormat | None] = {}
    for text, number, least in columns:
        reading = readings.get(text.name)
        markers = [*_markers(reading)] if reading else []
        if least[0] in SENTINELS and number.count() >= text.count() / 2:
            markers += _sentinels(text, number)
        for marker in markers:
            found.setdefault(marker, text.name)
        if reading and _is_number(reading, markers, is_text=is_text):
            (form,) = reading.formats
            formats[text.name] = form if isinstance(form, NumberFormat) else None
    return CellsFound(decimal, found, formats)


def _without_default_markers(text: pl.Expr) -> pl.Expr:
    return pl.when(~text.is_in(list(DEFAULT_MARKERS))).then(text)


def _decimal(texts: pl.DataFrame, delimiter: str) -> Decimal:
    """The mark with which more columns are numbers; a point where every comma may be a thousands mark."""
    if delimiter == ",":
        return "."
    least = [NEARLY * column.count() for column in texts]
    by_point, by_comma = (
        [0 < number.count() >= few for number, few in zip(as_numbers(texts, mark), least, strict=True)]
        for mark in _MARKS
    )
    if sum(by_comma) <= sum(by_point):
        return "."
    only = [column for column, one, other in zip(texts, by_comma, by_point, strict=True) if one and not other]
    return "," if any(column.str.contains(_ONLY_DECIMAL).any() for column in only) else "."


def _is_number(reading: Reading, markers: Sequence[str], *, is_text: bool) -> bool:
    """Whether the format of the numbers is to be declared: it reads every cell but markers."""
    if reading.kind != "number" or len(reading.formats) != 1 or not set(reading.others["cell"]) <= set(markers):
        return False
    distinct = reading.cells["cell"].filter(reading.fits)
    is_code = len(distinct) <= MANY_NUMBERS or distinct.str.contains(_LEADING_ZERO).any()
    return reading.formats != (None,) or not (is_text or is_code)


def _markers(reading: Reading) -> Iterator[str]:
    """Markers among the cells that are not read: common ones, or a few others among many; and far dates."""
    others = reading.others["cell"].to_list()
    units = [form.unit or "" for form in reading.formats if isinstance(form, NumberFormat)]
    usual = all({cell.lower(), *(cell.replace(unit, "").strip() for unit in units)} & USUAL_MARKERS for cell in others)
    are_many = reading.kind == "date" or reading.n_fits >= NEARLY * reading.n_cells
    few = len(others) <= _MOST_OTHERS and reading.n_fits >= ENOUGH and are_many
    if reading.formats and (usual or few):
        yield from others
    if reading.kind == "date" and len(reading.formats) == 1 and not isinstance(reading.formats[0], NumberFormat):
        cells = reading.cells["cell"]
        dates = as_dates(cells, reading.formats[0])
        for far, _ in far_dates(dates):
            yield from cells.filter(dates == far)


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
    choices  : keys of the dataset section that read the column, of which the user must choose one
    """

    name: str
    use: Use
    why: str = ""
    hint: Hint = ""
    declared: bool = False
    format: str | None = None
    choices: tuple[tuple[str, Value], ...] = ()


def suggest_roles(
    frame: pl.DataFrame, raw: pl.DataFrame, target: pl.Series, cells: CellsFound, *, is_text: bool
) -> tuple[ColumnRole, ...]:
    """The role of every column of frame, in order.

    frame : Float64 and String columns, null where missing
    raw   : the same columns as they are written in the file
    """
    why = f"determines {target.name}; remove it from drop if it is known when predicting"
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    readings = dict(read_texts(frame, texts, cells.decimal))
    distinct = distinct_counts(frame)
    settled = {name: ColumnRole(name, "number") for name in _fractions(frame, raw) - cells.numbers.keys()}
    for name in (name for name, count in distinct.items() if count <= 1):
        alike = f"{CONSTANT} that has a value" if frame[name].has_nulls() else CONSTANT
        settled[name] = ColumnRole(name, "drop", alike if distinct[name] else EMPTY)
    # A copy of classes, all known, has as many values as there are classes; those of many rows are estimated.
    most = target.n_unique() if target.dtype == pl.String and not target.has_nulls() else frame.height
    roles = (
        settled.get(name) or _role(frame[name], raw[name], cells, readings.get(name), is_text=is_text)
        for name in frame.columns
    )
    return tuple(
        replace(role, use="drop", why=why, declared=False)
        if role.use != "drop" and 0.9 * distinct[role.name] <= most and is_copy(frame[role.name], target)
        else role
        for role in roles
    )


def _fractions(frame: pl.DataFrame, raw: pl.DataFrame) -> set[str]:
    """Columns of numbers that are not all whole, and of which none begins with a 0 as codes do."""
    codes = raw.select(pl.col(pl.String).str.contains(_LEADING_ZERO).any())
    broken = frame.select(pl.col(pl.Float64)).select((pl.all() != pl.all().round()).any())
    return {column.name for column in broken if column[0]} - {column.name for column in codes if column[0]}


def _role(
    column: pl.Series, raw: pl.Series, cells: CellsFound, reading: Reading | None, *, is_text: bool
) -> ColumnRole:
    known = column.drop_nulls()
    if column.dtype == pl.Float64:
        return _number_role(column, known, raw, cells.numbers.get(column.name))
    if reading is None:
        return _text_role(column, known)
    if reading.kind == "date" and len(reading.formats) == 1 and reading.n_fits == reading.n_cells:
        return _date_role(column, reading.formats[0])
    found = describe(column.name, reading, cells.decimal, is_text=is_text)
    why = found.text.removeprefix(f"column {column.name!r}").lstrip(": ") if found else ""
    if found and found.sure:
        return ColumnRole(column.name, "drop", why, choices=tuple(_choices(column.name, reading, cells.decimal)))
    role = _text_role(column, known)
    return replace(role, why=why) if found else role


def _choices(name: str, reading: Reading, decimal: Decimal) -> Iterator[tuple[str, Value]]:
    for form in reading.formats if len(reading.formats) > 1 else ():
        if isinstance(form, NumberFormat):
            yield "numbers", {name: number_keys(form, decimal)}
        else:
            yield "dates", {name: form}


def _number_role(column: pl.Series, known: pl.Series, raw: pl.Series, form: NumberFormat | None) -> ColumnRole:
    name, n_distinct = column.name, known.n_unique()
    if form is not None and _like_phones(raw, form):
        return _code_role(name, n_distinct, len(known), "digits in groups, of one length, like phone numbers")
    if form is not None and not has_code_name(name):
        return ColumnRole(name, "number", f"numbers, written as in {raw.filter(column.is_not_null())[0]!r}")
    if form is None and are_compact_dates(known):
        return _date_role(column, "%Y%m%d")
    if days := spreadsheet_dates(known):
        return ColumnRole(name, "number", days)
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


def _like_phones(raw: pl.Series, form: NumberFormat) -> bool:
    """Whether cells in groups of digits are all of one length, and long."""
    lengths = raw.drop_nulls().str.len_chars().unique()
    return form == NumberFormat(thousands=" ") and len(lengths) == 1 and lengths[0] >= _PHONE


def _code_role(name: str, n_distinct: int, n_rows: int, why: str) -> ColumnRole:
    if n_distinct > n_rows / 2 and n_rows >= FEWEST_TEXTS:
        return ColumnRole(name, "drop", f"{n_distinct:,} distinct codes in {n_rows:,} rows, like an id")
    return ColumnRole(name, "category", why, declared=True)


def _text_role(column: pl.Series, known: pl.Series) -> ColumnRole:
    name, n_distinct, n_rows = column.name, known.n_unique(), len(known)
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


def _date_role(column: pl.Series, form: object) -> ColumnRole:
    hint: Hint = "" if column.null_count() else "time"
    why = "dates, encoded as year, month, day, weekday, hour and elapsed days"
    return ColumnRole(column.name, "date", why, hint, format=form if isinstance(form, str) else None)


def hints_of(roles: Sequence[ColumnRole]) -> Iterator[tuple[Hint, str]]:
    """Each kind of hint once, with the first column that gives it."""
    seen: set[Hint] = set()
    for role in roles:
        if role.hint and role.hint not in seen:
            seen.add(role.hint)
            yield role.hint, role.name
