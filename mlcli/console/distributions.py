"""Columns in a table: the shape of each, and what it tells of the target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlcli.console.bars import heights, lying, towers
from mlcli.console.canvas import BAR, FAINT, HEADING, SECOND, Canvas, line
from mlcli.console.cells import cut_to, fitted, longest, wrapped
from mlcli.data.histogram import N_BINS
from mlcli.evaluation.names import shorten
from mlcli.evaluation.show import show_percent
from mlcli.exploration.columns import ColumnPicture
from mlcli.exploration.table import ExploredTable
from mlcli.exploration.words import MEASURES, gist_of, tells_of

if TYPE_CHECKING:
    from rich.text import Text

# Columns shown unless all are asked for.
MAX_COLUMNS = 30
# Categories that are a bar each.
MAX_BARS = N_BINS // 2
MIN_NAME, MAX_NAME, MAX_GIST = 8, 30, 60
MISSING, TELLS, TELLS_BAR = 7, 6, 6
GAP = "  "
# Widths of the terminal from which there is room for a bar of what a column tells, and for the target along it.
ROOM_FOR_BAR, ROOM_FOR_ALONG = 100, 120


@dataclass(frozen=True)
class Layout:
    """Cells of each part of a line; 0 where it is left out."""

    name: int
    shape: int
    along: int
    gist: int
    missing: int
    tells: int
    bar: int


def table_lines(table: ExploredTable, canvas: Canvas, *, every: bool) -> Iterator[Text]:
    """A line a column, first those that tell most."""
    shown = table.columns if every else table.columns[:MAX_COLUMNS]
    if not shown:
        return
    layout = _lay_out(shown, table, canvas)
    yield line((_header(layout, table), HEADING))
    for column in shown:
        yield _column_line(column, layout)
    if len(shown) < len(table.columns):
        left = len(table.columns) - len(shown)
        text = f"… and {left:,} more columns; --all shows them, --column NAME shows one in detail"
        yield line((cut_to(text, canvas.width), FAINT))
    for text in wrapped(_legend(shown, layout), canvas.width):
        yield line((text, FAINT))


def _lay_out(columns: Sequence[ColumnPicture], table: ExploredTable, canvas: Canvas) -> Layout:
    missing = MISSING if any(column.missing for column in columns) else 0
    tells = TELLS if any(column.ties for column in columns) else 0
    bar = TELLS_BAR if tells and canvas.width >= ROOM_FOR_BAR else 0
    along = N_BINS if canvas.width >= ROOM_FOR_ALONG and any(map(along_of, columns)) else 0
    name = min(MAX_NAME if canvas.width >= ROOM_FOR_BAR else 18, longest([column.name for column in columns]))
    name = max(MIN_NAME, name)
    fixed = sum(size + len(GAP) for size in (N_BINS, along, missing, tells, bar) if size)
    gist = max(0, min(MAX_GIST, canvas.width - name - fixed - len(GAP)))
    if gist < MIN_NAME:  # a narrow terminal: name and shape
        return Layout(max(1, min(name, canvas.width - N_BINS - len(GAP))), N_BINS, 0, 0, 0, 0, 0)
    gist = min(gist, max(MIN_NAME, longest([gist_of(column) for column in columns])))
    return Layout(name, N_BINS, along, gist, missing, tells, bar)


def _header(layout: Layout, table: ExploredTable) -> str:
    target = table.targets[0].name if table.targets else ""
    classes = sorted(table.classes)
    along = f"share of {shorten(classes[-1], 14)}" if classes else f"mean {shorten(target, 18)}"
    parts = (
        (fitted("column", layout.name), layout.name),
        (fitted("distribution", layout.shape), layout.shape),
        (fitted(along, layout.along), layout.along),
        (fitted("values", layout.gist), layout.gist),
        (fitted("missing", layout.missing, right=True), layout.missing),
        (fitted("tells", layout.tells, right=True), layout.tells),
    )
    return GAP.join(text for text, size in parts if size)


def _column_line(column: ColumnPicture, layout: Layout) -> Text:
    faint = "" if column.counts and len(column.counts) > 1 else FAINT
    parts = [
        (fitted(column.name, layout.name), faint),
        (fitted(shape_of(column), layout.shape), BAR),
    ]
    if layout.along:
        parts.append((fitted(along_of(column), layout.along), SECOND))
    if layout.gist:
        parts.append((fitted(gist_of(column), layout.gist), ""))
    if layout.missing:
        share = _missing(column)
        parts.append((fitted(share, layout.missing, right=True), SECOND if column.missing else FAINT))
    if layout.tells:
        parts.append((fitted(tells_of(column), layout.tells, right=True), ""))
    if layout.bar:
        parts.append((fitted(lying(max(0.0, column.strength), layout.bar), layout.bar), BAR))
    spaced = [part for one in parts for part in (one, GAP)][:-1]
    return line(*spaced)


def shape_of(column: ColumnPicture) -> str:
    """Numbers as a histogram, categories as bars apart."""
    if column.numbers is not None:
        return towers(column.counts)[0] if len(column.counts) > 1 else ""
    return " ".join(towers(column.counts[:MAX_BARS])[0])


def along_of(column: ColumnPicture) -> str:
    """How the target goes with the bins or categories."""
    if column.numbers is not None:
        return heights(column.along) if len(column.along) > 1 else ""
    return " ".join(heights(column.along[:MAX_BARS]))


def _missing(column: ColumnPicture) -> str:
    return show_percent(column.missing_share) if column.missing else "–"


def _legend(columns: Sequence[ColumnPicture], layout: Layout) -> str:
    if not layout.tells:
        return ""
    measures = {column.tie.measure for column in columns if column.tie is not None}
    named = ", ".join(text for measure, text in MEASURES.items() if measure in measures)
    return f"tells: how far the column alone tells the target, 0 to 1 ({named})"
