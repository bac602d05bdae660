"""The association of columns with a target and with each other, and rows as points in a plane of two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlcli.data.profile import is_imbalanced
from mlcli.io.text import show_number

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Measure = Literal["pearson", "correlation_ratio", "cramers_v", "auc"]
# Classes that columns are counted by, the most frequent where there are more.
MAX_CLASSES = 10
# Of a column's variance, what rounding may leave where it is constant.
ROUNDING = 1e-12
# Parts of the rows, of which each is ranked by what the others say of a category.
FOLDS = 5
# Columns of the matrix at most: those with the strongest association with the target.
MAX_COLUMNS = 60
# Points drawn, at most.
MAX_POINTS = 1500
# Share of a target's numbers at either end that is left out before they are divided into low, middle and high.
TAIL = 0.05


@dataclass(frozen=True, eq=False)
class TargetColumn:
    """A target over the sampled rows.

    classes    : by name, or the most frequent first where there are more than MAX_CLASSES; empty for numbers
    class_rows : rows of each in the split
    codes      : int64 (n,), the class of each row; numbers : float64 (n,), NaN where missing. One of both is empty
    """

    name: str
    classes: tuple[str, ...]
    class_rows: tuple[int, ...]
    codes: Codes
    numbers: Floats

    @property
    def shown(self) -> tuple[str, ...]:
        """The classes that columns are counted by."""
        return self.classes[:MAX_CLASSES]

    @property
    def has_rare_class(self) -> bool:
        """Whether a class has so few rows that it moves no variance and no χ²; columns are then judged by AUC."""
        return is_imbalanced(self.class_rows)


def class_order(rows: Mapping[str, int]) -> tuple[str, ...]:
    """Classes as `TargetColumn.classes` has them."""
    if len(rows) <= MAX_CLASSES:
        return tuple(sorted(rows))
    return tuple(sorted(rows, key=lambda name: (-rows[name], name)))


def pearson(columns: Floats) -> Floats:
    """Pearson's r of each pair of columns, (n, d) with NaN where missing → (d, d); NaN where one does not vary."""
    known = np.isfinite(columns).astype(np.float64)
    x = _standardised(columns)
    with np.errstate(all="ignore"):
        counts = known.T @ known
        sums, squares = x.T @ known, (x * x).T @ known
        spread = squares - sums**2 / counts
        spread[~(spread > ROUNDING * counts)] = np.nan
        found: Floats = (x.T @ x - sums * sums.T / counts) / np.sqrt(spread * spread.T)
    return np.clip(found, -1, 1)


def correlation_ratio(values: Floats, groups: Codes) -> float | None:
    """The share of the numbers' variance that lies between the groups, as its root: Kelley's ε (1935).

    groups : -1 where missing. None where there is nothing to compare.
    """
    known = np.isfinite(values) & (groups >= 0)
    x, places = _standardised(values[known, np.newaxis])[:, 0], np.unique(groups[known], return_inverse=True)[1]
    n_rows, total = len(x), float(x @ x)
    counts = np.bincount(places)
    if len(counts) < 2 or n_rows <= len(counts) or total <= ROUNDING * n_rows:
        return None
    within = total - float((np.bincount(places, weights=x) ** 2 / counts).sum())
    share = 1 - (within / (n_rows - len(counts))) / (total / (n_rows - 1))
    return float(np.sqrt(np.clip(share, 0, 1)))


def cramers_v(first: Codes, second: Codes) -> float | None:
    """Cramér's V of two columns of categories, corrected as by Bergsma (2013); codes, -1 where missing."""
    known = (first >= 0) & (second >= 0)
    n_rows = int(known.sum())
    rows, a = np.unique(first[known], return_inverse=True)
    columns, b = np.unique(second[known], return_inverse=True)
    if len(rows) < 2 or len(columns) < 2:
        return None
    cells, counts = np.unique(a * len(columns) + b, return_counts=True)
    expected = np.bincount(a)[cells // len(columns)] * np.bincount(b)[cells % len(columns)]
    free = (len(rows) - 1) * (len(columns) - 1) / (n_rows - 1)
    phi = max(0.0, float((counts**2 / expected).sum()) - 1 - free)
    least = min(n - (n - 1) ** 2 / (n_rows - 1) for n in (len(rows), len(columns))) - 1
    return float(np.sqrt(min(1.0, phi / least))) if least > 0 else 0.0


def number_auc(values: Floats, codes: Codes) -> float | None:
    """The mean over the classes of the AUC of numbers as scores of a class against the rest, 0.5 to 1.

    A class may be at either end: an AUC below 0.5 is counted as 1 less it. codes : -1 where missing. None where there
    are no two classes.
    """
    known = np.isfinite(values) & (codes >= 0)
    _, places = np.unique(values[known], return_inverse=True)
    classes, groups = np.unique(codes[known], return_inverse=True)
    if len(classes) < 2:
        return None
    counts = np.array([np.bincount(places[groups == k], minlength=places.max() + 1) for k in range(len(classes))])
    areas = _ranked_areas(counts, counts.sum(axis=0) - counts)
    return float(np.maximum(areas, 1 - areas).mean())


def category_auc(categories: Codes, codes: Codes) -> float | None:
    """The same of categories, each ranked by a class's share of its rows; at least 0.5, None as for numbers.

    The share, smoothed by one row of the usual share, is that of four fifths of the rows, and the AUC is measured on
    the last fifth, five times: categories of few rows would separate the classes of their own rows by chance.
    """
    known = (categories >= 0) & (codes >= 0)
    classes, groups = np.unique(codes[known], return_inverse=True)
    if len(classes) < 2:
        return None
    names, places = np.unique(categories[known], return_inverse=True)
    order = np.argsort(groups, kind="stable")
    folds = np.empty(len(order), dtype=np.int64)
    folds[order] = np.arange(len(order)) % FOLDS
    cells = (groups * FOLDS + folds) * len(names) + places
    counts = np.bincount(cells, minlength=len(classes) * FOLDS * len(names)).reshape(len(classes), FOLDS, len(names))
    areas = [_held_out_areas(counts[:, fold], counts.sum(axis=1) - counts[:, fold]) for fold in range(FOLDS)]
    measured = np.array([one[np.isfinite(one)].mean() for one in np.transpose(areas) if np.isfinite(one).any()])
    return max(0.5, float(measured.mean())) if len(measured) else None


def _held_out_areas(rows: Codes, others: Codes) -> Floats:
    """Of each class against the rest in rows (K, C), categories ranked by the share in others (K, C); (K,)."""
    usual = others.sum(axis=1, keepdims=True) / max(1, others.sum())
    shares = (others + usual) / (others.sum(axis=0) + 1)
    areas = np.empty(len(rows))
    for k, share in enumerate(shares):
        _, ranks = np.unique(share, return_inverse=True)
        own, all_ = (np.bincount(ranks, weights=counted) for counted in (rows[k], rows.sum(axis=0)))
        areas[k] = _ranked_areas(own[np.newaxis], (all_ - own)[np.newaxis])[0]
    return areas


def _ranked_areas(positive: Floats | Codes, negative: Floats | Codes) -> Floats:
    """AUC of each line from the rows of both kinds at each rank, (n, n_ranks) each; NaN where a kind has none."""
    below = np.cumsum(negative, axis=1) - negative / 2
    with np.errstate(invalid="ignore"):
        areas: Floats = (positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))
    return areas


def _standardised(columns: Floats) -> Floats:
    """Less the mean, in standard deviations; 0 where missing or constant. Largest numbers do not overflow."""
    known = np.isfinite(columns)
    counts = np.maximum(known.sum(axis=0), 1)
    x = np.where(known, columns, 0.0)
    x /= np.maximum(np.abs(x).max(axis=0, initial=0.0), np.finfo(float).tiny)
    x = np.where(known, x - x.sum(axis=0) / counts, 0.0)
    deviations = np.sqrt((x * x).sum(axis=0) / counts)
    scaled: Floats = x / np.where(deviations > ROUNDING, deviations, np.inf)
    return scaled


@dataclass(frozen=True)
class Association:
    """Of a column with a target."""

    target: str
    measure: Measure
    value: float

    @property
    def strength(self) -> float:
        """From 0 for none to 1; an AUC of 0.5 is none."""
        return 2 * self.value - 1 if self.measure == "auc" else abs(self.value)


def number_associations(values: Floats, targets: Sequence[TargetColumn]) -> Iterator[Association]:
    """Pearson's r with numbers, the correlation ratio with classes, the AUC with a rare one; none where undefined."""
    for target in targets:
        if target.has_rare_class:
            if (area := number_auc(values, target.codes)) is not None:
                yield Association(target.name, "auc", area)
        elif target.classes:
            if (ratio := correlation_ratio(values, target.codes)) is not None:
                yield Association(target.name, "correlation_ratio", ratio)
        elif not np.isnan(r := float(pearson(np.column_stack([values, target.numbers]))[0, 1])):
            yield Association(target.name, "pearson", r)


def category_associations(codes: Codes, targets: Sequence[TargetColumn]) -> Iterator[Association]:
    """The correlation ratio with numbers, Cramér's V with classes, the AUC with a rare one; none where undefined."""
    for target in targets:
        if target.has_rare_class:
            if (area := category_auc(codes, target.codes)) is not None:
                yield Association(target.name, "auc", area)
        elif target.classes:
            if (v := cramers_v(codes, target.codes)) is not None:
                yield Association(target.name, "cramers_v", v)
        elif (ratio := correlation_ratio(target.numbers, codes)) is not None:
            yield Association(target.name, "correlation_ratio", ratio)


@dataclass(frozen=True)
class Correlations:
    """r[i][j] is that of names[i] and names[j]; None where one of them does not vary. left_out : further columns."""

    names: tuple[str, ...]
    r: tuple[tuple[float | None, ...], ...]
    left_out: int = 0

    def pairs(self) -> Iterator[tuple[str, str, float]]:
        """Each pair once, the strongest first."""
        found = [
            (self.names[i], self.names[j], r)
            for i in range(len(self.names))
            for j in range(i)
            if (r := self.r[i][j]) is not None
        ]
        return iter(sorted(found, key=lambda pair: -abs(pair[2])))


def correlate(names: Sequence[str], columns: Sequence[Floats]) -> Correlations | None:
    """Of the first MAX_COLUMNS columns; None where there are no two."""
    if len(names) < 2:
        return None
    shown = list(names[:MAX_COLUMNS])
    matrix = pearson(np.column_stack(columns[: len(shown)]))
    rows = tuple(tuple(None if np.isnan(r) else r for r in row) for row in matrix.tolist())
    return Correlations(tuple(shown), rows, len(names) - len(shown))


@dataclass(frozen=True)
class Scatter:
    """Points, each with its group's place; no groups where the target itself is drawn.

    grouped_by : the target
    n_rows     : rows that know both numbers, of which these are a sample drawn at random
    """

    x_name: str
    y_name: str
    grouped_by: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    groups: tuple[str, ...]
    group: tuple[int, ...]
    n_rows: int


def scatter_plane(names: tuple[str, str], x: Floats, y: Floats, target: TargetColumn) -> Scatter:
    """Two columns with the target as colour: its classes, or whether it is low, middling or high."""
    if target.classes:
        codes = np.where(target.codes < len(target.shown), target.codes, -1)
        return _scatter(names, x, y, target.name, target.shown, codes)
    known = np.isfinite(target.numbers)
    ends = np.quantile(target.numbers[known], [TAIL, 1 - TAIL]) if known.any() else np.zeros(2)
    first, second = np.linspace(ends[0], ends[1], 4)[1:3].tolist()
    groups = (f"up to {show_number(first)}", "between", f"over {show_number(second)}")
    levels = np.searchsorted([first, second], target.numbers, side="left")
    return _scatter(names, x, y, target.name, groups, np.where(known, levels, -1))


def scatter_target(name: str, x: Floats, target: TargetColumn) -> Scatter:
    """A column across, the target upwards."""
    return _scatter((name, target.name), x, target.numbers, "", (), np.zeros(len(x), dtype=np.int64))


def _scatter(names: tuple[str, str], x: Floats, y: Floats, by: str, groups: Sequence[str], group: Codes) -> Scatter:
    places = np.flatnonzero(np.isfinite(x) & np.isfinite(y) & (group >= 0))
    chosen = np.random.default_rng(0).permutation(places)[:MAX_POINTS]
    return Scatter(
        x_name=names[0],
        y_name=names[1],
        grouped_by=by,
        x=tuple(x[chosen].tolist()),
        y=tuple(y[chosen].tolist()),
        groups=tuple(groups),
        group=tuple(group[chosen].tolist()) if groups else (),
        n_rows=len(places),
    )
