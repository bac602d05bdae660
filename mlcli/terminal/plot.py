"""Sparklines, and charts of curves with labels along both axes, in a terminal's characters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

from mlcli.reports.scales import AxisScale, round_numbers, scale_for, show_ticks

if TYPE_CHECKING:
    from rich.text import Text

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.-~=+*#"
# Points that a curve keeps, more than a terminal has columns.
KEPT = 512
# Bits of a braille character's dots, by row and column.
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
BLANK = 0x2800
# Rows of a chart between two labels, about.
SPACING = 3
CURVE_COLOURS = ("cyan", "yellow")
# Lines of a chart beside those of the curves: the title, the axis and its labels.
FRAME_ROWS = 3

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


def sparkline(
    values: Sequence[float | None], width: int | None = None, scale: AxisScale | None = None, blocks: str = BLOCKS
) -> str:
    """One character for each of `width` equal stretches of the values, by the mean over the stretch.

    width : a character a value unless given
    scale : of the lowest and the highest character; from the lowest to the highest mean unless given

    A stretch without a finite value is blank.
    """
    width = min(width or len(values), len(values))
    edges = [round(at * len(values) / width) for at in range(width + 1)] if width else []
    parts = [[value for value in values[low:high] if value is not None] for low, high in pairwise(edges)]
    means = [mean_finite(part) for part in parts]
    finite = [mean for mean in means if math.isfinite(mean)]
    scale = scale or AxisScale(min(finite, default=0.0), max(finite, default=0.0))
    line = ""
    for mean in means:
        share = min(1.0, max(0.0, scale(mean))) if math.isfinite(mean) and scale.low < scale.high else 0.0
        line += blocks[round(share * (len(blocks) - 1))] if math.isfinite(mean) else " "
    return line


def draw_dots(
    curves: Sequence[Sequence[Point]], x: AxisScale, y: AxisScale, width: int, height: int
) -> list[list[Cell]]:
    """Cells row by row from the top, each a character and the last curve that it shows; -1 for none.

    Values that are not finite leave a gap; those beyond the y scale are drawn at its end.
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


def _dots_of(
    curve: Sequence[Point], x: AxisScale, y: AxisScale, last_column: int, last_row: int
) -> Iterable[tuple[int, int]]:
    """Columns and rows of the dots of a line through the points."""
    before: tuple[int, int] | None = None
    for place, value in curve:
        across = x(place)
        if not (0 <= across <= 1 and math.isfinite(value)):
            before = None
            continue
        up = min(1.0, max(0.0, y(value)))
        here = round(across * last_column), round((1 - up) * last_row)
        start, before = before or here, here
        steps = max(abs(here[0] - start[0]), abs(here[1] - start[1])) or 1
        for share in (step / steps for step in range(steps + 1)):
            yield round(start[0] + share * (here[0] - start[0])), round(start[1] + share * (here[1] - start[1]))


def spread_labels(labels: Sequence[str], width: int) -> str:
    """The first at the left end, the last at the right; of the others, evenly between, those that fit."""
    line = [" "] * width
    ends_first = sorted(enumerate(labels), key=lambda one: 0 < one[0] < len(labels) - 1)
    for index, label in ends_first:
        share = index / max(1, len(labels) - 1)
        start = round(share * (width - len(label)))
        if start >= 0 and not any(character != " " for character in line[max(0, start - 1) : start + len(label) + 1]):
            line[start : start + len(label)] = label
    return "".join(line)


def tick_labels(scale: AxisScale, height: int) -> list[str]:
    """One label for each row from the top, blank where there is no round number."""
    values = round_numbers(scale, max(3, -(-height // SPACING)))
    labels = [""] * height
    for value, label in zip(values, show_ticks(values, scale.log), strict=True):
        labels[round((1 - scale(value)) * (height - 1))] = label
    width = max(map(len, labels))
    return [label.rjust(width) for label in labels]


def draw_chart(
    title: str,
    curves: Mapping[str, Sequence[Point]],
    across: AxisScale,
    below: Sequence[str],
    width: int,
    height: int,
    mark: float | None = None,
    shown: Iterable[float] | None = None,
) -> Text:
    """The curves that have points as a chart of `width` by `height` characters, each line ended.

    below : labels of the horizontal axis
    mark  : a place on that axis
    shown : values that the scale covers; all unless given

    Nothing is labelled where there is no point yet.
    """
    from rich.text import Text

    drawn = list(curves.values())
    rows = max(1, height - FRAME_ROWS)
    scale = scale_for(shown or (value for curve in drawn for _, value in curve))
    labels = tick_labels(scale, rows) if any(drawn) else [""] * rows
    margin = " " * len(labels[0])
    columns = max(1, width - len(margin) - 2)
    text = Text(no_wrap=True, overflow="crop")
    text.append(title + (" (logarithmic)" if scale.log else ""), "bold")
    for name, colour in zip(curves, CURVE_COLOURS, strict=False):
        text.append(f"  ━ {name}" if curves[name] else "", colour)
    text.append("\n")
    for label, row in zip(labels, draw_dots(drawn, across, scale, columns, rows), strict=True):
        text.append(f"{label} {'┤' if label.strip() else '│'}", "dim")
        for owner, run in groupby(row, key=itemgetter(1)):
            text.append("".join(character for character, _ in run), CURVE_COLOURS[owner] if owner >= 0 else "")
        text.append("\n")
    axis = list("─" * columns)
    if mark is not None:
        axis[round(across(mark) * (columns - 1))] = "▲"
    text.append(f"{margin} └{''.join(axis)}\n{margin}  {spread_labels(below, columns)}\n", "dim")
    return text
