"""Data as charts on standard output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mlcli.eda.association import MAX_CLASSES, Correlations, class_order
from mlcli.eda.explore import ExploredImages, ExploredTable
from mlcli.eda.highlights import SPLITS
from mlcli.io.text import shorten, show_percent
from mlcli.terminal.drawing import (
    BAR,
    COLOURS,
    FAINT,
    HEADING,
    Canvas,
    cut_to,
    draw_bar,
    fitted,
    line,
    longest,
    paint,
    standard_output,
    wrapped,
)
from mlcli.terminal.show_columns import draw_column, draw_histogram, draw_table
from mlcli.terminal.show_points import draw_images, draw_scatter

if TYPE_CHECKING:
    from rich.text import Text

    from mlcli.eda.explore import ShowResult
    from mlcli.terminal.screen import Screen

# Cells of a class's label and of its bar, at most; of the blanks, the share and the gaps beside them.
MAX_LABEL, MAX_BAR, FRAME = 24, 60, 15
# Cells of a correlation and of a column's name; columns of the table at most.
CELL, MAX_NAME, MAX_SHOWN = 6, 22, 20
# Styles of positive and of negative correlations, from each |r| on.
RISING = ((0.8, "bold white on #0a5c93"), (0.5, "white on #2b6f9e"), (0.2, "bright_blue"))
FALLING = ((0.8, "bold white on #a34700"), (0.5, "white on #b3672c"), (0.2, "yellow"))
TARGET_ROWS = 4


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
    yield line((cut_to(_head(result), canvas.width), "bold"))
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
        case ExploredImages() as pictures:
            yield line()
            yield line(("Classes", HEADING))
            yield from draw_classes(pictures.classes, canvas, every=every, coloured=False)
            yield from _notes(result, canvas)
            yield line()
            yield from draw_images(pictures, canvas, every=every)


def _between(table: ExploredTable, canvas: Canvas) -> Iterator[Text]:
    """A scatter plot and the correlations."""
    if table.scatter is not None:
        yield line()
        yield from draw_scatter(table.scatter, canvas)
    if table.correlations is not None and len(table.correlations.names) > 2:
        yield line()
        yield from draw_correlations(table.correlations, canvas)


def _head(result: ShowResult) -> str:
    found, rows = result.explored, f"{result.config}: {result.rows:,} {SPLITS[result.split]} rows"
    if isinstance(found, ExploredImages):
        return f"{rows}, {len(found.classes):,} classes"
    some = f" (charts of {found.looked_at:,} of them)" if found.looked_at < result.rows else ""
    n = len(found.columns)
    return f"{rows}{some}" if result.asked else f"{rows}{some}, {n:,} feature column{'' if n == 1 else 's'}"


def _targets(table: ExploredTable, canvas: Canvas, *, every: bool) -> Iterator[Text]:
    for target in table.targets:
        yield line()
        yield line((f"Target: {cut_to(shorten(target.name, 60), canvas.width - 8)}", HEADING))
        if table.classes:
            yield from draw_classes(table.classes, canvas, every=every, coloured=True)
        else:
            yield from draw_histogram(target, canvas, TARGET_ROWS)


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
        text = f"  … and {len(left):,} more classes of {fewest:,} to {most:,} rows; --all shows them"
        yield line((cut_to(text, canvas.width), FAINT))


def draw_correlations(found: Correlations, canvas: Canvas) -> Iterator[Text]:
    """The triangle below the diagonal; its columns are numbered."""
    name = min(MAX_NAME, longest(list(found.names)))
    room = (canvas.width - name - 4) // CELL + 1
    shown = min(len(found.names), MAX_SHOWN, room)
    if shown < 2:
        return
    yield line((cut_to("Correlation of numbers (Pearson's r)", canvas.width), HEADING))
    for row in range(shown):
        cells = [_cell(found.r[row][column]) for column in range(row)]
        yield line((f"{row + 1:>2} ", FAINT), fitted(found.names[row], name), " ", *cells)
    numbers = "".join(f"{column + 1:>{CELL - 1}} " for column in range(shown - 1))
    yield line((f"   {'':{name}} {numbers}", FAINT))
    left = len(found.names) - shown + found.left_out
    if left:
        yield line((cut_to(f"… and {left:,} more numbers; --json lists them", canvas.width), FAINT))


def _cell(r: float | None) -> tuple[str, str]:
    if r is None:
        return f"{'–':^{CELL}}", FAINT
    text = f"{r:{CELL - 1}.2f} ".replace("-", "−")
    steps = RISING if r > 0 else FALLING
    return text, next((style for least, style in steps if abs(r) >= least), FAINT)
