"""A column's distribution: its rows counted in bins or categories, all together and by the target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import polars as pl

from mlcli.data.tables.histogram import edges_of, places_in
from mlcli.data.tables.rows import as_days, as_shown
from mlcli.data.tables.types import Column, Kind
from mlcli.eda.association import Association, Codes, Floats, TargetColumn, category_associations, number_associations
from mlcli.io.json import fields_to_json

QUANTILES = {"min": 0.0, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "max": 1.0}
QUARTERS = np.array([0.25, 0.5, 0.75])
Quartiles = tuple[float, float, float]
# Categories counted one by one, the most frequent first.
MAX_CATEGORIES = 20
# Smallest share of the rows in a bin for its mean target to be shown.
MIN_BIN_SHARE = 0.002


@dataclass(frozen=True)
class NumberStatistics:
    """Of the known numbers, or dates as days since 1970; std divides by n, skew is the third standardised moment.

    edges    : of the bins; empty where all numbers are the same
    mode     : the most frequent number, and mode_share its share of the sampled rows
    by_class : quantiles 0.25, 0.5 and 0.75 for each class shown; None where it has no such row
    """

    quantiles: dict[str, float]
    mean: float
    std: float
    skew: float
    edges: tuple[float, ...]
    mode: float
    mode_share: float
    by_class: tuple[Quartiles | None, ...]

    def to_json(self) -> dict[str, Any]:
        """The fields; the mode is called usual there."""
        values = fields_to_json(self)
        return {name.replace("mode", "usual"): value for name, value in values.items()}


def summarise_numbers(values: Floats, target: TargetColumn) -> tuple[NumberStatistics | None, Codes]:
    """The numbers in short, None where there are none, and each row's bin, -1 where missing."""
    known = np.isfinite(values)
    numbers = values[known]
    places = np.full(len(values), -1, dtype=np.int64)
    if not len(numbers):
        return None, places
    edges = edges_of(numbers)
    places[known] = 0 if edges is None else places_in(edges, numbers)
    distinct, counts = np.unique(numbers, return_counts=True)
    with np.errstate(all="ignore"):  # the largest numbers have no square
        mean, std = float(numbers.mean()), float(numbers.std())
        skew = float((((numbers - mean) / std) ** 3).mean()) if len(distinct) > 1 else 0.0
        quantiles = np.quantile(numbers, list(QUANTILES.values())).tolist()
    return NumberStatistics(
        quantiles=dict(zip(QUANTILES, quantiles, strict=True)),
        mean=mean,
        std=std,
        skew=skew,
        edges=() if edges is None else tuple(edges.tolist()),
        mode=float(distinct[counts.argmax()]),
        mode_share=float(counts.max()) / len(values),
        by_class=tuple(_quartiles(numbers, target.codes[known], len(target.shown))) if target.classes else (),
    ), places


def _quartiles(numbers: Floats, codes: Codes, n_classes: int) -> Iterator[Quartiles | None]:
    """Of each class, interpolated linearly; one sort serves all."""
    order = np.lexsort((numbers, codes))
    ordered, starts = numbers[order], np.searchsorted(codes[order], np.arange(n_classes + 1))
    for start, end in pairwise(starts.tolist()):
        own = ordered[start:end]
        if len(own):
            low, middle, high = np.interp(QUARTERS * (len(own) - 1), np.arange(len(own)), own).tolist()
            yield low, middle, high
        else:
            yield None


@dataclass(frozen=True)
class ColumnDistribution:
    """One column over the sampled rows.

    missing      : rows of the whole split without a value, and missing_share their share
    labels       : categories, the most frequent first; empty for numbers
    counts       : rows in each bin or category; others is what is left of further categories
    by_class     : the same for each class shown; empty for regression
    target_means : mean of the first target in each bin or category, None where it has no row; empty for classes
    associations : with each target; empty for a target
    """

    name: str
    role: Literal["feature", "target"]
    kind: Kind
    missing: int
    missing_share: float
    distinct: int
    numbers: NumberStatistics | None
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    others: int
    by_class: tuple[tuple[int, ...], ...]
    target_means: tuple[float | None, ...]
    associations: tuple[Association, ...]

    @property
    def association(self) -> Association | None:
        """The strongest."""
        return max(self.associations, key=lambda one: one.strength, default=None)

    @property
    def target_trend(self) -> tuple[float | None, ...]:
        """In each bin or category with enough rows: the mean target, or the share of the last of two classes."""
        values = self.target_means
        if len(self.by_class) == 2:
            pairs = zip(*self.by_class, strict=True)
            values = tuple(last / (first + last) if first + last else None for first, last in pairs)
        least = MIN_BIN_SHARE * (sum(self.counts) + self.others)
        return tuple(value if n >= least else None for value, n in zip(values, self.counts, strict=False))

    @property
    def strength(self) -> float:
        """Of the strongest association; -1 where none is defined."""
        return -1.0 if self.association is None else self.association.strength

    def to_json(self) -> dict[str, Any]:
        """The fields; associations are called ties there."""
        values = fields_to_json(self)
        values["ties"] = values.pop("associations")
        return values


@dataclass(frozen=True, eq=False)
class SampledRows:
    """The rows sampled of a split, and counts by column: missing cells of all its rows, distinct values of these."""

    frame: pl.DataFrame
    n_rows: int
    missing: Mapping[str, int]
    distinct: Mapping[str, int]
    targets: tuple[TargetColumn, ...]


def describe_column(rows: SampledRows, column: Column, *, is_target: bool) -> ColumnDistribution:
    """The distribution of one column, all together and by the target."""
    series, first = rows.frame[column.name], rows.targets[0]
    numbers: NumberStatistics | None = None
    labels: tuple[str, ...] = ()
    associations: tuple[Association, ...] = ()
    if column.kind in ("number", "date"):
        values = column_numbers(series)
        numbers, places = summarise_numbers(values, first)
        n_bins = max(1, len(numbers.edges) - 1) if numbers else 0
        associations = () if is_target else tuple(number_associations(values, rows.targets))
    else:
        labels, places = categories_of(series)
        n_bins = min(MAX_CATEGORIES, len(labels))
        associations = () if is_target else tuple(category_associations(places, rows.targets))
    counts = _count(places, n_bins)
    return ColumnDistribution(
        name=column.name,
        role="target" if is_target else "feature",
        kind=column.kind,
        missing=rows.missing[column.name],
        missing_share=rows.missing[column.name] / max(1, rows.n_rows),
        distinct=rows.distinct[column.name],
        numbers=numbers,
        labels=labels[:n_bins],
        counts=counts,
        others=int((places >= 0).sum()) - sum(counts),
        by_class=() if is_target else tuple(_count(places[first.codes == k], n_bins) for k in range(len(first.shown))),
        target_means=() if is_target or first.classes else _target_means(places, n_bins, first.numbers),
        associations=associations,
    )


def column_numbers(series: pl.Series) -> Floats:
    """NaN where missing; dates as days since 1970."""
    if series.dtype.is_temporal():
        series = as_days(series)
    values: Floats = series.to_numpy()
    return values


def categories_of(series: pl.Series) -> tuple[tuple[str, ...], Codes]:
    """The categories, the most frequent first and by name where equally so; and each row's, -1 where missing."""
    series = as_shown(series)
    counted = series.alias("value").drop_nulls().value_counts()
    labels = counted.sort("count", "value", descending=[True, False])["value"]
    codes = series.cast(pl.Enum(labels)).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    return tuple(labels.to_list()), codes


def _count(places: Codes, n_bins: int) -> tuple[int, ...]:
    """Rows in each of the bins."""
    return tuple(np.bincount(places[(places >= 0) & (places < n_bins)], minlength=n_bins).tolist())


def _target_means(places: Codes, n_bins: int, target: Floats) -> tuple[float | None, ...]:
    inside = (places >= 0) & (places < n_bins) & np.isfinite(target)
    counts = np.bincount(places[inside], minlength=n_bins)
    sums = np.bincount(places[inside], weights=target[inside], minlength=n_bins)
    return tuple(float(total) / int(n) if n else None for total, n in zip(sums, counts, strict=True))
