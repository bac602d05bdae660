"""The role of each column: a feature, and of which kind, or none, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.config.sections.rows import NumberFormat
from mlcli.config.tree import Value
from mlcli.data.cleaning import distinct_counts
from mlcli.data.quality.checks import has_code_name, has_id_name, is_index
from mlcli.data.quality.leaks import is_copy
from mlcli.data.quality.sample import FEWEST_ROWS
from mlcli.data.tables.doubts import (
    are_compact_dates,
    describe_texts,
    number_keys,
    spreadsheet_dates,
)
from mlcli.data.tables.inference import (
    FEWEST_TEXTS,
    Decimal,
    is_free_text,
    looks_boolean,
)
from mlcli.data.tables.recognition import Reading, read_texts
from mlcli.suggest.cells import ZERO_CODE, CellsFound

Use = Literal["number", "category", "boolean", "date", "drop"]
Hint = Literal["", "group", "time"]

EMPTY, CONSTANT = "every cell is missing", "the same in every row"
# Whole numbers are counts where they are less than this, and of this skewness at least; where they might be classes as
# well, there are so many different ones at least.
LARGEST_COUNT, SKEWED, _FEWEST_COUNTS = 1_000, 1.0, 10
NUMBERED = "a different number in every row, like an id"
_PHONE = 9
_FEW = 20
# Rows that are compared first.
_COMPARED = 1_000


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
    roles = [
        settled.get(name) or _role(frame[name], raw[name], cells, readings.get(name), is_text=is_text)
        for name in frame.columns
    ]
    own = tuple(
        replace(role, use="drop", why=why, declared=False)
        if role.use != "drop" and 0.9 * distinct[role.name] <= most and is_copy(frame[role.name], target)
        else role
        for role in roles
    )
    if all(role.use == "drop" for role in own):
        own = tuple(map(_only_column, roles))
    copies = find_copies(frame.select(role.name for role in own if role.use != "drop"))
    return tuple(ColumnRole(role.name, "drop", copies[role.name]) if role.name in copies else role for role in own)


def are_counts(labels: pl.Series) -> bool:
    """Whether whole numbers that may be classes are taken for counts, such as visits.

    They are 0 and nine others at least, skewed to the right, and the rarer the farther from the most frequent one.
    Digits are about as frequent as each other, grades few or in the middle, and codes frequent in no order.
    """
    low, high = labels.min(), labels.max()
    if low != 0 or not isinstance(high, float) or high >= LARGEST_COUNT or labels.n_unique() < _FEWEST_COUNTS:
        return False
    rows = np.bincount(labels.cast(pl.Int64).to_numpy())
    mode = int(rows.argmax())
    return (labels.skew() or 0.0) > SKEWED and _fall(rows[mode:]) and _fall(rows[mode::-1])


def _fall(rows: NDArray[np.int64]) -> bool:
    """Whether numbers of rows, (n,), never rise by more than chance, three standard deviations."""
    least = np.minimum.accumulate(rows)
    return bool((rows - least <= 3 * np.sqrt(rows + least)).all())


def _only_column(role: ColumnRole) -> ColumnRole:
    """The role where no other column is left: a line may go through (1, y), (2, y) …, and through all points."""
    is_number = role.why == NUMBERED and not has_id_name(role.name)
    return replace(role, use="number", why="") if is_number else role


def find_copies(frame: pl.DataFrame) -> dict[str, str]:
    """Columns that say what an earlier one says, each with the reason: equal in every row, or one to one with it.

    Numbers that are one to one, of three values or more, are no copies: one may be the square of the other. Other
    columns are, where each value has two rows on average: First, Second and Third for 1, 2 and 3.

    frame : Float64 and String columns, null where missing
    """
    if frame.height < FEWEST_ROWS:
        return {}
    candidates = frame.columns
    for rows in (frame.head(_COMPARED), frame):  # few rows tell most columns apart
        alike: dict[bytes, list[str]] = {}
        for name in candidates:
            alike.setdefault(_pattern(rows[name]), []).append(name)
        candidates = [name for names in alike.values() if len(names) > 1 for name in names]
    found = dict[str, str]()
    for names in alike.values():
        kept: list[str] = []
        for name in names:
            copied = next((one for one in kept if _say_the_same(frame[one], frame[name])), None)
            if copied is None:
                kept.append(name)
            else:
                equal = frame[copied].dtype == frame[name].dtype and frame[copied].eq_missing(frame[name]).all()
                found[name] = f"a copy of {copied}: {'equal to it in every row' if equal else 'one to one with it'}"
    return found


def _pattern(column: pl.Series) -> bytes:
    """Equal for columns that are one to one; for numbers of many values, only for equal ones."""
    first = column.to_frame("x").with_row_index("i").select(pl.col("i").first().over("x")).to_series()
    digest = blake2b(first.to_numpy().tobytes())
    if column.dtype == pl.Float64 and 2 * first.n_unique() > len(first):
        digest.update(column.fill_null(float("nan")).to_numpy().tobytes())
    return digest.digest()


def _say_the_same(one: pl.Series, other: pl.Series) -> bool:
    """Of two columns that are one to one, of which the first is kept: a missing number is no value of its own."""
    if one.dtype == other.dtype and one.eq_missing(other).all():
        return True
    if one.dtype == pl.Float64 and one.has_nulls():
        return False
    n_distinct = one.n_unique()
    return n_distinct == 2 or (2 * n_distinct <= len(one) and not one.dtype == other.dtype == pl.Float64)


def _fractions(frame: pl.DataFrame, raw: pl.DataFrame) -> set[str]:
    """Columns of numbers that are not all whole, and of which none begins with a 0 as codes do."""
    codes = raw.select(pl.col(pl.String).str.contains(ZERO_CODE).any())
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
    found = describe_texts(column.name, reading, cells.decimal, is_text=is_text)
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
    if raw.dtype == pl.String and raw.str.contains(ZERO_CODE).any():
        return _code_role(name, n_distinct, len(known), "numbers that begin with 0 are codes")
    if not bool((known == known.round()).all()):
        return ColumnRole(name, "number")
    if n_distinct == len(column) and len(known) >= 3 and (is_index(known) or has_id_name(name)):
        return ColumnRole(name, "drop", NUMBERED)
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
