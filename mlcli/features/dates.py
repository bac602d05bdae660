"""Dates as numbers of the calendar."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from mlcli.config.sections.features import DatePart
from mlcli.data.tables.frames import Frame
from mlcli.data.tables.rows import as_days
from mlcli.features.rows import Columns, dates_of

# Parts that are a place on a circle, and so are two numbers between −1 and 1.
_CYCLES: dict[DatePart, str] = {"month_cycle": "month", "weekday_cycle": "weekday", "hour_cycle": "hour"}
_OF_THE_CLOCK: tuple[DatePart, ...] = ("hour", "hour_cycle")
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class DateColumn:
    """A column of dates, and what is made of it.

    origin : the day, as ISO has it, from which elapsed days are counted: the first of the training rows in any column
        of dates, so that differences of elapsed days are differences of dates
    """

    name: str
    parts: tuple[DatePart, ...]
    origin: str

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the numbers."""
        ends = ((f"{_CYCLES[part]}_sin", f"{_CYCLES[part]}_cos") if part in _CYCLES else (part,) for part in self.parts)
        return tuple(f"{self.name}_{end}" for pair in ends for end in pair)

    @property
    def bounded(self) -> tuple[bool, ...]:
        """Which of the numbers are between −1 and 1 by what they are."""
        return tuple(part in _CYCLES for part in self.parts for _ in range(1 + (part in _CYCLES)))

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
            case "weekday":
                yield dates.dt.weekday()
            case "hour":
                yield _hours(dates)
            case "elapsed":
                yield as_days(dates) - float((date.fromisoformat(self.origin) - _EPOCH).days)
            case "month_cycle":
                yield from _circle((dates.dt.month() - 1) / 12)
            case "weekday_cycle":
                yield from _circle((dates.dt.weekday() - 1) / 7)
            case "hour_cycle":
                yield from _circle(_hours(dates) / 24)


def first_day(columns: Iterable[pl.Series]) -> str:
    """Of all these dates, as ISO has it."""
    firsts = (column.drop_nulls().dt.date().min() for column in columns)
    return str(min((first for first in firsts if isinstance(first, date)), default=_EPOCH))


def fit_date(dates: pl.Series, parts: Sequence[DatePart], origin: str) -> DateColumn:
    """No hours where all training dates are at midnight."""
    known = dates.drop_nulls()
    has_times = bool((known != known.dt.date().cast(known.dtype)).any())
    kept = tuple(part for part in parts if has_times or part not in _OF_THE_CLOCK)
    return DateColumn(dates.name, kept or ("elapsed",), origin)


def _hours(dates: pl.Series) -> pl.Series:
    """Of the day, with minutes and seconds as a fraction."""
    hours, minutes, seconds = (unit.cast(pl.Int64) for unit in (dates.dt.hour(), dates.dt.minute(), dates.dt.second()))
    return (hours * 3600 + minutes * 60 + seconds) / 3600


def _circle(share: pl.Series) -> Iterator[pl.Series]:
    """Sine and cosine of a share of the whole turn."""
    angle = share * (2 * math.pi)
    yield angle.sin()
    yield angle.cos()
