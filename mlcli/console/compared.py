"""Runs side by side, on stdout."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from textwrap import wrap

import typer

from mlcli.console.runs import cut_middle
from mlcli.console.screen import Screen
from mlcli.evaluation.show import show_number
from mlcli.ledger.comparison import Comparison
from mlcli.ledger.curves import Series, curves_of, sparklines
from mlcli.ledger.tables import TextTable, tables_of
from mlcli.printable import printable

GAP = "  "
MIN_COLUMN, MAX_WIDTH = 12, 120
# Bars of a curve, at most.
BARS = 40
# Letters of a curve's first and last value, and the gaps around them.
ENDS = 30
STYLES = {"better": "green", "worse": "red"}


def show_comparison(screen: Screen, comparison: Comparison) -> None:
    """Tables one after the other, and each run's course as a row of bars."""
    if screen.quiet:
        return
    width = min(MAX_WIDTH, shutil.get_terminal_size((100, 24)).columns)
    for table in tables_of(comparison):
        for line in render_table(table, width):
            typer.echo(line)
    for quantity, series in curves_of(comparison).items():
        for line in render_curves(quantity, series, width):
            typer.echo(line)


def render_table(table: TextTable, width: int) -> Iterator[str]:
    """The lines of a table; cells that are too long for the terminal go on in the next line."""
    yield from (typer.style(line, fg="cyan", bold=True) for line in wrap(printable(table.title), width))
    if table.note:
        yield from (f"  {line}" for line in wrap(printable(table.note), width - 2))
    if table.rows:
        rows = [tuple(map(printable, row)) for row in (table.columns, *table.rows)]
        widths = _fit(rows, width - 2)
        for at, row in enumerate(rows):
            style = {"bold": True} if at == 0 else {"fg": STYLES.get(row[-1])}
            yield from (typer.style(f"  {line}", **style) for line in _lines(row, widths))
    yield ""


def render_curves(quantity: str, series: Series, width: int) -> Iterator[str]:
    """A row of bars a run, from its first value to its last."""
    names = {run: printable(run) for run in series}
    left = min(max(map(len, names.values())), width // 3)
    bars = sparklines(series, max(MIN_COLUMN, min(BARS, width - left - ENDS)))
    yield typer.style(printable(f"{quantity[0].upper()}{quantity[1:]}"), fg="cyan", bold=True)
    for run, values in series.items():
        if known := [value for value in values if value is not None]:
            ends = f"{show_number(known[0])} → {show_number(known[-1])}"
            yield f"  {cut_middle(names[run], left).ljust(left)}{GAP}{bars[run]}{GAP}{ends}"
    yield ""


def _fit(rows: Sequence[tuple[str, ...]], width: int) -> list[int]:
    """Widths of the columns: what they need or, where that is too much, less for the widest; the first gives last."""
    first, *rest = (max(map(len, column)) for column in zip(*rows, strict=True))
    room = width - len(GAP) * len(rest)
    while first + sum(rest) > room and max(rest) > MIN_COLUMN:
        rest[rest.index(max(rest))] -= 1
    return [max(MIN_COLUMN, min(first, room - sum(rest))), *rest]


def _lines(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    cells = [wrap(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
    for at in range(max(map(len, cells))):
        parts = [(cell[at] if at < len(cell) else "").ljust(width) for cell, width in zip(cells, widths, strict=True)]
        yield GAP.join(parts).rstrip()
