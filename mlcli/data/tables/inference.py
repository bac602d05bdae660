"""Which text columns are numbers or dates, and the task that the target poses."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import Literal

import polars as pl

from mlcli.data.tables.cells import too_wide
from mlcli.data.tables.rows import EXACT, Rows
from mlcli.data.tables.types import Kind, TaskKind
from mlcli.errors import DataError
from mlcli.io.text import shown

Decimal = Literal[".", ","]

NEARLY = 0.9  # share of number cells from which the other cells are taken for mistakes
ENOUGH = 10  # and how many number cells that takes
_GROUPED = {".": r"^[+-]?(\d{1,3}(,\d{3})+(\.\d+)?|\d+,\d+)$", ",": r"^[+-]?(\d{1,3}(\.\d{3})+(,\d+)?|\d+\.\d+)$"}
_MAX_CLASSES = 20
_ROWS_PER_CLASS = 10


def parse_columns(
    rows: Rows, wanted: Mapping[str, Kind], decimal: Decimal, inferred: Collection[str], because: str
) -> Rows:
    """Turn text columns into numbers (Float64) where `wanted` says so or all their cells are numbers.

    inferred : text columns whose kind is read off the cells unless `wanted` tells it
    because  : why a wanted number must be one, for messages

    Numbers are ASCII digits with an optional sign, decimal mark and exponent; not inf, nan, hexadecimal,
    underscores or thousands separators. Raises DataError for a cell that is no number in a column of
    numbers, declared or by at least 90 % of its cells.
    """
    texts = [name for name, dtype in rows.frame.schema.items() if dtype == pl.String]
    maybe = [name for name in texts if wanted.get(name, "number" if name in inferred else "category") == "number"]
    numbers = as_numbers(rows.frame.select(maybe), decimal)
    parsed = [_settle(rows, number, wanted.get(number.name), decimal, because) for number in numbers]
    return rows.with_frame(rows.frame.with_columns(parsed))


def as_numbers(texts: pl.DataFrame, decimal: Decimal) -> pl.DataFrame:
    """Text columns as finite numbers, null where a cell is none."""
    return _finite(texts.select(_number(name, decimal) for name in texts.columns))


def _number(name: str, decimal: Decimal) -> pl.Expr:
    text = pl.col(name)
    if decimal == ",":
        text = pl.when(~text.str.contains(".", literal=True)).then(text.str.replace(",", ".", literal=True))
    return text.cast(pl.Float64, strict=False).alias(name)


def _finite(numbers: pl.DataFrame) -> pl.DataFrame:
    """The numbers without what reads as inf or nan."""
    odd = [column.name for column in numbers if not column.is_finite().all()]
    return numbers.with_columns(pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in odd)


def _settle(rows: Rows, number: pl.Series, wanted: Kind | None, decimal: Decimal, because: str) -> pl.Series:
    """The numbers where every cell is one, or else the text."""
    text = rows.frame[number.name]
    n_bad = number.null_count() - text.null_count()
    n_cells = len(text) - text.null_count()
    if n_bad == 0:
        _refuse_too_wide(rows, text, number)
        return number
    row = rows.first(number.is_null() & text.is_not_null())
    advice = _advice(text, row, decimal)
    if wanted == "number":
        raise _bad_cell(rows, text, row, because, advice)
    n_numbers = n_cells - n_bad
    if n_numbers >= ENOUGH and n_numbers >= NEARLY * n_cells:
        because = f"while {n_numbers:,} of {n_cells:,} cells are"
        raise _bad_cell(rows, text, row, because, _or_category(advice, text.name))
    if text.filter(number.is_null()).str.contains(_GROUPED[decimal]).all():
        because = "though it looks like one"
        raise _bad_cell(rows, text, row, because, _or_category(advice, text.name))
    return text


def _refuse_too_wide(rows: Rows, text: pl.Series, number: pl.Series) -> None:
    wide = (number.abs() >= EXACT).fill_null(value=False)
    if not wide.any():
        return
    whole = text.str.contains(r"^[+-]?\d+$")
    changed = wide & whole & number.cast(pl.Int64, strict=False).ne_missing(text.cast(pl.Int64, strict=False))
    changed |= wide & whole & text.cast(pl.Int64, strict=False).is_null()
    if changed.any():
        row = rows.first(changed)
        raise too_wide(rows, text.name, row, text[row])


def _bad_cell(rows: Rows, text: pl.Series, row: int, because: str, advice: str) -> DataError:
    place = f"{rows.place(row)}: column {text.name!r}"
    return DataError(f"{place}: {shown(text[row])} is not a number, {because}; {advice}")


def _advice(text: pl.Series, row: int, decimal: Decimal) -> str:
    if text.slice(row, 1).str.contains(_GROUPED[decimal]).any():
        other = "," if decimal == "." else "."
        return f"write numbers without thousands separators, or set dataset.decimal if {other!r} is the decimal mark"
    return "fix the cell, or list it in dataset.missing.values"


def _or_category(advice: str, name: str) -> str:
    return f"{advice}, or declare dataset.types: {{{name}: category}}"


def infer_task(rows: Rows, targets: Sequence[str], asked: Literal["auto", "regression", "classification"]) -> TaskKind:
    """Regression or classification, from all target cells.

    Text is classes. Numbers are classes when they are whole, at most 20 of them distinct, and each
    is seen ten times on average. Several targets are regression.
    """
    if len(targets) > 1 and asked == "classification":
        raise DataError(
            f"{rows.source.label}: classification takes one target, but dataset.target names {len(targets)}"
        )
    texts = [name for name in targets if rows.frame[name].dtype == pl.String]
    if texts and (asked == "regression" or len(targets) > 1):
        column = rows.frame[texts[0]]
        row = rows.first(column.is_not_null())
        raise DataError(
            f"{rows.place(row)}: target {texts[0]!r}: {shown(column[row])} is not a number, and regression needs "
            "numbers; choose another target, or classification with this one alone"
        )
    if asked != "auto":
        return asked
    if texts:
        return "classification"
    return "classification" if len(targets) == 1 and _few_whole(rows.frame[targets[0]]) else "regression"


def _few_whole(target: pl.Series) -> bool:
    distinct = target.unique()
    few = len(distinct) <= min(_MAX_CLASSES, len(target) / _ROWS_PER_CLASS)
    return few and bool((distinct == distinct.round()).all())


ISO = (
    r"^(\d{4}-\d{2}-\d{2})"
    r"(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?: ?(?:(Z)|([+-])(\d{2}):?(\d{2})))?)?$"
)
# A format with a four-digit year also reads two digits, as a year of Augustus.
_FIRST_YEAR = 1000
_MIDNIGHT_SHORT = 10
# A column of text is told by its first cells that it holds no dates.
_LOOKED_AT = 1000


def parse_dates(
    rows: Rows, wanted: Mapping[str, Kind], formats: Mapping[str, str], inferred: Collection[str], because: str
) -> Rows:
    """Turn text columns into Datetime in UTC, where `wanted` says so or all their cells are ISO dates.

    formats  : of columns whose dates are not ISO's
    inferred : columns whose kind is read off the cells unless `wanted` tells it
    because  : why wanted dates must be dates, for messages

    Raises DataError for a cell that is no date in a column of dates, declared or by at least 90 % of its cells.
    """
    texts = [name for name, dtype in rows.frame.schema.items() if dtype == pl.String]
    parsed = []
    for name in texts:
        text, why = rows.frame[name], because
        if wanted.get(name) == "date":
            dates = as_dates(text, formats.get(name))
        elif name in inferred and name not in wanted and _looks_like_dates(text):
            dates = as_dates(text)
            why = f"while {dates.count():,} of {text.count():,} cells are"
        else:
            continue
        _refuse_others(rows, text, dates, formats.get(name), why)
        parsed.append(dates)
    return rows.with_frame(rows.frame.with_columns(parsed))


def as_dates(text: pl.Series, form: str | None = None) -> pl.Series:
    """Datetime in UTC, null where a cell is no date of the format, or of ISO 8601 where there is none."""
    dates = _iso(text) if form is None else _declared(text, form)
    return dates.set(dates.dt.year() < _FIRST_YEAR, None).alias(text.name)


def _looks_like_dates(text: pl.Series) -> bool:
    known = text.drop_nulls()
    if not known.head(_LOOKED_AT).str.contains(ISO).any():
        return False
    n_dates = int(known.str.contains(ISO).sum())
    return n_dates == len(known) > 0 or (n_dates >= ENOUGH and n_dates >= NEARLY * len(known))


def _iso(text: pl.Series) -> pl.Series:
    day = text.str.slice(0, _MIDNIGHT_SHORT).str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    if (text.str.len_bytes() == _MIDNIGHT_SHORT).all():
        return day
    names = ("day", "hour", "minute", "second", "fraction", "zulu", "sign", "zone_hours", "zone_minutes")
    groups = text.str.extract_groups(ISO).struct.rename_fields(list(names)).struct.unnest()
    part = {name: pl.col(name).cast(pl.Int64).fill_null(0) for name in names[1:4] + names[7:]}
    east = pl.when(pl.col("sign") == "-").then(-1).otherwise(1)
    micros = (pl.col("fraction").fill_null("") + "000000").str.slice(0, 6).cast(pl.Int64)
    sound = pl.col("day").is_not_null() & (part["hour"] < 24) & (part["minute"] < 60) & (part["second"] < 60)
    moment = pl.lit(day) + pl.duration(
        hours=part["hour"] - east * part["zone_hours"],
        minutes=part["minute"] - east * part["zone_minutes"],
        seconds=part["second"],
        microseconds=micros,
        time_unit="us",
    )
    return groups.select(pl.when(sound).then(moment)).to_series()


def _declared(text: pl.Series, form: str) -> pl.Series:
    has_time = any(mark in form for mark in ("%H", "%I"))
    form = form.replace(".%f", "%.f")
    if not has_time:
        return text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    moments = text.str.to_datetime(form, strict=False, time_unit="us")
    return moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if "%z" in form else moments


def _refuse_others(rows: Rows, text: pl.Series, dates: pl.Series, form: str | None, because: str) -> None:
    bad = dates.is_null() & text.is_not_null()
    if not bad.any():
        return
    row = rows.first(bad)
    name = text.name
    expected, remedy = f"of the form {form}", f"correct dataset.dates.{name}"
    if form is None:
        expected = "such as 2024-05-31 or 2024-05-31T12:30"
        remedy = f"tell how dates are written, as in dataset.dates: {{{name}: '%d/%m/%Y'}}"
    raise DataError(
        f"{rows.place(row)}: column {name!r}: {shown(text[row])} is not a date {expected}, {because}; fix the cell, "
        f"list it in dataset.missing.values, or {remedy}"
    )


_DAYS = ("%Y-%m-%d", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y", "%m-%d-%y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S")
# Other than ISO's; a year of two digits is not read where four may stand.
_FORMATS = tuple(day.replace("-", mark) + clock for day, mark, clock in product(_DAYS, "-/.", _CLOCKS))
_LIKE_A_DATE = r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d{2}|$)"


def date_formats(known: pl.Series) -> tuple[str | None, ...]:
    """Every format in which all of these texts are dates, ISO's being None; day and month may be open to doubt."""
    if not len(known) or not known.str.contains(_LIKE_A_DATE).all():
        return ()
    if not as_dates(known).null_count():
        return (None,)
    return tuple(form for form in _FORMATS if not as_dates(known, form).null_count())
