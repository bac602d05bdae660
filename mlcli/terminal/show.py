"""Data as charts on standard output: the target, classes, images; columns are in show_columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from mlcli.eda.association import MAX_CLASSES, class_order
from mlcli.eda.explore import ClassImages, ExploredImages, ExploredTable
from mlcli.eda.highlights import SPLITS
from mlcli.io.text import counted, shorten, show_percent
from mlcli.terminal.drawing import (
    BAR,
    COLOURS,
    DOTS_ACROSS,
    DOTS_DOWN,
    FAINT,
    HEADING,
    Canvas,
    Pixels,
    cut_to,
    draw_bar,
    draw_braille,
    draw_half_blocks,
    fitted,
    line,
    longest,
    paint,
    resized,
    standard_output,
    wrapped,
)
from mlcli.terminal.show_columns import draw_column, draw_table, histogram_lines
from mlcli.terminal.show_pairs import correlation_lines, draw_scatter

if TYPE_CHECKING:
    from rich.text import Text

    from mlcli.eda.explore import ShowResult
    from mlcli.terminal.screen import Screen

# Cells of a class's label and of its bar, at most; of the blanks, the share and the gaps beside them.
MAX_LABEL, MAX_BAR, FRAME = 24, 60, 15
# Lines of a target's histogram.
TARGET_ROWS = 4
# Cells between two images, cells of an image's width where it has as many pixels, and lines around the images.
GAP, MIN_CELLS, OTHER_LINES = 2, 14, 10
MAX_EXAMPLES = 4
# Dots across, at least, of an image drawn in dots.
MIN_DOTS = 28


def show_explored(screen: Screen, result: ShowResult, *, every: bool = False) -> None:
    """The charts, as large as the terminal allows."""
    if screen.quiet:
        return
    console, canvas = standard_output()
    paint(explored_lines(result, canvas, every=every), console)


def explored_lines(result: ShowResult, canvas: Canvas, *, every: bool = False) -> Iterator[Text]:
    """What `show_explored` prints; no line is longer than the canvas is wide."""
    for one in _lines(result, canvas, every=every):
        one.rstrip()
        if (excess := one.cell_len - canvas.width) > 0:
            one.right_crop(excess)
        yield one


def _lines(result: ShowResult, canvas: Canvas, *, every: bool) -> Iterator[Text]:
    """The target, the highlights and every column; or the columns asked for, each in detail."""
    heading = f"{result.config}: {counted(result.rows, f'{SPLITS[result.split]} row')}"
    yield line((cut_to(heading + _describe_extent(result), canvas.width), "bold"))
    match result.explored:
        case ExploredTable() as table if result.asked:
            for column in (*table.targets, *table.columns):
                yield line()
                yield from draw_column(column, table, canvas)
            yield from _between(table, canvas)
        case ExploredTable() as table:
            yield from _targets(table, canvas, every=every)
            yield from _notes(result, canvas)
            yield line()
            yield from draw_table(table, canvas, every=every)
            yield from _between(table, canvas)
        case ExploredImages() as images:
            yield line()
            yield line(("Classes", HEADING))
            yield from draw_classes(images.classes, canvas, every=every, coloured=False)
            yield from _notes(result, canvas)
            yield line()
            yield from draw_images(images, canvas, every=every)


def _between(table: ExploredTable, canvas: Canvas) -> Iterator[Text]:
    """A scatter plot and the correlations."""
    if table.scatter is not None:
        yield line()
        yield from draw_scatter(table.scatter, canvas)
    if table.correlations is not None and len(table.correlations.names) > 2:
        yield line()
        yield from correlation_lines(table.correlations, canvas)


def _describe_extent(result: ShowResult) -> str:
    """How many classes or columns there are, and how many rows the charts are of."""
    found = result.explored
    if isinstance(found, ExploredImages):
        return f", {len(found.classes):,} classes"
    some = f" (charts of {found.looked_at:,} of them)" if found.looked_at < result.rows else ""
    n = len(found.columns)
    return some if result.asked else f"{some}, {counted(n, 'feature column')}"


def _targets(table: ExploredTable, canvas: Canvas, *, every: bool) -> Iterator[Text]:
    for target in table.targets:
        yield line()
        yield line((f"Target: {cut_to(shorten(target.name, 60), canvas.width - 8)}", HEADING))
        if table.classes:
            yield from draw_classes(table.classes, canvas, every=every, coloured=True)
        else:
            yield from histogram_lines(target, canvas, TARGET_ROWS)


def _notes(result: ShowResult, canvas: Canvas) -> Iterator[Text]:
    if result.notes:
        yield line()
        yield line(("Highlights", HEADING))
    for note in result.notes:
        for text in wrapped(f"  · {note}", canvas.width, "    "):
            yield line(text)


def draw_classes(classes: Mapping[str, int], canvas: Canvas, *, every: bool, coloured: bool) -> Iterator[Text]:
    """A bar per class with its rows and their share; coloured: in the colour of the class."""
    names = class_order(classes)
    shown = names if every else names[:MAX_CLASSES]
    total, most = max(1, sum(classes.values())), max(classes.values(), default=0)
    label = min(MAX_LABEL, canvas.width // 3, longest(list(shown)))
    count = len(f"{most:,}")
    room = max(1, min(MAX_BAR, canvas.width - label - count - FRAME))
    for place, name in enumerate(shown):
        rows = classes[name]
        colour = COLOURS[place] if coloured and place < len(COLOURS) else BAR
        bar = fitted(draw_bar(rows / max(1, most), room), room)
        yield line(f"  {fitted(name, label)}  ", (bar, colour), f"  {rows:>{count},}  {show_percent(rows / total):>7}")
    if left := names[len(shown) :]:
        fewest, most = classes[left[-1]], classes[left[0]]
        size = counted(most, "row") if fewest == most else f"{fewest:,} to {most:,} rows"
        text = f"  … and {counted(len(left), 'more class', 'more classes')} of {size}; --all shows them"
        yield line((cut_to(text, canvas.width), FAINT))


@dataclass(frozen=True)
class Grid:
    """Classes in a band; each image's height and width in pixels, and its size in cells and lines."""

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

    def fitting(bands: int) -> int:
        """Cells of an image's width."""
        return (canvas.width + GAP) // -(-n_classes // bands) - GAP

    enough = (count for count in range(1, n_classes) if fitting(count) >= min(needed, MIN_CELLS))
    bands = next(enough, n_classes)
    cells = max(1, min(needed, fitting(bands)))
    pixels = min(whole, cells * across)
    tall = max(1, round(height * pixels / width))
    lines = -(-tall // down)
    rows = (canvas.height - OTHER_LINES) // bands - 2
    examples = max(1, min(MAX_EXAMPLES, rows // (lines + 1) - 1))
    return Grid(-(-n_classes // bands), tall, pixels, cells, lines, examples)


def _band(classes: Sequence[ClassImages], found: ExploredImages, grid: Grid, canvas: Canvas) -> Iterator[Text]:
    yield line()
    blanks = " " * GAP
    yield line((blanks.join(fitted(one.name, grid.cells) for one in classes), "bold"))
    means: list[Pixels | None] = [one.mean for one in classes]
    examples = ([one.examples[k] if k < len(one.examples) else None for one in classes] for k in range(grid.examples))
    for row, images in enumerate(chain([means], examples)):
        if row:
            yield line()
        drawn = [_draw_image(image, found, grid, canvas) for image in images]
        for parts in zip(*drawn, strict=True):
            text = line()
            for at, part in enumerate(parts):
                text.append(blanks if at else "")
                text.append_text(part)
                text.append(" " * (grid.cells - part.cell_len))
            yield text


def _draw_image(image: Pixels | None, found: ExploredImages, grid: Grid, canvas: Canvas) -> list[Text]:
    """The lines of one image; blank ones where there is none."""
    if image is None:
        return [line() for _ in range(grid.lines)]
    pixels = resized(found.visible(image), grid.height, grid.width)
    return draw_half_blocks(pixels) if canvas.coloured else draw_braille(pixels)
