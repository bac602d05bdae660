"""The association of a column with a target, from 0 to 1; Pearson's r has a sign, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Measure = Literal["pearson", "correlation_ratio", "cramers_v"]
# Classes that columns are counted by, the most frequent where there are more.
MAX_CLASSES = 10
# Of a column's variance, what rounding may leave where it is constant.
ROUNDING = 1e-12


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


def number_associations(values: Floats, targets: Sequence[TargetColumn]) -> Iterator[Association]:
    """Pearson's r with numbers, the correlation ratio with classes; none where it is not defined."""
    for target in targets:
        if target.classes:
            if (ratio := correlation_ratio(values, target.codes)) is not None:
                yield Association(target.name, "correlation_ratio", ratio)
        elif not np.isnan(r := float(pearson(np.column_stack([values, target.numbers]))[0, 1])):
            yield Association(target.name, "pearson", r)


def category_associations(codes: Codes, targets: Sequence[TargetColumn]) -> Iterator[Association]:
    """The correlation ratio with numbers, Cramér's V with classes; none where it is not defined."""
    for target in targets:
        if target.classes:
            if (v := cramers_v(codes, target.codes)) is not None:
                yield Association(target.name, "cramers_v", v)
        elif (ratio := correlation_ratio(target.numbers, codes)) is not None:
            yield Association(target.name, "correlation_ratio", ratio)
