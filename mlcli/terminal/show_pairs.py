"""Pairs of columns: the scatter plot and the correlations."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from mlcli.eda.association import Correlations, Scatter
from mlcli.io.text import shorten
from mlcli.reports.scales import AxisScale, round_numbers, show_ticks
from mlcli.terminal.drawing import COLOURS, FAINT, HEADING, MARKS, Canvas, cut_to, fitted, line, longest
from mlcli.terminal.plot import Cell, draw_dots, tick_labels

if TYPE_CHECKING:
    from rich.text import Text

# Lines of a scatter plot, and lines around it; a cell is about twice as high as it is wide.
MIN_ROWS, MAX_ROWS, PLOT_FRAME, ASPECT = 8, 30, 8, 2.4
# Characters of a column's name; cells between two labels of the horizontal axis, about.
LETTERS, SPACING = 24, 9
# Cells of a correlation and of a column's name; columns of the table at most.
CELL, MAX_NAME, MAX_SHOWN = 6, 22, 20
# Styles of positive and of negative correlations, from each |r| on.
RISING = ((0.8, "bold white on #0a5c93"), (0.5, "white on #2b6f9e"), (0.2, "bright_blue"))
FALLING = ((0.8, "bold white on #a34700"), (0.5, "white on #b3672c"), (0.2, "yellow"))


def draw_scatter(scatter: Scatter, canvas: Canvas) -> Iterator[Text]:
    """The points between their axes, and what the colours mean."""
    if not scatter.x:
        return
    rows = max(MIN_ROWS, min(MAX_ROWS, canvas.height - PLOT_FRAME))
    x, y = _span(scatter.x), _span(scatter.y)
    labels = tick_labels(y, rows)
    columns = max(4, min(canvas.width - len(labels[0]) - 3, round(ASPECT * rows)))
    title = f"{shorten(scatter.y_name, LETTERS)} over {shorten(scatter.x_name, LETTERS)}"
    title += f", by {shorten(scatter.grouped_by, LETTERS)}" if scatter.groups else ""
    some = f", {len(scatter.x):,} of {scatter.n_rows:,} rows" if len(scatter.x) < scatter.n_rows else ""
    yield line((cut_to(title + some, canvas.width), HEADING))
    if scatter.groups:
        room = canvas.width // len(scatter.groups) - 4
        marks = ["●"] * len(scatter.groups) if canvas.coloured else list(MARKS)
        names = [fitted(shorten(name, 30), min(room, 30)).rstrip() for name in scatter.groups]
        yield line(*((f"{mark} {name}   ", colour) for mark, name, colour in zip(marks, names, COLOURS, strict=False)))
    for label, row in zip(labels, _scatter_cells(scatter, x, y, columns, rows, canvas), strict=True):
        parts = []
        for group, run in groupby(row, key=itemgetter(1)):
            parts.append(("".join(character for character, _ in run), COLOURS[group] if group >= 0 else ""))
        yield line((f"{label} {'┤' if label.strip() else '│'}", FAINT), *parts)
    margin = " " * len(labels[0])
    for mark, drawn in zip("└ ", _axis(x, columns), strict=True):
        yield line((f"{margin} {mark}{drawn}", FAINT))


def _span(values: tuple[float, ...]) -> AxisScale:
    low, high = min(values), max(values)
    return AxisScale(low, high) if low < high else AxisScale(low - 0.5, high + 0.5)


def _axis(scale: AxisScale, columns: int) -> tuple[str, str]:
    """The line below the points, and the round numbers below it that fit."""
    axis, labels = ["─"] * columns, [" "] * columns
    values = round_numbers(scale, max(2, columns // SPACING))
    for value, label in zip(values, show_ticks(values, scale.log), strict=True):
        place = round(scale(value) * (columns - 1))
        start = max(0, min(columns - len(label), place - len(label) // 2))
        if all(letter == " " for letter in labels[max(0, start - 1) : start + len(label) + 1]):
            axis[place] = "┬"
            labels[start : start + len(label)] = label
    return "".join(axis), "".join(labels[:columns])


def _scatter_cells(
    scatter: Scatter, x: AxisScale, y: AxisScale, columns: int, rows: int, canvas: Canvas
) -> Iterator[list[Cell]]:
    """A character each and its group, -1 where there is no point; without colours, the group's mark."""
    points = list(zip(scatter.x, scatter.y, strict=True))
    group = scatter.group or (0,) * len(points)
    marked = bool(scatter.groups) and not canvas.coloured
    for row in draw_dots([[point] for point in points], x, y, columns, rows):
        owned = [(dots, group[at] if at >= 0 else -1) for dots, at in row]
        yield [(MARKS[own] if marked and own >= 0 else dots, own) for dots, own in owned]


def correlation_lines(found: Correlations, canvas: Canvas) -> Iterator[Text]:
    """The triangle below the diagonal; its columns are numbered."""
    name = min(MAX_NAME, longest(list(found.names)))
    room = (canvas.width - name - 4) // CELL + 1
    shown = min(len(found.names), MAX_SHOWN, room)
    if shown < 2:
        return
    yield line((cut_to("Correlation of numbers (Pearson's r)", canvas.width), HEADING))
    for row in range(shown):
        cells = [_correlation_cell(r) for r in found.r[row][:row]]
        yield line((f"{row + 1:>2} ", FAINT), fitted(found.names[row], name), " ", *cells)
    numbers = "".join(f"{column + 1:>{CELL - 1}} " for column in range(shown - 1))
    yield line((f"   {'':{name}} {numbers}", FAINT))
    left = len(found.names) - shown + found.left_out
    if left:
        yield line((cut_to(f"… and {left:,} more numbers; --json lists them", canvas.width), FAINT))


def _correlation_cell(r: float | None) -> tuple[str, str]:
    if r is None:
        return f"{'–':^{CELL}}", FAINT
    text = f"{r:{CELL - 1}.2f} ".replace("-", "−")
    steps = RISING if r > 0 else FALLING
    return text, next((style for least, style in steps if abs(r) >= least), FAINT)
