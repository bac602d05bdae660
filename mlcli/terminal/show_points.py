"""Images class by class, and points in a plane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from mlcli.eda.association import MAX_CLASSES, Scatter, class_order
from mlcli.eda.explore import ClassImages, ExploredImages
from mlcli.io.text import shorten
from mlcli.terminal.drawing import (
    COLOURS,
    DOTS_ACROSS,
    DOTS_DOWN,
    FAINT,
    HEADING,
    MARKS,
    Canvas,
    Pixels,
    cut_to,
    draw_braille,
    draw_half_blocks,
    fitted,
    line,
    resized,
    wrapped,
)
from mlcli.terminal.plot import AxisScale, Cell, draw_dots, round_numbers, show_ticks, tick_labels

if TYPE_CHECKING:
    from rich.text import Text

# Cells between two images, cells of an image's width where it has as many pixels, and lines around the images.
GAP, MIN_CELLS, OTHER_LINES = 2, 14, 10
MAX_EXAMPLES = 4
# Dots across, at least, of an image drawn in dots.
MIN_DOTS = 28
# Lines of a scatter plot, and lines around it; a cell is about twice as high as it is wide.
MIN_ROWS, MAX_ROWS, PLOT_FRAME, ASPECT = 8, 30, 8, 2.4
# Characters of a column's name; cells between two labels of the horizontal axis, about.
LETTERS, SPACING = 24, 9


@dataclass(frozen=True)
class Grid:
    """Classes in a band, and the size of each image in pixels, in cells and in lines."""

    per_band: int
    height: int
    width: int
    cells: int
    lines: int
    examples: int


def draw_images(found: ExploredImages, canvas: Canvas, *, every: bool) -> Iterator[Text]:
    """Bands of classes: a name, the mean image, and examples below it."""
    by_name = {one.name: one for one in found.class_images if one.rows}
    names = [name for name in class_order(found.classes) if name in by_name]
    shown = [by_name[name] for name in (names if every else names[:MAX_CLASSES])]
    if not shown:
        return
    grid = _grid(found.shape, len(shown), canvas)
    size = " × ".join(map(str, found.shape))
    few = max(one.averaged for one in shown) < max(one.rows for one in shown)
    mean = f"the mean of up to {shown[0].averaged:,} images" if few else "the mean image"
    yield line((cut_to(f"Images of {size} pixels", canvas.width), HEADING))
    below = f", {grid.examples} example{'' if grid.examples == 1 else 's'} below"
    for text in wrapped(f"each class: {mean}{below}", canvas.width):
        yield line((text, FAINT))
    for start in range(0, len(shown), grid.per_band):
        yield from _band(shown[start : start + grid.per_band], found, grid, canvas)


def _grid(shape: tuple[int, ...], n_classes: int, canvas: Canvas) -> Grid:
    """The fewest bands in which the images are wide enough."""
    height, width = shape[:2]
    across, down = (1, 2) if canvas.coloured else (DOTS_ACROSS, DOTS_DOWN)
    whole = width if canvas.coloured else max(width, MIN_DOTS)
    needed = -(-whole // across)
    bands = 1
    while bands < n_classes and _room(n_classes, bands, canvas) < min(needed, MIN_CELLS):
        bands += 1
    cells = max(1, min(needed, _room(n_classes, bands, canvas)))
    pixels = min(whole, cells * across)
    tall = max(1, round(height * pixels / width))
    lines = -(-tall // down)
    rows = (canvas.height - OTHER_LINES) // bands - 2
    examples = max(1, min(MAX_EXAMPLES, rows // (lines + 1) - 1))
    return Grid(-(-n_classes // bands), tall, pixels, cells, lines, examples)


def _room(n_classes: int, bands: int, canvas: Canvas) -> int:
    return (canvas.width + GAP) // -(-n_classes // bands) - GAP


def _band(classes: Sequence[ClassImages], found: ExploredImages, grid: Grid, canvas: Canvas) -> Iterator[Text]:
    yield line()
    blanks = " " * GAP
    yield line((blanks.join(fitted(one.name, grid.cells) for one in classes), "bold"))
    means: list[Pixels | None] = [one.mean for one in classes]
    examples = ([_example(one, k) for one in classes] for k in range(grid.examples))
    for row, pictures in enumerate(chain([means], examples)):
        if row:
            yield line()
        drawn = [_draw(picture, found, grid, canvas) for picture in pictures]
        for parts in zip(*drawn, strict=True):
            text = line()
            for at, part in enumerate(parts):
                text.append(blanks if at else "")
                text.append_text(part)
                text.append(" " * (grid.cells - part.cell_len))
            yield text


def _example(one: ClassImages, place: int) -> Pixels | None:
    return one.examples[place] if place < len(one.examples) else None


def _draw(picture: Pixels | None, found: ExploredImages, grid: Grid, canvas: Canvas) -> list[Text]:
    """The lines of one image; blank ones where there is none."""
    if picture is None:
        return [line() for _ in range(grid.lines)]
    pixels = resized(found.visible(picture), grid.height, grid.width)
    return draw_half_blocks(pixels) if canvas.coloured else draw_braille(pixels)


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
        yield from _key(scatter, canvas)
    for label, row in zip(labels, _cells(scatter, x, y, columns, rows, coloured=canvas.coloured), strict=True):
        parts = [("".join(map(itemgetter(0), run)), _style(owner)) for owner, run in groupby(row, key=itemgetter(1))]
        yield line((f"{label} {'┤' if label.strip() else '│'}", FAINT), *parts)
    margin = " " * len(labels[0])
    for mark, drawn in zip("└ ", _axis(x, columns), strict=True):
        yield line((f"{margin} {mark}{drawn}", FAINT))


def _span(values: tuple[float, ...]) -> AxisScale:
    low, high = min(values), max(values)
    return AxisScale(low, high) if low < high else AxisScale(low - 0.5, high + 0.5)


def _axis(scale: AxisScale, columns: int) -> tuple[str, str]:
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


def _cells(
    scatter: Scatter, x: AxisScale, y: AxisScale, columns: int, rows: int, *, coloured: bool
) -> list[list[Cell]]:
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
