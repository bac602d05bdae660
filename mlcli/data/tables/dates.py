"""Text as dates: ISO 8601, or a declared format."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import product

import polars as pl

from mlcli.data.tables.inference import ENOUGH, NEARLY
from mlcli.data.tables.rows import Rows
from mlcli.data.tables.types import Kind
from mlcli.errors import DataError
from mlcli.io.text import shown

ISO = (
    r"^(\d{4}-\d{2}-\d{2})"
    r"(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?: ?(?:(Z)|([+-])(\d{2}):?(\d{2})))?)?$"
)
# A format with a four-digit year also reads two digits as a year of the first century.
_FIRST_YEAR = 1000
_MIDNIGHT_SHORT = 10
# Cells of which one at least must be a date for a column to be parsed as dates.
_LOOKED_AT = 1000
_DAYS = ("%Y-%m-%d", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y", "%m-%d-%y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S")
# Formats other than ISO's.
_FORMATS = tuple(day.replace("-", mark) + clock for day, mark, clock in product(_DAYS, "-/.", _CLOCKS))
_LIKE_A_DATE = r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d{2}|$)"


def parse_dates(
    rows: Rows, wanted: Mapping[str, Kind], formats: Mapping[str, str], inferred: Collection[str], because: str
) -> Rows:
    """Turn text columns into Datetime in UTC, where they are in `wanted` or all their cells are ISO dates.

    formats  : of columns whose dates are not ISO's
    inferred : columns whose kind is inferred unless it is in `wanted`
    because  : why wanted dates must be dates, for messages

    Raises DataError for a cell that is no date in a column of dates, declared or by at least 90 % of its cells.
    """
    texts = [name for name, dtype in rows.frame.schema.items() if dtype == pl.String]
    parsed = []
    for name in texts:
        text, why = rows.frame[name], because
        if wanted.get(name) == "date":
            dates = as_dates(text, formats.get(name))
        elif name in inferred and name not in wanted and _looks_like_dates(text.drop_nulls()):
            dates = as_dates(text)
            why = f"while {dates.count():,} of {text.count():,} cells are"
        else:
            continue
        _refuse_others(rows, text, dates, formats.get(name), why)
        parsed.append(dates)
    return rows.with_frame(rows.frame.with_columns(parsed))


def as_dates(text: pl.Series, form: str | None = None) -> pl.Series:
    """Datetime in UTC, null where a cell is no date of the format, or of ISO 8601 where there is none."""
    if form is None:
        dates = _iso(text)
    elif "%H" in form or "%I" in form:
        dates = text.str.to_datetime(form.replace(".%f", "%.f"), strict=False, time_unit="us")
        dates = dates.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if "%z" in form else dates
    else:
        dates = text.str.to_date(form.replace(".%f", "%.f"), strict=False).cast(pl.Datetime("us"))
    return dates.set(dates.dt.year() < _FIRST_YEAR, None).alias(text.name)


def date_formats(known: pl.Series) -> tuple[str | None, ...]:
    """Every format in which all of these texts are dates, None for ISO's; several where day and month are ambiguous."""
    if not len(known) or not known.str.contains(_LIKE_A_DATE).all():
        return ()
    if not as_dates(known).null_count():
        return (None,)
    return tuple(form for form in _FORMATS if not as_dates(known, form).null_count())


def _looks_like_dates(known: pl.Series) -> bool:
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
    valid = pl.col("day").is_not_null() & (part["hour"] < 24) & (part["minute"] < 60) & (part["second"] < 60)
    moment = pl.lit(day) + pl.duration(
        hours=part["hour"] - east * part["zone_hours"],
        minutes=part["minute"] - east * part["zone_minutes"],
        seconds=part["second"],
        microseconds=micros,
        time_unit="us",
    )
    return groups.select(pl.when(valid).then(moment)).to_series()


def _refuse_others(rows: Rows, text: pl.Series, dates: pl.Series, form: str | None, because: str) -> None:
    bad = dates.is_null() & text.is_not_null()
    if not bad.any():
        return
    row = rows.first(bad)
    name = text.name
    expected, remedy = f"of the form {form}", f"correct dataset.dates.{name}"
    if form is None:
        expected = "such as 2024-05-31 or 2024-05-31T12:30"
        remedy = f"set their format, as in dataset.dates: {{{name}: '%d/%m/%Y'}}"
    raise DataError(
        f"{rows.place(row)}: column {name!r}: {shown(text[row])} is not a date {expected}, {because}; fix the cell, "
        f"list it in dataset.missing.values, or {remedy}"
    )
