"""Pictures class by class, side by side: what a class has in common, and examples below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from mlcli.console.canvas import FAINT, HEADING, Canvas, line
from mlcli.console.cells import cut_to, fitted, wrapped
from mlcli.console.halfblocks import DOTS_ACROSS, DOTS_DOWN, Pixels, dots, half_blocks, resized
from mlcli.exploration.pictures import ClassPictures, ExploredPictures
from mlcli.exploration.targets import MAX_CLASSES, class_order

if TYPE_CHECKING:
    from rich.text import Text

GAP = 2
# Cells of a picture's width, at least where it has as many pixels; lines of the terminal beside the pictures.
MIN_CELLS, BESIDE = 14, 10
MAX_EXAMPLES = 4
# Where a pixel is only a dot, smaller pictures are drawn in so many of them across.
ENOUGH_DOTS = 28


@dataclass(frozen=True)
class Grid:
    """Classes side by side, and the size of each picture in pixels and in cells."""

    per_band: int
    height: int
    width: int
    cells: int
    lines: int
    examples: int


def picture_lines(found: ExploredPictures, canvas: Canvas, *, every: bool) -> Iterator[Text]:
    """Bands of classes: a name, the mean picture, and examples below it."""
    by_name = {one.name: one for one in found.pictures if one.rows}
    names = [name for name in class_order(found.classes) if name in by_name]
    shown = [by_name[name] for name in (names if every else names[:MAX_CLASSES])]
    if not shown:
        return
    grid = _grid(found.shape, len(shown), canvas)
    size = " × ".join(map(str, found.shape))
    few = max(one.averaged for one in shown) < max(one.rows for one in shown)
    mean = f"the mean of up to {shown[0].averaged:,} pictures" if few else "the mean picture"
    yield line((cut_to(f"Pictures of {size} pixels", canvas.width), HEADING))
    below = f", {grid.examples} example{'' if grid.examples == 1 else 's'} below"
    for text in wrapped(f"each class: {mean}{below}", canvas.width):
        yield line((text, FAINT))
    for start in range(0, len(shown), grid.per_band):
        yield from _band(shown[start : start + grid.per_band], found, grid, canvas)


def _grid(shape: tuple[int, ...], n_classes: int, canvas: Canvas) -> Grid:
    """As few bands as leave the pictures wide enough to be seen."""
    height, width = shape[:2]
    across, down = (1, 2) if canvas.coloured else (DOTS_ACROSS, DOTS_DOWN)
    whole = width if canvas.coloured else max(width, ENOUGH_DOTS)
    needed = -(-whole // across)
    bands = 1
    while bands < n_classes and _room(n_classes, bands, canvas) < min(needed, MIN_CELLS):
        bands += 1
    cells = max(1, min(needed, _room(n_classes, bands, canvas)))
    pixels = min(whole, cells * across)
    tall = max(1, round(height * pixels / width))
    lines = -(-tall // down)
    rows = (canvas.height - BESIDE) // bands - 2
    examples = max(1, min(MAX_EXAMPLES, rows // (lines + 1) - 1))
    return Grid(-(-n_classes // bands), tall, pixels, cells, lines, examples)


def _room(n_classes: int, bands: int, canvas: Canvas) -> int:
    return (canvas.width + GAP) // -(-n_classes // bands) - GAP


def _band(classes: Sequence[ClassPictures], found: ExploredPictures, grid: Grid, canvas: Canvas) -> Iterator[Text]:
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


def _example(one: ClassPictures, place: int) -> Pixels | None:
    return one.examples[place] if place < len(one.examples) else None


def _draw(picture: Pixels | None, found: ExploredPictures, grid: Grid, canvas: Canvas) -> list[Text]:
    """The lines of one picture; blank ones where there is none."""
    if picture is None:
        return [line() for _ in range(grid.lines)]
    pixels = resized(found.visible(picture), grid.height, grid.width)
    return half_blocks(pixels) if canvas.coloured else dots(pixels)
