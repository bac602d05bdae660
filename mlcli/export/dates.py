"""Dates as nodes: their parts as numbers, and as categories."""

from __future__ import annotations

import math
from datetime import date
from functools import cached_property

import polars as pl

from mlcli.config.sections.features import CalendarPart, DatePart
from mlcli.export.functions import cosine
from mlcli.export.graph import INT64, ML, Graph
from mlcli.features.encoding import MISSING, Vocabulary
from mlcli.features.readers import CYCLES, DAYS_OF_YEAR, EPOCH, DateColumn, calendar_cells

# Seconds since 1970, as every language counts time.
_DAY = 86_400.0
# The key of a missing date.
_ABSENT = -1


def keys_of_days(part: CalendarPart | None) -> dict[str, int]:
    """The number by which `Calendar.codes` knows each category: of month and day, or of place, weekday and month.

    Read off 28 years, after which weekdays come again.
    """
    days = pl.date_range(date(2000, 1, 1), date(2027, 12, 31), eager=True)
    day, month, weekday = days.dt.day().cast(pl.Int64), days.dt.month(), days.dt.weekday()
    if part == "month_day":
        keys = month.cast(pl.Int64) * 100 + day
    else:
        keys = (day - 1) // 7 * 1000 + weekday.cast(pl.Int64) * 100 + month
    return dict(zip(calendar_cells(days, part or "month_day"), keys, strict=True))


class Calendar:
    """Parts of the Gregorian calendar of seconds since 1970, after Hinnant's civil_from_days; nodes where needed."""

    def __init__(self, graph: Graph, seconds: str) -> None:
        self.graph = graph
        self.seconds = seconds

    def numbers(self, own: DateColumn) -> list[str]:
        """The numbers of dates, float64 (n, 1) each, in the order of `own.numbers`."""
        return [number for part in own.parts for number in self._numbers(part, own.origin)]

    def codes(self, own: Vocabulary) -> str:
        """The codes of a part that is a category, int64 (n, 1)."""
        month, day = self._month, self._part("day")
        if own.part == "month_day":
            key = self.graph.node("Add", self._times(month, 100), day)
        else:
            nth = self._floor(self._sum(day, -1), 7)
            key = self.graph.node("Add", self._times(nth, 1000), self._times(self._part("weekday"), 100))
            key = self.graph.node("Add", key, month)
        key = self.graph.cast(self.graph.node("Where", self.graph.node("IsNaN", key), float(_ABSENT), key), INT64)
        keys = {MISSING: _ABSENT} | keys_of_days(own.part)
        return self.graph.node(
            "LabelEncoder",
            key,
            domain=ML,
            keys_int64s=[keys[category] for category in own.kept],
            values_int64s=[*range(len(own.kept))],
            default_int64=own.reserved,
        )

    def _numbers(self, part: DatePart, origin: str) -> list[str]:
        """The number of a part, or the sine and the cosine of a place on a circle."""
        if part == "elapsed":
            first = (date.fromisoformat(origin) - EPOCH).days
            micros = self.graph.node("Round", self._times(self.seconds, 1e6))  # as dates are held: no bit is another
            return [self._sum(self.graph.node("Div", micros, 1e6 * _DAY), -first)]
        if part not in CYCLES:
            return [self._part(part)]
        of = CYCLES[part]
        first, turn = {"day_of_year": (1, DAYS_OF_YEAR), "month": (1, 12), "weekday": (1, 7), "hour": (0, 24)}[of]
        share = self.graph.node("Div", self._sum(self._part(of), -first), float(turn))
        angle = self.graph.node("Mul", share, 2 * math.pi)
        return [self.graph.node("Sin", angle), cosine(self.graph, angle)]

    def _part(self, part: str) -> str:
        match part:
            case "year":
                return self._year
            case "month":
                return self._month
            case "day":
                before = self._floor(self._sum(self._times(self._month_of_march, 153), 2), 5)
                return self._sum(self._difference(self._day_of_march, before), 1)
            case "day_of_year":
                return self._day_of_year
            case "weekday":  # 1970 began on a Thursday
                days = self._sum(self._days, 3)
                return self._sum(self._difference(days, self._times(self._floor(days, 7), 7)), 1)
        within = self._difference(self.seconds, self._times(self._days, _DAY))
        return self.graph.node("Div", self.graph.node("Floor", within), 3600.0)

    @cached_property
    def _days(self) -> str:
        return self._floor(self.seconds, _DAY)

    @cached_property
    def _era(self) -> str:
        """Periods of 400 years since March of the year 0."""
        return self._floor(self._sum(self._days, 719_468), 146_097)

    @cached_property
    def _day_of_era(self) -> str:
        return self._difference(self._sum(self._days, 719_468), self._times(self._era, 146_097))

    @cached_property
    def _year_of_era(self) -> str:
        day = self._day_of_era
        leaps = self._difference(self._floor(day, 1460), self._floor(day, 36_524))
        leaps = self.graph.node("Add", leaps, self._floor(day, 146_096))
        return self._floor(self._difference(day, leaps), 365)

    @cached_property
    def _day_of_march(self) -> str:
        """Days since the first of March."""
        year = self._year_of_era
        days = self._difference(self._times(year, 365), self._floor(year, 100))
        return self._difference(self._day_of_era, self.graph.node("Add", days, self._floor(year, 4)))

    @cached_property
    def _month_of_march(self) -> str:
        """Months since March."""
        return self._floor(self._sum(self._times(self._day_of_march, 5), 2), 153)

    @cached_property
    def _month(self) -> str:
        months = self._month_of_march
        is_same_year = self.graph.node("Less", months, 10.0)
        return self.graph.node("Where", is_same_year, self._sum(months, 3), self._sum(months, -9))

    @cached_property
    def _year(self) -> str:
        year = self.graph.node("Add", self._year_of_era, self._times(self._era, 400))
        is_next = self.graph.node("LessOrEqual", self._month, 2.0)
        return self.graph.node("Where", is_next, self._sum(year, 1), year)

    @cached_property
    def _day_of_year(self) -> str:
        """From 1: the days since the first of January of the year 1, less those until the last year's end."""
        past = self._sum(self._year, -1)
        leaps = self._difference(self._floor(past, 4), self._floor(past, 100))
        leaps = self.graph.node("Add", leaps, self._floor(past, 400))
        before = self.graph.node("Add", self._times(past, 365), leaps)
        return self._difference(self._sum(self._days, 719_163), before)

    def _floor(self, value: str, by: float) -> str:
        return self.graph.node("Floor", self.graph.node("Div", value, float(by)))

    def _sum(self, value: str, number: float) -> str:
        return self.graph.node("Add", value, float(number)) if number else value

    def _times(self, value: str, number: float) -> str:
        return self.graph.node("Mul", value, float(number))

    def _difference(self, left: str, right: str) -> str:
        return self.graph.node("Sub", left, right)
