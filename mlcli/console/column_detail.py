"""One column in detail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlcli.console.bars import lying, towers
from mlcli.console.canvas import BAR, COLOURS, FAINT, HEADING, SECOND, Canvas, line
from mlcli.console.cells import NO_BREAK, cut_to, fitted, longest, wrapped
from mlcli.evaluation.show import show_number, show_percent
from mlcli.exploration.columns import ColumnPicture
from mlcli.exploration.summary import Numbers
from mlcli.exploration.table import ExploredTable
from mlcli.exploration.targets import MAX_CLASSES, class_order
from mlcli.exploration.words import MEASURES, range_of, show_value, tells_of

if TYPE_CHECKING:
    from rich.text import Text

ROWS, TALL_ROWS, MAX_EACH = 6, 10, 4
MAX_LABEL, MAX_BAR = 24, 40
QUANTILE_NAMES = {
    "min": "min", "q05": "5 % ≤", "q25": "25 % ≤", "median": "median", "q75": "75 % ≤", "q95": "95 % ≤", "max": "max",
}  # fmt: skip


def detail_lines(column: ColumnPicture, table: ExploredTable, canvas: Canvas) -> Iterator[Text]:
    """Its distribution, all together and class by class, and what is known of it in numbers."""
    yield line((cut_to(column.name, canvas.width), HEADING))
    for text in wrapped("  " + _facts(column), canvas.width, "  "):
        yield line((text, FAINT))
    if column.numbers is not None:
        yield from histogram_lines(column, canvas, TALL_ROWS if canvas.is_tall else ROWS)
        yield from _class_lines(column, column.numbers, table, canvas)
    else:
        yield from _category_lines(column, table, canvas)


def _facts(column: ColumnPicture) -> str:
    parts = [f"{column.role}, {column.kind}", f"{column.distinct:,} distinct values"]
    share = show_percent(column.missing_share)
    parts.append(f"{column.missing:,} missing ({share})" if column.missing else "none missing")
    if column.tie is not None:
        parts.append(f"tells {tells_of(column)} of {column.tie.target} ({MEASURES[column.tie.measure]})")
    return "; ".join(parts)


def histogram_lines(column: ColumnPicture, canvas: Canvas, height: int) -> Iterator[Text]:
    """The bins as towers over their range, with the quantiles below."""
    numbers = column.numbers
    if numbers is None:
        return
    if len(column.counts) > 1:
        label = len(f"{max(column.counts):,}")
        each = max(1, min(MAX_EACH, (canvas.width - label - 4) // len(column.counts)))
        for row, drawn in enumerate(towers(column.counts, height, each)):
            mark = f"{max(column.counts):,}" if row == 0 else ""
            yield line((f"  {mark:>{label}} ", FAINT), (drawn[: canvas.width - label - 3], BAR))
        low, high = range_of(column)
        across = max(1, len(column.counts) * each - len(low) - len(high))
        yield line((cut_to(f"  {'':{label}} {low}{' ' * across}{high}", canvas.width), FAINT))
    parts = [f"{name} {show_value(column, numbers.quantiles[key])}" for key, name in QUANTILE_NAMES.items()]
    if column.kind == "number":
        parts.append(f"mean {show_number(numbers.mean)} ± {show_number(numbers.std)}")
    whole = " · ".join(part.replace(" ", NO_BREAK) for part in parts)
    for text in wrapped(f"  {whole}", canvas.width, "  "):
        yield line(text)


def _class_lines(column: ColumnPicture, numbers: Numbers, table: ExploredTable, canvas: Canvas) -> Iterator[Text]:
    """The same bins for each class, with the middle half of its numbers."""
    if not column.by_class or len(column.counts) < 2:
        return
    names = class_order(table.classes)[:MAX_CLASSES]
    label = min(MAX_LABEL, canvas.width // 3, longest(list(names)))
    yield line()
    for place, name in enumerate(names):
        quartiles = numbers.by_class[place]
        text = "no rows"
        if quartiles is not None:
            low, middle, high = (show_value(column, one) for one in quartiles)
            text = f"median {middle}, half within {low} to {high}"
        drawn = towers(column.by_class[place])[0]
        rest = canvas.width - label - len(drawn) - 6
        yield line(f"  {fitted(name, label)}  ", (drawn, COLOURS[place]), f"  {cut_to(text, rest)}")


def _category_lines(column: ColumnPicture, table: ExploredTable, canvas: Canvas) -> Iterator[Text]:
    """A bar a category, and what its rows say of the target."""
    total = max(1, sum(column.counts) + column.others)
    most = max(column.counts, default=0)
    label = min(MAX_LABEL, canvas.width // 3, longest(list(column.labels)))
    count = len(f"{most:,}")
    told = [_told(column, place, table) for place in range(len(column.counts))]
    room = max(1, min(MAX_BAR, canvas.width - label - count - 18 - longest(told)))
    for name, rows, text in zip(column.labels, column.counts, told, strict=True):
        bar = fitted(lying(rows / max(1, most), room), room)
        known = f"  {rows:>{count},} {show_percent(rows / total):>7}  "
        yield line(f"  {fitted(name, label)}  ", (bar, BAR), known, (cut_to(text, canvas.width // 3), SECOND))
    if column.others:
        left = column.distinct - len(column.labels)
        yield line((cut_to(f"  … and {left:,} more categories of {column.others:,} rows", canvas.width), FAINT))


def _told(column: ColumnPicture, place: int, table: ExploredTable) -> str:
    """The mean target of a category's rows, or its most frequent class."""
    if column.target_means:
        mean = column.target_means[place]
        return "" if mean is None else f"mean target {show_number(mean)}"
    counts = [own[place] for own in column.by_class]
    if not sum(counts):
        return ""
    names = class_order(table.classes)
    best = len(counts) - 1 if len(counts) == 2 else counts.index(max(counts))
    return f"{names[best]} {100 * counts[best] / sum(counts):.0f} %"
