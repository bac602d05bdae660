"""Highlights: what to look at first in the data, and summaries of columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from mlcli.data.notes import show_cell
from mlcli.data.profile import is_imbalanced
from mlcli.eda.columns import ColumnDistribution
from mlcli.eda.explore import ExploredImages, ExploredTable
from mlcli.io.text import shorten, show_percent, some_of

MEASURES = {
    "pearson": "r of numbers with numbers",
    "correlation_ratio": "correlation ratio of numbers by groups",
    "cramers_v": "Cramér's V of categories",
    "auc": "AUC of the column alone as a score of a class against the rest",
}
SPLITS = {"train": "training", "valid": "validation"}
# Two columns are highly correlated from this |r| on, a column is nearly constant from this share of its mode on, and
# strongly skewed from this |skew| on.
HIGH_CORRELATION, CONSTANT_SHARE, STRONG_SKEW = 0.9, 0.9, 3.0
# Of so many distinct numbers, the highest is the mode, in this share of the rows, where a scale was capped.
CAPPED_DISTINCT, CAPPED_SHARE = 30, 0.02
LISTED = 3
LETTERS = 28


def summarise_distribution(column: ColumnDistribution) -> str:
    """The values in a few words."""
    if column.numbers is not None:
        low, middle, high = (
            show_column_value(column, column.numbers.quantiles[key]) for key in ("min", "median", "max")
        )
        return f"{low} to {high}, median {middle}" if low != high else f"always {low}"
    total = sum(column.counts) + column.others
    if not total:
        return "all missing"
    first = [f"{label} {100 * count / total:.0f} %" for label, count in zip(column.labels, column.counts, strict=True)]
    return f"{column.distinct:,}: {', '.join(first)}"


def show_column_value(column: ColumnDistribution, value: float) -> str:
    """A number of the column, or a date in a column of dates."""
    if column.kind != "date":
        return show_cell(value)
    moment = datetime(1970, 1, 1) + timedelta(days=value)
    return moment.isoformat(" ", "minutes").removesuffix(" 00:00")


def show_association(column: ColumnDistribution) -> str:
    """The strongest association with a target, with its sign."""
    return "–" if column.association is None else _signed(column.association.value)


def describe_associations(columns: Sequence[ColumnDistribution]) -> tuple[str, str]:
    """A title of the columns' associations with the target, and what they are."""
    found = {column.association.measure for column in columns if column.association is not None}
    if found == {"auc"}:
        return "AUC", f"{MEASURES['auc']}, since one is rare: 0.5 is chance, 1 separates the classes"
    named = ", ".join(text for name, text in MEASURES.items() if name in found)
    return "assoc", f"association of the column with the target, 0 to 1 ({named})"


def range_of(column: ColumnDistribution) -> tuple[str, str]:
    """The smallest and the largest value of the bins."""
    if column.numbers is None or not column.numbers.edges:
        return "", ""
    quantiles, edges = column.numbers.quantiles, column.numbers.edges
    low, high = edges[0], edges[-1]
    if (low + 0.5).is_integer() and (edges[1] - low).is_integer():  # bins of whole numbers end between them
        low, high = low + 0.5, high - 0.5
    return show_column_value(column, max(low, quantiles["min"])), show_column_value(column, min(high, quantiles["max"]))


def highlights(explored: ExploredTable | ExploredImages) -> tuple[str, ...]:
    """Class imbalance, missing values, correlated, capped, nearly constant and skewed columns, where there are any."""
    imbalance = _imbalance(explored.classes)
    if isinstance(explored, ExploredImages):
        return tuple(imbalance)
    every = (*explored.targets, *explored.columns)
    return (*imbalance, *_missing(explored), *_correlated(explored), *_capped(every), *_shapes(explored.columns))


def _imbalance(counts: Mapping[str, int]) -> Iterator[str]:
    if is_imbalanced(counts.values()):
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        times = f"{counts[most] / counts[least]:,.0f} times as many as" if counts[least] else "and none of"
        yield f"imbalance: {counts[most]:,} rows of {_name(most)}, {times} {_name(least)}; loss.class_weights: balanced"


def _missing(table: ExploredTable) -> Iterator[str]:
    gaps = sorted((c for c in table.columns if c.missing), key=lambda column: -column.missing)
    if gaps:
        rows = 1 - table.complete / max(1, table.looked_at)
        yield f"missing: {show_percent(rows)} of rows have missing values: " + _listed(
            [f"{_name(column.name)} {show_percent(column.missing_share)}" for column in gaps]
        )


def _correlated(table: ExploredTable) -> Iterator[str]:
    targets = {target.name for target in table.targets}
    if table.correlations is None:
        return
    near = [
        f"{_name(first)} and {_name(second)} {_signed(r)}"
        for first, second, r in table.correlations.pairs()
        if abs(r) >= HIGH_CORRELATION and not {first, second} & targets
    ]
    if near:
        yield f"highly correlated: {_listed(near)}; features.select.correlation"


def _capped(columns: Sequence[ColumnDistribution]) -> Iterator[str]:
    """Numbers whose highest is the most frequent of them, as where larger ones were capped."""
    found = [
        f"{_name(column.name)} at {show_cell(own.mode)} ({show_percent(own.mode_share)} of rows)"
        for column in columns
        if column.kind == "number" and column.distinct >= CAPPED_DISTINCT and (own := column.numbers) is not None
        if own.mode == own.quantiles["max"] and own.mode_share >= CAPPED_SHARE
    ]
    if found:
        yield f"possibly capped: {_listed(found)}"


def _shapes(columns: Sequence[ColumnDistribution]) -> Iterator[str]:
    numbers = [
        (column, column.numbers)
        for column in columns
        if column.numbers and column.kind == "number" and column.distinct > 2
    ]
    constant = [
        f"{_name(column.name)} is {show_cell(own.mode)} in {show_percent(own.mode_share)} of rows"
        for column, own in numbers
        if own.mode_share >= CONSTANT_SHARE
    ]
    if constant:
        yield f"nearly constant: {_listed(constant)}"
    skewed = [
        _name(column.name)
        for column, own in sorted(numbers, key=lambda pair: -abs(pair[1].skew))
        if abs(own.skew) >= STRONG_SKEW
    ]
    if skewed:
        yield f"strongly skewed: {_listed(skewed)}; features.scale: quantile, or a log by features.derive"


def _listed(parts: Sequence[str]) -> str:
    return some_of(parts, LISTED)


def _name(text: str) -> str:
    return shorten(text, LETTERS)


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
