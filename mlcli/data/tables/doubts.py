"""What is said of text columns that look like numbers or dates, and of numbers that look like codes or dates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from mlcli.config.loading.dump import flow
from mlcli.config.sections.rows import NumberFormat
from mlcli.config.tree import Value
from mlcli.data.tables.amounts import plain_number
from mlcli.data.tables.dates import as_dates
from mlcli.data.tables.inference import ENOUGH, NEARLY, Decimal
from mlcli.data.tables.recognition import HEXADECIMAL, MANY_NUMBERS, SIGNED, TIMES, Reading, read_texts
from mlcli.data.tables.rows import Rows
from mlcli.data.tables.types import Doubt
from mlcli.errors import DataError
from mlcli.io.text import counted, shown

_LISTED = 3
# What cells look like that are not read as numbers.
_UNREAD = {
    HEXADECIMAL: "is a hexadecimal number; write it in decimal",
    SIGNED: "looks like a number with other signs; write plain numbers",
    TIMES: "looks like a time; write it as a number, such as hours or seconds",
}
_LEADING_ZERO = r"^0\d"
_CODE = r"^(?:0\d|\+\d{8,}$)"
_SHORT_CODE = 3
_FAR = timedelta(days=30 * 365)
# Whole numbers in these bounds may be dates such as 20240105, or days since 1899-12-30 as spreadsheets count them.
_COMPACT, _SERIALS = (19000101, 21001231), (36526, 51136)
_EPOCH, _LONGEST_SPAN = date(1899, 12, 30), 25 * 365
# Dates of two-digit years from here on are hardly meant.
_FAR_AHEAD = 2040


@dataclass(frozen=True)
class TextDoubt:
    """What a column looks like.

    cell : the cell that the text names, for its line
    sure : the column cannot be meant as it is, and is refused
    """

    text: str
    sure: bool
    cell: str


def find_text_doubts(rows: Rows, names: Sequence[str], targets: Sequence[str], decimal: Decimal) -> Iterator[Doubt]:
    """Text columns of which most cells look like numbers or dates; raises DataError where that is sure.

    names : columns whose kind is not declared
    """
    schema = rows.frame.schema
    texts = [name for name in names if schema[name] == pl.String]
    refused, seen = [], []
    for name, reading in read_texts(rows.frame, texts, decimal):
        seen.append(name)
        is_target = name in targets
        if is_target and reading.kind == "date":
            continue
        found = describe_texts(name, reading, decimal, is_text=rows.is_text, is_target=is_target)
        if found is None:
            continue
        place = rows.place(rows.first(rows.frame.get_column(name) == found.cell))
        if found.sure:
            refused.append(f"{place}: {found.text}")
        else:
            yield Doubt(name, f"{found.text} (first at {place})")
    yield from _unread_doubts(rows, [name for name in texts if name not in (*seen, *targets)])
    if refused:
        more = f"; the same of {counted(len(refused) - _LISTED, 'more column')}" if len(refused) > _LISTED else ""
        raise DataError("; also ".join(refused[:_LISTED]) + more)


def _unread_doubts(rows: Rows, names: Sequence[str]) -> Iterator[Doubt]:
    """Columns of words that begin with a digit, of which few are the same: dates, numbers or ids in forms not read."""
    texts = rows.frame.select(names)
    word = pl.all().str.contains(r"^\pN\S*$")
    for text, share in zip(texts, texts.select(word.mean()), strict=True):
        known = text.drop_nulls() if (share[0] or 0) >= NEARLY else text.clear()
        if (distinct := known.n_unique()) > max(MANY_NUMBERS, len(known) / 2):
            said = f"column {text.name!r} has {distinct:,} distinct texts such as {shown(known[0])}, which "
            rule = f"are read as categories; if they are numbers or dates, write these plainly{_or_category(text.name)}"
            yield Doubt(text.name, said + rule, serious=False)


def describe_texts(
    name: str, reading: Reading, decimal: Decimal, *, is_text: bool, is_target: bool = False
) -> TextDoubt | None:
    """What these cells look like and what to declare; None for text that may as well be meant as text.

    is_text : the source has no types, so that plain numbers would have been read as numbers
    """
    if reading.kind == "date":
        return _describe_dates(name, reading)
    if not reading.formats:
        return _describe_units(name, reading)
    distinct = reading.cells["cell"].filter(reading.fits)
    plain, many = reading.formats == (None,), len(distinct) > MANY_NUMBERS
    rules = _number_rules(name, reading, decimal, is_text=is_text)
    if reading.n_fits < reading.n_cells:
        such, rule = ("", "") if plain else (f" such as {shown(reading.example)}", f", write {rules}")
        return _describe_others(name, reading, f"a number{such}", rule, sure=is_target and many)
    if plain and not is_text and (distinct.str.contains(_LEADING_ZERO).any() or (is_target and not many)):
        return None
    looks = "is a number as text, as are all cells" if plain and not is_text else "looks like a number, as do all cells"
    if len(reading.formats) > 1:
        looks += ", but its mark is ambiguous"
    text = f"column {name!r}: {shown(reading.example)} {looks}; write {rules}{_or_category(name)}"
    return TextDoubt(text, many or not plain or is_text, reading.example)


def _number_rules(name: str, reading: Reading, decimal: Decimal, *, is_text: bool) -> str:
    """The lines to write, each with the number that the example then is where there are several."""
    example = pl.select(pl.lit(reading.example))
    rules = [f"dataset.types: {flow({name: 'number'})}" for form in reading.formats if form is None]
    for form in (form for form in reading.formats if isinstance(form, NumberFormat)):
        value = example.select(plain_number(pl.first(), form, decimal)).item()
        means = f" for {value}" if value is not None and len(reading.formats) > 1 else ""
        keys = number_keys(form, decimal)
        every = " (dataset.decimal for all columns)" if is_text and keys == {"decimal": form.decimal} else ""
        rules.append(f"dataset.numbers: {flow({name: keys})}{every}{means}")
    return ", or ".join(rules)


def number_keys(form: NumberFormat, decimal: Decimal) -> dict[str, Value]:
    """The keys to write for a format; one at least."""
    keys = {key: value for key, value in form.model_dump().items() if value is not None}
    return keys or {"decimal": decimal}


def _describe_units(name: str, reading: Reading) -> TextDoubt:
    if len(reading.found) == 1 and reading.found[0] in _UNREAD:
        text = f"column {name!r}: {shown(reading.example)} {_UNREAD[reading.found[0]]}{_or_category(name)}"
        return TextDoubt(text, reading.found != (TIMES,) and _nearly_all(reading), reading.example)
    units = " and ".join(repr(unit) if unit else "none" for unit in reading.found)
    text = (
        f"column {name!r} has numbers of several units ({units}), such as {shown(reading.example)}; convert them to "
        f"one and name it in dataset.numbers.{name}.unit{_or_category(name)}"
    )
    are_units = all(not unit.isalnum() or (unit.isalpha() and len(unit) > 1) for unit in reading.found if unit)
    shortest = min(reading.found, key=len)
    are_plurals = len(shortest) > 1 and all(unit.startswith(shortest) for unit in reading.found)
    return TextDoubt(text, are_units and not are_plurals and _nearly_all(reading), reading.example)


def _describe_dates(name: str, reading: Reading) -> TextDoubt:
    forms = [form for form in reading.formats if isinstance(form, str)]
    rules = ", or ".join(f"dataset.dates: {flow({name: form})}" for form in forms)
    if not reading.formats:
        one, other = reading.found[:2]
        orders = re.sub(r"\d+", "0", one) == re.sub(r"\d+", "0", other)
        text = f"{shown(one)} is day first and {shown(other)} month first; write them in one order"
        if not orders:
            text = f"{shown(one)} and {shown(other)} are dates of two forms; write them in one"
        return TextDoubt(f"column {name!r}: {text}{_or_category(name)}", sure=True, cell=one)
    if reading.n_fits < reading.n_cells:
        such = shown(reading.example) if rules else "2024-05-31 or 2024-05-31T12:30"
        rule = f", write {rules}" if rules else ""
        return _describe_others(name, reading, f"a date such as {such}", rule, sure=reading.n_fits >= ENOUGH)
    looks = f"column {name!r}: {shown(reading.example)} looks like a date, as do all cells"
    if len(reading.formats) > 1:
        looks += ", but the order of day and month is ambiguous"
    has_days = all("%d" in form for form in forms)
    return TextDoubt(f"{looks}; write {rules}{_or_category(name)}", has_days, reading.example)


def _describe_others(name: str, reading: Reading, wanted: str, rule: str, *, sure: bool) -> TextDoubt:
    others = reading.others
    cell, listed = others["cell"][0], others.rows()[:_LISTED]
    more = f" and {len(others) - _LISTED:,} other texts" if len(others) > _LISTED else ""
    cells = ", ".join(f"{shown(text)} in {count:,}" for text, count in listed)
    text = (
        f"column {name!r}: {shown(cell)} is not {wanted}, while {reading.n_fits:,} of {reading.n_cells:,} cells are "
        f"(not: {cells}{more}); fix the cells, list them in dataset.missing.values{rule}{_or_category(name)}"
    )
    return TextDoubt(text, sure or _nearly_all(reading), cell)


def _nearly_all(reading: Reading) -> bool:
    return reading.n_fits >= ENOUGH and reading.n_fits >= NEARLY * reading.n_cells


def _or_category(name: str) -> str:
    return f", or declare dataset.types: {flow({name: 'category'})}"


def find_value_doubts(raw: Rows, rows: Rows, names: Sequence[str], formats: Mapping[str, str]) -> Iterator[Doubt]:
    """Numbers that look like codes or dates, dates far from all others, and dates whose century was guessed.

    raw     : the rows as they are written
    rows    : some of them, typed
    names   : columns whose kind is not declared
    formats : of the dates that are not ISO 8601
    """
    schema = rows.frame.schema
    numbers = [name for name in names if schema[name] == pl.Float64]
    yield from _code_doubts(raw, numbers)
    columns = rows.frame.select(numbers)
    for name, low, high in zip(numbers, columns.min().iter_columns(), columns.max().iter_columns(), strict=True):
        least, most = low[0], high[0]
        if least is None or least < _SERIALS[0] or most > _COMPACT[1]:
            continue
        if are_compact_dates(rows.frame[name]):
            text = f"column {name!r} has numbers that look like dates, such as {least:.0f}; write dataset.dates: "
            yield Doubt(name, f"{text}{flow({name: '%Y%m%d'})}, or declare dataset.types: {flow({name: 'number'})}")
        elif days := spreadsheet_dates(rows.frame[name]):
            yield Doubt(name, f"column {name!r} has {days}", serious=False)
    for name in (name for name, dtype in schema.items() if isinstance(dtype, pl.Datetime)):
        yield from _far_doubts(raw, rows, name)
        if "%y" in formats.get(name, "") and rows.frame[name].count():
            yield _century(rows.frame[name])


def are_compact_dates(numbers: pl.Series) -> bool:
    """Whether all numbers are dates such as 20240105, of two days at least."""
    known = numbers.drop_nulls()
    low, high = _ends(known)
    if low is None or low == high or low < _COMPACT[0] or high > _COMPACT[1] or (known != known.round()).any():
        return False
    return as_dates(known.cast(pl.Int64).cast(pl.String), "%Y%m%d").null_count() == 0


def spreadsheet_dates(numbers: pl.Series) -> str:
    """What numbers are where they may be days as spreadsheets count them; empty where they do not look like it."""
    known = numbers.drop_nulls()
    low, high = _ends(known)
    if low is None or low < _SERIALS[0] or high > _SERIALS[1] or (known != known.round()).any():
        return ""
    if high - low > _LONGEST_SPAN or known.n_unique() < ENOUGH or (known % 5 == 0).all():  # amounts
        return ""
    first, last = (_EPOCH + timedelta(days=int(day)) for day in (low, high))
    return (
        f"whole numbers from {low:.0f} to {high:.0f}, as spreadsheets store {first} to {last}; if they are dates, "
        f"write them as text such as {first}"
    )


def _ends(values: pl.Series) -> tuple[Any, Any]:
    """The least and the greatest; None where there are none."""
    low, high = values.to_frame().select(pl.first().min().alias("low"), pl.first().max().alias("high")).row(0)
    return low, high


def _code_doubts(raw: Rows, numbers: Sequence[str]) -> Iterator[Doubt]:
    """Columns of numbers with cells such as 007 or +34600123456."""
    schema = raw.frame.schema
    texts = raw.frame.select(name for name in numbers if schema[name] == pl.String)
    found = texts.select(pl.all().str.contains(_CODE).any())
    for name in (column.name for column in found if column[0]):
        text = raw.frame[name]
        cells = text.filter(text.str.contains(_CODE))
        yield Doubt(
            name,
            f"column {name!r} has {counted(len(cells), 'cell')} such as {shown(cells[0])}, read as numbers; if they "
            f"are codes, declare dataset.types: {flow({name: 'category'})}, and else number",
            serious=len(cells[0]) > _SHORT_CODE,
        )


def far_dates(dates: pl.Series) -> Iterator[tuple[datetime, pl.Series]]:
    """The first or last date, where it is farther from the others than these are from each other; and the others."""
    for far in _ends(dates):
        others = dates.filter(dates != far)
        low, high = _ends(others)
        if low is not None and min(abs(far - low), abs(far - high)) > max(high - low, _FAR):
            yield far, others


def _far_doubts(raw: Rows, rows: Rows, name: str) -> Iterator[Doubt]:
    dates = rows.frame[name]
    for far, others in far_dates(dates):
        row, (low, high) = rows.first(dates == far), _ends(others)
        cell = shown(str(raw.frame[name][int(rows.numbers[row])]))
        yield Doubt(
            name,
            f"column {name!r} is {cell} in {counted(dates.count() - len(others), 'cell')} (first at "
            f"{rows.place(row)}), far from its other dates ({low:%Y-%m-%d} to {high:%Y-%m-%d}); if it marks missing "
            "or open ends, list it in dataset.missing.values",
        )


def _century(dates: pl.Series) -> Doubt:
    low, high = _ends(dates)
    text = (
        f"column {dates.name!r}: years of two digits are read as 1969 to 2068; its dates are from {low:%Y-%m-%d} to "
        f"{high:%Y-%m-%d}"
    )
    return Doubt(dates.name, text, serious=high.year >= _FAR_AHEAD)
