"""Columns in words, for a terminal and for a page alike."""

from __future__ import annotations

from datetime import datetime, timedelta

from mlcli.evaluation.columns import show_cell
from mlcli.exploration.columns import ColumnPicture

MEASURES = {
    "pearson": "r of numbers with numbers",
    "correlation_ratio": "correlation ratio of numbers by groups",
    "cramers_v": "Cramér's V of categories",
}
SPLITS = {"train": "training", "valid": "validation"}


def gist_of(column: ColumnPicture) -> str:
    """The values in a few words."""
    if column.numbers is not None:
        low, middle, high = (show_value(column, column.numbers.quantiles[key]) for key in ("min", "median", "max"))
        return f"{low} to {high}, median {middle}" if low != high else f"always {low}"
    total = sum(column.counts) + column.others
    if not total:
        return "all missing"
    first = [f"{label} {100 * count / total:.0f} %" for label, count in zip(column.labels, column.counts, strict=True)]
    return f"{column.distinct:,}: {', '.join(first)}"


def show_value(column: ColumnPicture, value: float) -> str:
    """A number of the column, or a date where it holds dates."""
    if column.kind != "date":
        return show_cell(value)
    moment = datetime(1970, 1, 1) + timedelta(days=value)
    return moment.isoformat(" ", "minutes").removesuffix(" 00:00")


def tells_of(column: ColumnPicture) -> str:
    """The strongest tie with a target, with its sign."""
    return "–" if column.tie is None else f"{column.tie.value:.2f}".replace("-", "−")


def range_of(column: ColumnPicture) -> tuple[str, str]:
    """What the first and the last bin hold."""
    if column.numbers is None or not column.numbers.edges:
        return "", ""
    quantiles, edges = column.numbers.quantiles, column.numbers.edges
    low, high = edges[0], edges[-1]
    if (low + 0.5).is_integer() and (edges[1] - low).is_integer():  # bins of whole numbers end between them
        low, high = low + 0.5, high - 0.5
    return show_value(column, max(low, quantiles["min"])), show_value(column, min(high, quantiles["max"]))
