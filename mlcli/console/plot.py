"""Curves in a terminal's characters: braille, of which each holds 2 × 4 dots."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

# Points that a curve keeps; a terminal's columns are fewer.
KEPT = 512
# Bits of a braille character's dots, by row and column.
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
BLANK = 0x2800
# A logarithmic scale where the highest is so many times the lowest.
WIDE_RANGE = 20.0
DEEPEST = 1e-9

Point = tuple[float, float]
Cell = tuple[str, int]


@dataclass
class Curve:
    """Values one after the other, of which about KEPT points are kept: means over equal stretches that grow.

    points  : (place of the stretch's last value, mean of its finite values)
    stretch : values a point
    """

    points: list[Point] = field(default_factory=list)
    stretch: int = 1
    _open: list[float] = field(default_factory=list)

    def add(self, place: float, value: float) -> None:
        """The next value; places only grow."""
        self._open.append(value)
        if len(self._open) >= self.stretch:
            self.points.append((place, mean_finite(self._open)))
            self._open.clear()
        if len(self.points) >= KEPT:
            pairs = zip(self.points[::2], self.points[1::2], strict=False)
            self.points = [(later[0], mean_finite((earlier[1], later[1]))) for earlier, later in pairs]
            self.stretch *= 2


def mean_finite(values: Sequence[float]) -> float:
    """NaN where none is finite."""
    finite = [value for value in values if math.isfinite(value)]
    return math.fsum(value / len(finite) for value in finite) if finite else math.nan


@dataclass(frozen=True)
class Scale:
    """Where values stand between a low and a high end, 0 to 1."""

    low: float
    high: float
    log: bool = False

    def __call__(self, value: float) -> float:
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low) if value > 0 else -math.inf
        return (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)


def scale_for(values: Iterable[float]) -> Scale:
    """From the lowest to the highest finite value; logarithmic where none is negative and they are far apart.

    A logarithmic scale begins at the lowest positive value, or DEEPEST times the highest.
    """
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    if low == high:
        margin = abs(low) / 2 or 0.5
        return Scale(low - margin, high + margin)
    bottom = max(min((value for value in finite if value > 0), default=high), high * DEEPEST)
    if low >= 0 and bottom > 0 and high / bottom >= WIDE_RANGE:
        return Scale(bottom, high, log=True)
    return Scale(low, high)


def draw_dots(curves: Sequence[Sequence[Point]], x: Scale, y: Scale, width: int, height: int) -> list[list[Cell]]:
    """Cells row by row from the top, each a character and the last curve that it shows; -1 for none.

    What is not finite is a gap; what is beyond the y scale lies at its end.
    """
    bits = [[0] * width for _ in range(height)]
    owners = [[-1] * width for _ in range(height)]
    for index, curve in enumerate(curves):
        for column, row in _dots_of(curve, x, y, 2 * width - 1, 4 * height - 1):
            bits[row // 4][column // 2] |= DOTS[row % 4][column % 2]
            owners[row // 4][column // 2] = index
    return [
        [(chr(BLANK | cell) if cell else " ", owner) for cell, owner in zip(line, owned, strict=True)]
        for line, owned in zip(bits, owners, strict=True)
    ]


def _dots_of(curve: Sequence[Point], x: Scale, y: Scale, last_column: int, last_row: int) -> Iterable[tuple[int, int]]:
    """Columns and rows of the dots of a line through the points."""
    before: tuple[int, int] | None = None
    for place, value in curve:
        across = x(place)
        if not (0 <= across <= 1 and math.isfinite(value)):
            before = None
            continue
        up = min(1.0, max(0.0, y(value)))
        here = round(across * last_column), round((1 - up) * last_row)
        yield from _line(before or here, here)
        before = here


def _line(start: tuple[int, int], end: tuple[int, int]) -> Iterable[tuple[int, int]]:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1])) or 1
    for step in range(steps + 1):
        share = step / steps
        yield round(start[0] + share * (end[0] - start[0])), round(start[1] + share * (end[1] - start[1]))


def spread_labels(labels: Sequence[str], width: int) -> str:
    """The first at the left end, the last at the right, the others evenly between, as far as there is room."""
    line = [" "] * width
    ends_first = sorted(enumerate(labels), key=lambda one: 0 < one[0] < len(labels) - 1)
    for index, label in ends_first:
        share = index / max(1, len(labels) - 1)
        start = round(share * (width - len(label)))
        if start >= 0 and not any(character != " " for character in line[max(0, start - 1) : start + len(label) + 1]):
            line[start : start + len(label)] = label
    return "".join(line)
