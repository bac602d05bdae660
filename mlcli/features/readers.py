"""Columns read as numbers: numbers, truth values, and parts of dates. Only dates are fitted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.config.sections.features import CalendarPart, DatePart
from mlcli.data.tables.frames import Frame, frames_with
from mlcli.data.tables.rows import DTYPES, as_days
from mlcli.errors import DataError
from mlcli.io.text import suggestion

# Parts that are a place on a circle, and so are two numbers between −1 and 1.
CYCLES: dict[DatePart, str] = {
    "year_cycle": "day_of_year",
    "month_cycle": "month",
    "weekday_cycle": "weekday",
    "hour_cycle": "hour",
}
# Days of a year of the Gregorian calendar, on average.
DAYS_OF_YEAR = 365.2425
_OF_THE_CLOCK: tuple[DatePart, ...] = ("hour", "hour_cycle")
_ORDINALS = ("1st", "2nd", "3rd", "4th", "5th")
EPOCH = date(1970, 1, 1)


class NumberReader(Protocol):
    """The numbers made of a column, one or several a row."""

    def column(self, i: int) -> pl.Series:
        """The i-th number of every row as Float64, null where missing."""

    def fill(self, out: NDArray[np.float64], rows: slice) -> None:
        """All numbers of some rows into zeros, (numbers, rows); NaN where missing."""


class Reader(Protocol):
    """A column from which numbers are computed.

    numbers : their names
    bounded : which of them are between −1 and 1 by definition
    """

    @property
    def name(self) -> str: ...
    @property
    def numbers(self) -> tuple[str, ...]: ...
    @property
    def bounded(self) -> tuple[bool, ...]: ...

    def read(self, rows: Frame) -> NumberReader:
        """The numbers; DataError where the column is absent or holds something else."""


@dataclass(frozen=True)
class Columns:
    """Numbers held column by column."""

    series: tuple[pl.Series, ...]

    def column(self, i: int) -> pl.Series:
        return self.series[i]

    def fill(self, out: NDArray[np.float64], rows: slice) -> None:
        for own, column in zip(out, self.series, strict=True):
            own[:] = column.slice(rows.start, rows.stop - rows.start).to_numpy()


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers, or of true (1) and false (0), which are bounded."""

    name: str
    is_boolean: bool = False

    @property
    def numbers(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def bounded(self) -> tuple[bool, ...]:
        return (self.is_boolean,)

    def read(self, rows: Frame) -> Columns:
        """The column as Float64; DataError where it is absent or holds no numbers."""
        return Columns((numbers_of(rows, self.name),))


@dataclass(frozen=True)
class DateColumn:
    """A column of dates, and the parts of them that become numbers.

    origin : the day (ISO 8601) from which elapsed days are counted: the first of the training rows in any column
        of dates, so that differences of elapsed days are differences of dates
    """

    name: str
    parts: tuple[DatePart, ...]
    origin: str

    @property
    def numbers(self) -> tuple[str, ...]:
        ends = ((f"{CYCLES[part]}_sin", f"{CYCLES[part]}_cos") if part in CYCLES else (part,) for part in self.parts)
        return tuple(f"{self.name}_{end}" for pair in ends for end in pair)

    @property
    def bounded(self) -> tuple[bool, ...]:
        return tuple(part in CYCLES for part in self.parts for _ in range(1 + (part in CYCLES)))

    def read(self, rows: Frame) -> Columns:
        """DataError where the column is absent or holds no dates."""
        dates = dates_of(rows, self.name)
        return Columns(tuple(number.cast(pl.Float64) for part in self.parts for number in self._part(dates, part)))

    def _part(self, dates: pl.Series, part: DatePart) -> Iterator[pl.Series]:
        match part:
            case "year":
                yield dates.dt.year()
            case "month":
                yield dates.dt.month()
            case "day":
                yield dates.dt.day()
            case "day_of_year":
                yield dates.dt.ordinal_day()
            case "weekday":
                yield dates.dt.weekday()
            case "hour":
                yield _hours(dates)
            case "elapsed":
                yield as_days(dates) - float((date.fromisoformat(self.origin) - EPOCH).days)
            case "year_cycle":
                yield from _circle((dates.dt.ordinal_day() - 1) / DAYS_OF_YEAR)
            case "month_cycle":
                yield from _circle((dates.dt.month() - 1) / 12)
            case "weekday_cycle":
                yield from _circle((dates.dt.weekday() - 1) / 7)
            case "hour_cycle":
                yield from _circle(_hours(dates) / 24)


def first_day(columns: Iterable[pl.Series]) -> str:
    """The earliest of all these dates (ISO 8601)."""
    firsts = (column.drop_nulls().dt.date().min() for column in columns)
    return str(min((first for first in firsts if isinstance(first, date)), default=EPOCH))


def fit_date(dates: pl.Series, parts: Sequence[DatePart], origin: str) -> DateColumn:
    """Parts of the clock are left out where all training dates are at midnight, and those that are categories."""
    known = dates.drop_nulls()
    has_times = bool((known != known.dt.date().cast(known.dtype)).any())
    kept = tuple(part for part in parts if has_times or part not in _OF_THE_CLOCK)
    numbers = tuple(part for part in kept if part not in get_args(CalendarPart))
    return DateColumn(dates.name, numbers if kept else ("elapsed",), origin)


def _hours(dates: pl.Series) -> pl.Series:
    """Of the day, with minutes and seconds as a fraction."""
    hours, minutes, seconds = (unit.cast(pl.Int64) for unit in (dates.dt.hour(), dates.dt.minute(), dates.dt.second()))
    return (hours * 3600 + minutes * 60 + seconds) / 3600


def _circle(share: pl.Series) -> Iterator[pl.Series]:
    """Sine and cosine of a share of the whole turn."""
    angle = share * (2 * math.pi)
    yield angle.sin()
    yield angle.cos()


def numbers_of(frame: Frame, name: str) -> pl.Series:
    """The column of this name as Float64, true as 1; DataError where it is absent or holds no numbers."""
    column = _column(frame, name)
    if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise DataError(f"column '{name}': numbers were expected as in training, got {column.dtype}")
    return column if column.dtype == pl.Float64 else column.cast(pl.Float64)


def dates_of(frame: Frame, name: str) -> pl.Series:
    """The column of this name as Datetime; DataError where it is absent or holds no dates."""
    column = _column(frame, name)
    if column.dtype not in (pl.Date, pl.Datetime, pl.Null):
        raise DataError(f"column '{name}': dates were expected as in training, got {column.dtype}")
    return column.cast(DTYPES["date"])


def cells_of(frame: Frame, name: str, part: CalendarPart | None = None) -> pl.Series:
    """The column of this name as String, or a part of its dates; DataError where it is absent or holds no such."""
    if part:
        return calendar_cells(dates_of(frame, name), part)
    column = _column(frame, name)
    if column.dtype not in (pl.String, pl.Null, pl.Categorical, pl.Enum):
        raise DataError(f"column '{name}': categories (text) were expected as in training, got {column.dtype}")
    return column.cast(pl.String)


def calendar_cells(dates: pl.Series, part: CalendarPart) -> pl.Series:
    """Such as 12-25, or 4th Thu of Nov."""
    if part == "month_day":
        return dates.dt.strftime("%m-%d")
    frame = dates.to_frame("date")
    nth = ((pl.col("date").dt.day() - 1) // 7).replace_strict(dict(enumerate(_ORDINALS)), return_dtype=pl.String)
    return frame.select(pl.format("{} {}", nth, pl.col("date").dt.strftime("%a of %b")).alias(dates.name)).to_series()


def cells_of_each(
    frame: Frame, names: Sequence[str], parts: Sequence[CalendarPart | None] | None = None
) -> Iterator[pl.Series]:
    """The columns of these names in turn, or parts of their dates, as `cells_of` returns them."""
    return map(cells_of, frames_with(frame, names), names, parts or [None] * len(names))


def dates_of_each(frame: Frame, names: Sequence[str]) -> Iterator[pl.Series]:
    """The columns of these names in turn, as `dates_of` returns them."""
    return map(dates_of, frames_with(frame, names), names)


def _column(frame: Frame, name: str) -> pl.Series:
    part = next(frames_with(frame, [name]))
    try:
        return part.get_column(name)
    except pl.exceptions.ColumnNotFoundError:
        names = frame.collect_schema().names()
        raise DataError(
            f"the rows have no column '{name}', which the features were fitted on; add it: {suggestion(name, names)}"
        ) from None
