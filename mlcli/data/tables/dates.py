"""Text as dates: ISO 8601, or a declared format."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import polars as pl

from mlcli.data.tables.rows import Rows
from mlcli.data.tables.types import Kind
from mlcli.errors import DataError
from mlcli.io.text import shown

# Digits are ASCII's; \d has those of every script.
ISO = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?(?: ?(?:(Z)|([+-])([0-9]{2}):?([0-9]{2})))?)?$"
)
# A format with a four-digit year also reads two digits as a year of the first century.
_FIRST_YEAR = 1000
_MIDNIGHT_SHORT = 10
_ZONED = r":\d{2}(?:[.,]\d+)? ?(?:Z|[+-]\d{2}:?\d{2})$"
# Cells of which one at least must be a date for a column to be parsed as dates.
_LOOKED_AT = 1000
# Months in English, Spanish, German, French, Portuguese and Italian.
_MONTHS = (
    "january enero januar janvier janeiro gennaio jan ene janv gen jän jänner",
    "february febrero februar février fevereiro febbraio feb févr fév fev fevrier",
    "march marzo märz mars março mar mär mrz maerz marco",
    "april abril avril aprile apr abr avr",
    "may mayo mai maio maggio mag",
    "june junio juni juin junho giugno jun giu",
    "july julio juli juillet julho luglio jul juil lug",
    "august agosto août aug ago aout",
    "september septiembre setiembre septembre setembro settembre sep sept set",
    "october octubre oktober octobre outubro ottobre oct okt out ott",
    "november noviembre novembre novembro nov",
    "december diciembre dezember décembre dezembro dicembre dec dic dez déc decembre",
)
MONTHS = {name: f"{i:02}" for i, names in enumerate(_MONTHS, 1) for name in names.split()}
_NAMES = sorted(MONTHS, key=len, reverse=True)
_NOON = {"a. m.": "am", "p. m.": "pm", "a.m.": "am", "p.m.": "pm", "\u00a0": " ", "\u202f": " "}
_WIDTHS = {"%Y": r"\d{4}", "%j": r"\d{3}", **dict.fromkeys(("%y", "%m", "%d", "%H", "%I", "%M", "%S"), r"\d{2}")}


def parse_dates(
    rows: Rows, wanted: Mapping[str, Kind], formats: Mapping[str, str], inferred: Collection[str], because: str
) -> Rows:
    """Turn text columns into Datetime in UTC, where they are in `wanted` or all their cells are ISO dates.

    formats  : of columns whose dates are not ISO's
    inferred : columns whose kind is inferred unless it is in `wanted`
    because  : why wanted dates must be dates, for messages

    Raises DataError for a cell that is no date in a column declared as dates.
    """
    texts = [name for name, dtype in rows.frame.schema.items() if dtype == pl.String]
    parsed = []
    for name in texts:
        text = rows.frame[name]
        if wanted.get(name) == "date":
            dates = as_dates(text, formats.get(name))
            _refuse_others(rows, text, dates, formats.get(name), because)
            _refuse_mixed_zones(rows, text)
            parsed.append(dates)
        elif name in inferred and name not in wanted and _may_be_dates(text.drop_nulls()):
            dates = as_dates(text)
            if dates.null_count() == text.null_count():
                _refuse_mixed_zones(rows, text)
                parsed.append(dates)
    return rows.with_frame(rows.frame.with_columns(parsed))


def as_dates(text: pl.Series, form: str | None = None) -> pl.Series:
    """Datetime in UTC, null where a cell is no date of the format, or of ISO 8601 where there is none.

    Names of months and am, pm are read in any case. Without a day, it is the first of the month.
    """
    if form is None:
        return _by_year(_iso(text), text.name)
    cells, form = _in_digits(text, form.replace(".%f", "%.f"))
    if "%d" not in form and "%j" not in form:
        cells, form = cells + " 01", f"{form} %d"
    if "%H" in form or "%I" in form:
        dates = cells.str.to_datetime(form, strict=False, time_unit="us")
        dates = dates.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if "%z" in form else dates
    else:
        dates = cells.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    return _by_year(dates, text.name)


def _by_year(dates: pl.Series, name: str) -> pl.Series:
    return dates.set(dates.dt.year() < _FIRST_YEAR, None).alias(name)


def _in_digits(text: pl.Series, form: str) -> tuple[pl.Series, str]:
    """Cells with months as two digits, and the format that reads them; null for cells that it would misread."""
    if re.search("%[bBp]", form):
        text = text.str.to_lowercase().str.replace_many(_NOON)
        form = re.sub(r"%.|.", lambda found: found[0] if found[0][0] == "%" else found[0].lower(), form)
    if re.search("%[bB]", form):
        named = text.str.replace_all(r"(\d)(?:st|nd|rd|th)\b", "$1").str.replace_all(
            rf"\b({'|'.join(_NAMES)})\. ", "$1 "
        )
        text = named.str.replace_many(_NAMES, [MONTHS[name] for name in _NAMES], leftmost=True)
        text = text.set(text == named, None)  # its month is no name
        form = re.sub("%[bB]", "%m", form)
    if re.search(r"%[YymdHMSj]%[YymdHMSj]", form):  # 2024015 is no date of the form %Y%m%d
        exact = re.sub(
            r"%.|[^%]+", lambda found: _WIDTHS.get(found[0], ".*" if found[0][0] == "%" else "[^0-9]+"), form
        )
        text = text.set(~text.str.contains(f"^{exact}$"), None)
    return text, form


def _may_be_dates(known: pl.Series) -> bool:
    return known.head(_LOOKED_AT).str.contains(ISO).any() and known.str.contains(ISO).all()


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
    valid &= (part["zone_hours"] < 24) & (part["zone_minutes"] < 60)
    moment = pl.lit(day) + pl.duration(
        hours=part["hour"] - east * part["zone_hours"],
        minutes=part["minute"] - east * part["zone_minutes"],
        seconds=part["second"],
        microseconds=micros,
        time_unit="us",
    )
    return groups.select(pl.when(valid).then(moment)).to_series()


def _refuse_mixed_zones(rows: Rows, text: pl.Series) -> None:
    """Raise DataError for a time without an offset where others have one: nothing says in which zone it is."""
    zoned = text.str.contains(_ZONED)
    if zoned.any() and not zoned.all():
        row = rows.first(~zoned & text.is_not_null())
        raise DataError(
            f"{rows.place(row)}: column {text.name!r}: {shown(text[row])} has no offset from UTC, while "
            f"{int(zoned.sum()):,} of {text.count():,} cells have one; write one in every cell (Z for UTC), or in none"
        )


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
