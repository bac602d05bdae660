"""Points in a plane: braille dots in the colours of their groups, or a mark a cell where there are no colours."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from mlcli.console.canvas import COLOURS, FAINT, HEADING, MARKS, Canvas, line
from mlcli.console.cells import cut_to, fitted
from mlcli.console.plot import Cell, Scale, draw_dots
from mlcli.console.ticks import round_numbers, show_ticks, tick_labels
from mlcli.evaluation.names import shorten
from mlcli.exploration.scatter import Scatter

if TYPE_CHECKING:
    from rich.text import Text

MIN_ROWS, MAX_ROWS = 8, 30
# Lines of the terminal beside the picture's; a cell is about twice as high as it is wide.
BESIDE, ASPECT = 8, 2.4
LETTERS = 24
# Cells between two labels across, at least about.
SPACING = 9


def scatter_lines(scatter: Scatter, canvas: Canvas) -> Iterator[Text]:
    """The points between their axes, and what the colours mean."""
    if not scatter.x:
        return
    rows = max(MIN_ROWS, min(MAX_ROWS, canvas.height - BESIDE))
    x, y = _span(scatter.x), _span(scatter.y)
    labels = tick_labels(y, rows)
    columns = max(4, min(canvas.width - len(labels[0]) - 3, round(ASPECT * rows)))
    title = f"{shorten(scatter.y_name, LETTERS)} over {shorten(scatter.x_name, LETTERS)}"
    title += f", by {shorten(scatter.grouped_by, LETTERS)}" if scatter.groups else ""
    some = f", {len(scatter.x):,} of {scatter.n_rows:,} rows" if len(scatter.x) < scatter.n_rows else ""
    yield line((cut_to(title + some, canvas.width), HEADING))
    if scatter.groups:
        yield from _key(scatter, canvas)
    for label, row in zip(labels, _cells(scatter, x, y, columns, rows, coloured=canvas.coloured), strict=True):
        parts = [("".join(map(itemgetter(0), run)), _style(owner)) for owner, run in groupby(row, key=itemgetter(1))]
        yield line((f"{label} {'┤' if label.strip() else '│'}", FAINT), *parts)
    margin = " " * len(labels[0])
    for mark, drawn in zip("└ ", _axis(x, columns), strict=True):
        yield line((f"{margin} {mark}{drawn}", FAINT))


def _span(values: tuple[float, ...]) -> Scale:
    low, high = min(values), max(values)
    return Scale(low, high) if low < high else Scale(low - 0.5, high + 0.5)


def _axis(scale: Scale, columns: int) -> tuple[str, str]:
    """The line below the points and the round numbers below it, as far as there is room."""
    axis, labels = ["─"] * columns, [" "] * columns
    values = round_numbers(scale, max(2, columns // SPACING))
    for value, label in zip(values, show_ticks(values, scale.log), strict=True):
        place = round(scale(value) * (columns - 1))
        start = max(0, min(columns - len(label), place - len(label) // 2))
        if all(letter == " " for letter in labels[max(0, start - 1) : start + len(label) + 1]):
            axis[place] = "┬"
            labels[start : start + len(label)] = label
    return "".join(axis), "".join(labels[:columns])


def _cells(scatter: Scatter, x: Scale, y: Scale, columns: int, rows: int, *, coloured: bool) -> list[list[Cell]]:
    """A character each and its group, -1 where there is no point."""
    points = list(zip(scatter.x, scatter.y, strict=True))
    group = scatter.group or (0,) * len(points)
    drawn = draw_dots([[point] for point in points], x, y, columns, rows)
    marks = "" if coloured or not scatter.groups else MARKS
    return [[_cell(dots, group[at] if at >= 0 else -1, marks) for dots, at in row] for row in drawn]


def _cell(dots: str, group: int, marks: str) -> Cell:
    return (marks[group] if marks and group >= 0 else dots), group


def _style(group: int) -> str:
    return COLOURS[group] if group >= 0 else ""


def _key(scatter: Scatter, canvas: Canvas) -> Iterator[Text]:
    """The groups in their colours."""
    room = canvas.width // max(1, len(scatter.groups)) - 4
    parts: list[tuple[str, str]] = []
    for place, name in enumerate(scatter.groups):
        mark = "●" if canvas.coloured else MARKS[place]
        parts.append((f"{mark} {fitted(shorten(name, 30), min(room, 30)).rstrip()}   ", COLOURS[place]))
    yield line(*parts)
