"""Columns in a table, and one column in detail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlcli.data.tables.histogram import N_BINS
from mlcli.eda.association import MAX_CLASSES, class_order
from mlcli.eda.columns import ColumnDistribution, NumberStatistics
from mlcli.eda.explore import ExploredTable
from mlcli.eda.highlights import (
    MEASURES,
    describe_associations,
    range_of,
    show_association,
    show_column_value,
    summarise_distribution,
)
from mlcli.io.text import counted, shorten, show_number, show_percent
from mlcli.terminal.drawing import (
    BAR,
    COLOURS,
    FAINT,
    HEADING,
    NO_BREAK,
    SECOND,
    Canvas,
    column_chart,
    cut_to,
    draw_bar,
    fitted,
    line,
    longest,
    wrapped,
)
from mlcli.terminal.plot import sparkline

if TYPE_CHECKING:
    from rich.text import Text

# Lines of a histogram; cells of one of its bins, of a category's label and of its bar, at most.
ROWS, TALL_ROWS, MAX_EACH = 6, 10, 4
MAX_LABEL, MAX_BAR = 24, 40
QUANTILE_NAMES = {
    "min": "min", "q05": "5 % ≤", "q25": "25 % ≤", "median": "median", "q75": "75 % ≤", "q95": "95 % ≤", "max": "max",
}  # fmt: skip
# Columns listed unless all are asked for; categories with a bar each.
MAX_COLUMNS, MAX_BARS = 30, N_BINS // 2
# Cells of the parts of a line.
MIN_NAME, MAX_NAME, MAX_SUMMARY, MISSING, ASSOCIATION, STRENGTH = 8, 30, 60, 7, 6, 6
GAP = "  "
# Widths of the terminal from which there is room for a bar of the association, and for the target along the bins.
ROOM_FOR_BAR, ROOM_FOR_TARGET = 100, 120


def draw_column(column: ColumnDistribution, table: ExploredTable, canvas: Canvas) -> Iterator[Text]:
    """Its statistics and its distribution, over all rows and class by class."""
    yield line((cut_to(column.name, canvas.width), HEADING))
    facts = [f"{column.role}, {column.kind}", f"{column.distinct:,} distinct values"]
    share = show_percent(column.missing_share)
    facts.append(f"{column.missing:,} missing ({share})" if column.missing else "no missing values")
    if (found := column.association) is not None:
        facts.append(f"association with {found.target}: {show_association(column)} ({MEASURES[found.measure]})")
    for text in wrapped("  " + "; ".join(facts), canvas.width, "  "):
        yield line((text, FAINT))
    if column.numbers is not None:
        yield from histogram_lines(column, canvas, TALL_ROWS if canvas.is_tall else ROWS)
        yield from _class_lines(column, column.numbers, table, canvas)
    else:
        yield from _category_lines(column, table, canvas)


def histogram_lines(column: ColumnDistribution, canvas: Canvas, height: int) -> Iterator[Text]:
    """The bins as bars over their range, with the quantiles below."""
    numbers = column.numbers
    if numbers is None:
        return
    if len(column.counts) > 1:
        label = len(f"{max(column.counts):,}")
        each = max(1, min(MAX_EACH, (canvas.width - label - 4) // len(column.counts)))
        for row, drawn in enumerate(column_chart(column.counts, height, each)):
            mark = f"{max(column.counts):,}" if row == 0 else ""
            yield line((f"  {mark:>{label}} ", FAINT), (drawn[: canvas.width - label - 3], BAR))
        low, high = range_of(column)
        across = max(1, len(column.counts) * each - len(low) - len(high))
        yield line((cut_to(f"  {'':{label}} {low}{' ' * across}{high}", canvas.width), FAINT))
    parts = [f"{name} {show_column_value(column, numbers.quantiles[key])}" for key, name in QUANTILE_NAMES.items()]
    if column.kind == "number":
        parts.append(f"mean {show_number(numbers.mean)} ± {show_number(numbers.std)}")
    whole = " · ".join(part.replace(" ", NO_BREAK) for part in parts)
    for text in wrapped(f"  {whole}", canvas.width, "  "):
        yield line(text)


def _class_lines(
    column: ColumnDistribution, numbers: NumberStatistics, table: ExploredTable, canvas: Canvas
) -> Iterator[Text]:
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
            low, middle, high = (show_column_value(column, one) for one in quartiles)
            text = f"median {middle}, quartiles {low} and {high}"
        drawn = column_chart(column.by_class[place])[0]
        rest = canvas.width - label - len(drawn) - 6
        yield line(f"  {fitted(name, label)}  ", (drawn, COLOURS[place]), f"  {cut_to(text, rest)}")


def _category_lines(column: ColumnDistribution, table: ExploredTable, canvas: Canvas) -> Iterator[Text]:
    """A bar a category, with the mean target or the most frequent class of its rows."""
    total = max(1, sum(column.counts) + column.others)
    most = max(column.counts, default=0)
    label = min(MAX_LABEL, canvas.width // 3, longest(list(column.labels)))
    count = len(f"{most:,}")
    targets = [_describe_target(column, place, table) for place in range(len(column.counts))]
    room = max(1, min(MAX_BAR, canvas.width - label - count - 18 - longest(targets)))
    for name, rows, text in zip(column.labels, column.counts, targets, strict=True):
        bar = fitted(draw_bar(rows / max(1, most), room), room)
        known = f"  {rows:>{count},} {show_percent(rows / total):>7}  "
        yield line(f"  {fitted(name, label)}  ", (bar, BAR), known, (cut_to(text, canvas.width // 3), SECOND))
    if column.others:
        left = column.distinct - len(column.labels)
        yield line(
            (
                cut_to(
                    f"  … and {counted(left, 'more category', 'more categories')} of {counted(column.others, 'row')}",
                    canvas.width,
                ),
                FAINT,
            )
        )


def _describe_target(column: ColumnDistribution, place: int, table: ExploredTable) -> str:
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


@dataclass(frozen=True)
class Part:
    """A part of each line of the table: its title, its cells, and a column's text and style there."""

    title: str
    width: int
    show: Callable[[ColumnDistribution], tuple[str, str]]
    right: bool = False


def draw_table(table: ExploredTable, canvas: Canvas, *, every: bool) -> Iterator[Text]:
    """A line a column; those with the strongest association with the target come first."""
    shown = table.columns if every else table.columns[:MAX_COLUMNS]
    if not shown:
        return
    parts = _lay_out(shown, table, canvas)
    yield line((GAP.join(fitted(part.title, part.width, right=part.right) for part in parts), HEADING))
    for column in shown:
        cells = [(part, *part.show(column)) for part in parts]
        texts = [(fitted(text, part.width, right=part.right), style) for part, text, style in cells]
        yield line(*[piece for text in texts for piece in (text, GAP)][:-1])
    if left := len(table.columns) - len(shown):
        text = f"… and {counted(left, 'more column')}; --all shows all, --column NAME shows one in detail"
        yield line((cut_to(text, canvas.width), FAINT))
    title, meaning = describe_associations(shown)
    if any(part.title == title for part in parts):
        for text in wrapped(f"{title}: {meaning}", canvas.width):
            yield line((text, FAINT))


def _lay_out(columns: Sequence[ColumnDistribution], table: ExploredTable, canvas: Canvas) -> list[Part]:
    """The parts that fit; on a narrow terminal only the name and the distribution."""
    name = min(MAX_NAME if canvas.width >= ROOM_FOR_BAR else 18, longest([column.name for column in columns]))
    named = Part("column", max(MIN_NAME, name), lambda one: (one.name, "" if len(one.counts) > 1 else FAINT))
    left = [Part("distribution", N_BINS, lambda one: (column_sparkline(one), BAR))]
    if canvas.width >= ROOM_FOR_TARGET and any(map(target_sparkline, columns)):
        target = table.targets[0].name if table.targets else ""
        along = f"share of {shorten(max(table.classes), 14)}" if table.classes else f"mean {shorten(target, 18)}"
        left.append(Part(along, N_BINS, lambda one: (target_sparkline(one), SECOND)))
    right = []
    if any(column.missing for column in columns):
        right.append(Part("missing", MISSING, _show_missing, right=True))
    if any(column.associations for column in columns):
        title, _ = describe_associations(columns)
        right.append(Part(title, ASSOCIATION, lambda one: (show_association(one), ""), right=True))
        if canvas.width >= ROOM_FOR_BAR:
            right.append(Part("", STRENGTH, lambda one: (draw_bar(max(0.0, one.strength), STRENGTH), BAR)))
    room = canvas.width - sum(part.width + len(GAP) for part in (named, *left, *right))
    if room < MIN_NAME:
        return [replace(named, width=max(1, min(named.width, canvas.width - N_BINS - len(GAP)))), left[0]]
    summary = min(room, MAX_SUMMARY, max(MIN_NAME, longest([summarise_distribution(column) for column in columns])))
    return [named, *left, Part("values", summary, lambda one: (summarise_distribution(one), "")), *right]


def _show_missing(column: ColumnDistribution) -> tuple[str, str]:
    return (show_percent(column.missing_share), SECOND) if column.missing else ("–", FAINT)


def column_sparkline(column: ColumnDistribution) -> str:
    """A histogram of numbers; separate bars of categories."""
    if column.numbers is not None:
        return column_chart(column.counts)[0] if len(column.counts) > 1 else ""
    return " ".join(column_chart(column.counts[:MAX_BARS])[0])


def target_sparkline(column: ColumnDistribution) -> str:
    """The mean target, or the share of the last class, over the bins or categories."""
    if column.numbers is not None:
        return sparkline(column.target_trend) if len(column.target_trend) > 1 else ""
    return " ".join(sparkline(column.target_trend[:MAX_BARS]))
