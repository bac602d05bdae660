"""Data as pictures on standard output: to look at it is all that is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlcli.console.balance import class_lines
from mlcli.console.canvas import HEADING, Canvas, line, paint, standard_output
from mlcli.console.cells import cut_to, wrapped
from mlcli.console.column_detail import detail_lines, histogram_lines
from mlcli.console.correlated import correlation_lines
from mlcli.console.distributions import table_lines
from mlcli.console.pictured import picture_lines
from mlcli.console.scattered import scatter_lines
from mlcli.evaluation.names import shorten
from mlcli.exploration.pictures import ExploredPictures
from mlcli.exploration.table import ExploredTable
from mlcli.exploration.words import SPLITS

if TYPE_CHECKING:
    from rich.text import Text

    from mlcli.console.screen import Screen
    from mlcli.exploration.outcome import ShowOutcome

TARGET_ROWS = 4


def show_explored(screen: Screen, outcome: ShowOutcome, *, every: bool = False) -> None:
    """All of it, as large as the terminal allows."""
    if screen.quiet:
        return
    console, canvas = standard_output()
    paint(explored_lines(outcome, canvas, every=every), console)


def explored_lines(outcome: ShowOutcome, canvas: Canvas, *, every: bool = False) -> Iterator[Text]:
    """What `show_explored` prints; no line is longer than the canvas is wide."""
    for one in _lines(outcome, canvas, every=every):
        one.rstrip()
        if (excess := one.cell_len - canvas.width) > 0:
            one.right_crop(excess)
        yield one


def _lines(outcome: ShowOutcome, canvas: Canvas, *, every: bool) -> Iterator[Text]:
    """The target, what is worth a look first, then every column; or the columns asked for, each in detail."""
    yield line((cut_to(_head(outcome), canvas.width), "bold"))
    match outcome.explored:
        case ExploredTable() as table if outcome.asked:
            for column in (*table.targets, *table.columns):
                yield line()
                yield from detail_lines(column, table, canvas)
            yield from _between(table, canvas)
        case ExploredTable() as table:
            yield from _targets(table, canvas, every=every)
            yield from _notes(outcome, canvas)
            yield line()
            yield from table_lines(table, canvas, every=every)
            yield from _between(table, canvas)
        case ExploredPictures() as pictures:
            yield line()
            yield line(("Classes", HEADING))
            yield from class_lines(pictures.classes, canvas, every=every, coloured=False)
            yield from _notes(outcome, canvas)
            yield line()
            yield from picture_lines(pictures, canvas, every=every)


def _between(table: ExploredTable, canvas: Canvas) -> Iterator[Text]:
    """What columns have to do with each other."""
    if table.scatter is not None:
        yield line()
        yield from scatter_lines(table.scatter, canvas)
    if table.correlations is not None and len(table.correlations.names) > 2:
        yield line()
        yield from correlation_lines(table.correlations, canvas)


def _head(outcome: ShowOutcome) -> str:
    found, rows = outcome.explored, f"{outcome.config}: {outcome.rows:,} {SPLITS[outcome.split]} rows"
    if isinstance(found, ExploredPictures):
        return f"{rows}, {len(found.classes):,} classes"
    some = f" ({found.looked_at:,} of them drawn)" if found.looked_at < outcome.rows else ""
    n = len(found.columns)
    return f"{rows}{some}" if outcome.asked else f"{rows}{some}, {n:,} feature column{'' if n == 1 else 's'}"


def _targets(table: ExploredTable, canvas: Canvas, *, every: bool) -> Iterator[Text]:
    for target in table.targets:
        yield line()
        yield line((f"Target: {cut_to(shorten(target.name, 60), canvas.width - 8)}", HEADING))
        if table.classes:
            yield from class_lines(table.classes, canvas, every=every, coloured=True)
        else:
            yield from histogram_lines(target, canvas, TARGET_ROWS)


def _notes(outcome: ShowOutcome, canvas: Canvas) -> Iterator[Text]:
    if outcome.notes:
        yield line()
        yield line(("Worth a look", HEADING))
    for note in outcome.notes:
        for text in wrapped(f"  · {note}", canvas.width, "    "):
            yield line(text)
