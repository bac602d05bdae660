"""The explored data as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.eda.association import MAX_CLASSES, Scatter, class_order
from mlcli.eda.columns import ColumnDistribution
from mlcli.eda.explore import ExploredImages, ExploredTable, ShowResult
from mlcli.eda.highlights import MEASURES, SPLITS, describe_associations, range_of, show_association, show_column_value
from mlcli.errors import UsageError
from mlcli.io.atomic import write_file
from mlcli.io.text import counted, show_number, show_percent
from mlcli.reports.figures.columns import draw_correlations, draw_plane
from mlcli.reports.figures.style import PALETTE, color_of, svg_text
from mlcli.reports.html import draw_histogram, render

if TYPE_CHECKING:
    from markupsafe import Markup

ENDINGS = (".html", ".htm")
# Columns and classes shown without unfolding; columns on the page; categories with a bar each.
MAX_OPEN, MAX_CARDS, MAX_BARS = 30, 200, 8
# Colour of the rows of other classes.
REST = "#c9d0d6"


@dataclass(frozen=True)
class Level:
    """A category or class: its rows as text, and the parts of its bar as (colour, per cent of the full width)."""

    name: str
    rows: str
    share: str
    parts: tuple[tuple[str, float], ...]
    note: str = ""


@dataclass(frozen=True)
class Card:
    """A column: its association with the target, its facts in words, and its histogram or its levels."""

    name: str
    kind: str
    association: str
    measure: str
    facts: str
    missing: float
    shape: Markup | None
    low: str
    high: str
    levels: tuple[Level, ...]
    more: str


def require_page_name(path: Path) -> None:
    """Raise UsageError where the name does not end in .html or .htm."""
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path}: the page is HTML; give a name that ends in .html")


def write_data_page(result: ShowResult, path: Path) -> None:
    """Write the page to a file, whole or not at all."""
    write_file(path, render_data_page(result).encode())


def render_data_page(result: ShowResult) -> str:
    """The page, which loads nothing and runs nothing; all text from the data is escaped."""
    explored = result.explored
    table = explored if isinstance(explored, ExploredTable) else None
    return render(
        "data.html.j2",
        facts=result,
        split=SPLITS[result.split],
        table=table,
        images=explored if isinstance(explored, ExploredImages) else None,
        classes=class_levels(explored.classes, coloured=table is not None),
        targets=[card_of(column, table) for column in table.targets if not table.classes] if table else [],
        cards=[card_of(column, table) for column in table.columns[:MAX_CARDS]] if table else [],
        associations=describe_associations(table.columns[:MAX_CARDS])[1] if table else "",
        left_out=max(0, len(table.columns) - MAX_CARDS) if table else 0,
        figures=_figures(table) if table else {},
        projections={name: _plane(points) for name, points in result.projections.items()},
        max_open=MAX_OPEN,
    )


def _figures(table: ExploredTable) -> dict[str, str]:
    """SVG documents by name."""
    figures = {}
    if table.scatter is not None and table.scatter.x:
        figures["points"] = _plane(table.scatter)
    if (found := table.correlations) is not None and len(found.names) > 2:
        figures["correlations"] = svg_text(draw_correlations(found.names, found.r))
    return figures


def _plane(points: Scatter) -> str:
    names = (points.x_name, points.y_name)
    figure = draw_plane(names, points.x, points.y, points.groups, points.group, points.n_rows, points.grouped_by)
    return svg_text(figure)


def class_levels(classes: Mapping[str, int], *, coloured: bool) -> list[Level]:
    """A bar per class in its colour; grey for classes beyond those that columns are counted by."""
    names = class_order(classes)
    most, total = max(classes.values(), default=0), max(1, sum(classes.values()))
    colours = [*_colours(classes), *[REST] * len(names)] if coloured else [PALETTE[0]] * len(names)
    return [
        Level(name, f"{rows:,}", show_percent(rows / total), ((colour, _per_cent(rows, most)),))
        for name, rows, colour in zip(names, map(classes.__getitem__, names), colours, strict=False)
    ]


def card_of(column: ColumnDistribution, table: ExploredTable) -> Card:
    """A column as a card."""
    low, high = range_of(column)
    left = column.distinct - MAX_BARS
    rest = column.others + sum(column.counts[MAX_BARS:])
    return Card(
        name=column.name,
        kind=column.kind,
        association="" if column.association is None else show_association(column),
        measure="" if column.association is None else MEASURES[column.association.measure],
        facts="; ".join(_facts(column)),
        missing=round(100 * column.missing_share, 1),
        shape=_histogram(column, table) if column.numbers and len(column.counts) > 1 else None,
        low=low,
        high=high,
        levels=() if column.numbers else tuple(_levels(column, table)),
        more=f"and {left:,} more of {counted(rest, 'row')}" if column.labels and left > 0 else "",
    )


def _colours(classes: Mapping[str, int]) -> list[str]:
    n = min(MAX_CLASSES, len(classes))
    return [color_of(place, n) for place in range(n)]


def _histogram(column: ColumnDistribution, table: ExploredTable) -> Markup:
    layers, colours = [list(counts) for counts in column.by_class], _colours(table.classes)
    if not layers:
        return draw_histogram([column.counts], [PALETTE[0]], column.target_trend)
    rest = [all_ - sum(parts) for all_, *parts in zip(column.counts, *layers, strict=True)]
    return draw_histogram([*layers, rest], [*colours, REST])


def _facts(column: ColumnDistribution) -> Iterator[str]:
    numbers = column.numbers
    if numbers is not None and numbers.edges:
        q25, median, q75 = (show_column_value(column, numbers.quantiles[key]) for key in ("q25", "median", "q75"))
        yield f"median {median}, quartiles {q25} and {q75}"
        if column.kind == "number":
            yield f"mean {show_number(numbers.mean)} ± {show_number(numbers.std)}"
        low, high = (show_column_value(column, numbers.quantiles[key]) for key in ("min", "max"))
        if (low, high) != range_of(column):
            yield f"range {low} to {high}, outliers in the outer bins"
    elif numbers is not None:
        yield f"constant: {show_column_value(column, numbers.quantiles['min'])}"
    if column.missing:
        yield f"{column.missing:,} missing ({show_percent(column.missing_share)})"


def _levels(column: ColumnDistribution, table: ExploredTable) -> Iterator[Level]:
    total, most = max(1, sum(column.counts) + column.others), max(column.counts, default=0)
    colours = _colours(table.classes)
    for place, (name, rows) in enumerate(zip(column.labels[:MAX_BARS], column.counts, strict=False)):
        own = [counts[place] for counts in column.by_class]
        counted = [*zip(colours, own, strict=True), (REST, rows - sum(own))] if own else [(PALETTE[0], rows)]
        mean = column.target_means[place] if column.target_means else None
        yield Level(
            name,
            f"{rows:,}",
            show_percent(rows / total),
            tuple((colour, _per_cent(count, most)) for colour, count in counted if count),
            "" if mean is None else f"mean {show_number(mean)}",
        )


def _per_cent(count: int, most: int) -> float:
    return round(100 * count / max(1, most), 2)
