"""Target leakage: columns that are copies of the target, parts of it, or known only after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.data.quality.sample import FEWEST_ROWS, DataFinding, Floats, RowSample

# A column leaks the target from these scores on: of what a constant prediction gets wrong, it gets little wrong.
LEAST_ACCURACY, LEAST_SKILL, LEAST_R2 = 0.995, 0.98, 0.999
# The best other column gets this many times as much wrong; where all columns predict well, the problem is easy.
CLEARLY = 5.0
# With fewer rows, no error at all is compatible with one in 200 (the rule of three), and several numbers may each
# separate the classes, as every length of a petal separates setosa from versicolor.
ROWS_TO_BE_SURE = 600
MOST_CLASSES = 200
# Largest disagreement of a two-valued column with one class, and of a sum with the target, over its deviation.
COPY_ERROR, EXACT = 0.001, 1e-6
MOST_SUMMED = 100
# Correlation from which a number column is the target in another unit.
LINEAR = 0.99999
# Skills in a diagnosis, which looks at encoded inputs and fewer rows: of the leak, and its lead over the next column;
# the second ones where that has CLEARLY times as much wrong.
LEAKING_SKILL, LEAD = 0.95, 0.1
ALL_BUT_EXACT, LESS_LEAD = 0.99, 0.05


def find_leaks(sample: RowSample) -> Iterator[DataFinding]:
    """Columns that alone predict the target, columns that indicate one class, and sums that are the target."""
    if len(sample) < FEWEST_ROWS:
        return
    for target, truth in sample.targets.items():
        errors = {name: _relative_error(sample, name, truth) for name in sample.features}
        leaking = {name for name, error in errors.items() if _is_leak(sample, error, truth)}
        rest = min((error for name, error in errors.items() if name not in leaking), default=0.0)
        if sample.classes and len(sample) < ROWS_TO_BE_SURE and len(leaking - sample.categories) > 1:
            leaking &= sample.categories
        for name, error in errors.items():
            if name in leaking and rest > 0 and rest >= CLEARLY * error:
                score = 1 - error * _baseline_error(sample, truth)
                what = f"with accuracy {score:.2%}" if sample.classes else f"with R² {score:.5f}"
                remedy = f"if it is not known before the target is, set dataset.drop: [{name}]"
                text = f"column '{name}' alone predicts '{target}' {what}; {remedy}"
                yield DataFinding("leak", text, (name,), {"score": score})
        if sample.classes:
            yield from _class_indicators(sample, target, truth)
        else:
            yield from _sums(sample, target, truth, leaking)


def is_copy(column: pl.Series, target: pl.Series) -> bool:
    """Whether a column is the target in other words: linear in its numbers, or one value for each class.

    Float64 or String series of as many rows, null where missing. False for fewer than FEWEST_ROWS rows.
    """
    pair = pl.DataFrame({"x": column, "y": target}).drop_nulls()
    if len(column) < FEWEST_ROWS:
        return False
    if target.dtype != pl.Float64:
        return pair["x"].n_unique() == pair["y"].n_unique() == pair.n_unique()
    if column.dtype != pl.Float64 or len(pair) < FEWEST_ROWS:
        return False
    correlation = pair.select(pl.corr("x", "y")).item()
    return correlation is not None and abs(correlation) > LINEAR


def leading_column(skills: Mapping[str, float]) -> tuple[str, str] | None:
    """The column whose skill is that of a leak, and the next best one ("" for none); None where no column leaks.

    skills : of predictions by one column alone, 1 for no error and 0 for those of a constant
    """
    ranked = sorted(skills, key=lambda name: -skills[name])
    if not ranked or skills[ranked[0]] < LEAKING_SKILL:
        return None
    second = ranked[1] if len(ranked) > 1 else ""
    best, other = skills[ranked[0]], max(skills.get(second, 0.0), 0.0)
    all_but_exact = best >= ALL_BUT_EXACT and 1 - other >= CLEARLY * (1 - best)
    leads = best - other >= (LESS_LEAD if all_but_exact else LEAD)
    return (ranked[0], second) if leads else None


def _baseline_error(sample: RowSample, truth: Floats) -> float:
    """Error of a constant prediction: a share of rows for classes, 1 for numbers."""
    return 1 - float(np.bincount(truth.astype(int)).max()) / len(truth) if sample.classes else 1.0


def _is_leak(sample: RowSample, error: float, truth: Floats) -> bool:
    if sample.classes:
        return error <= 1 - LEAST_SKILL and error * _baseline_error(sample, truth) <= 1 - LEAST_ACCURACY
    return error <= 1 - LEAST_R2


def _relative_error(sample: RowSample, name: str, truth: Floats) -> float:
    """Error of predictions by one column over that of a constant, at most 1; each half of the rows predicts the other.

    The error is the share of wrong classes, or the sum of squares.
    """
    if len(sample.classes) == 1 or len(sample.classes) > MOST_CLASSES:
        return 1.0
    known = sample.features[name][np.isfinite(sample.features[name])]
    below = known.min() - 1 if len(known) else 0.0  # missing values are one more value
    values = np.where(np.isnan(sample.features[name]), below, sample.features[name])
    half = np.random.default_rng(0).random(len(sample)) < 0.5
    predicted = np.empty(len(sample))
    for fitted in (half, ~half):
        column = _ColumnLookup(values[fitted], truth[fitted], is_category=name in sample.categories)
        predict = column.predict_classes if sample.classes else column.predict_numbers
        predicted[~fitted] = predict(values[~fitted])
    if sample.classes:
        return min(1.0, float((predicted != truth).mean()) / _baseline_error(sample, truth))
    judged = np.isfinite(predicted)
    total = float(np.square(truth[judged] - truth.mean()).sum()) if judged.mean() > 0.5 else 0.0
    return min(1.0, float(np.square(predicted - truth)[judged].sum()) / total) if total > 0 else 1.0


class _ColumnLookup:
    """Predicts a row's target from the rows with the nearest value of one column."""

    def __init__(self, values: Floats, truth: Floats, *, is_category: bool) -> None:
        self.truth, self.is_category = truth, is_category
        self.values, self.places = np.unique(values, return_inverse=True)

    def predict_classes(self, x: Floats) -> Floats:
        """The most frequent class of the nearest value, or of all rows for an unseen category."""
        counts = np.zeros((len(self.values) + 1, int(self.truth.max()) + 1))
        np.add.at(counts, (self.places, self.truth.astype(int)), 1)
        counts[-1] = counts.sum(axis=0)
        predicted: Floats = counts.argmax(axis=1)[self._nearest(x)].astype(np.float64)
        return predicted

    def predict_numbers(self, x: Floats) -> Floats:
        """The mean, interpolated linearly between values; NaN below the least and above the greatest value."""
        means = np.bincount(self.places, weights=self.truth) / np.bincount(self.places)
        if self.is_category:
            return np.append(means, self.truth.mean())[self._nearest(x)]
        return np.interp(x, self.values, means, left=np.nan, right=np.nan)

    def _nearest(self, x: Floats) -> NDArray[np.int64]:
        """Positions among the distinct values; one beyond them for an unseen category."""
        right = np.clip(np.searchsorted(self.values, x), 0, len(self.values) - 1)
        left = np.maximum(right - 1, 0)
        nearest = np.where(x - self.values[left] < self.values[right] - x, left, right)
        if self.is_category:
            nearest = np.where(self.values[nearest] == x, nearest, len(self.values))
        return nearest


def _class_indicators(sample: RowSample, target: str, truth: Floats) -> Iterator[DataFinding]:
    """Of three classes or more: columns of two values that indicate one class."""
    if not 3 <= len(sample.classes) <= MOST_CLASSES:
        return
    found = {name: _indicated_class(values, truth) for name, values in sample.features.items()}
    indicated = {name: place for name, place in found.items() if place is not None}
    if indicated:
        listed = ", ".join(f"'{name}' ('{sample.classes[place]}')" for name, place in indicated.items())
        remedy = f"set dataset.drop: [{', '.join(indicated)}]"
        text = f"columns of two values that indicate one class of '{target}': {listed}; {remedy}"
        yield DataFinding("target_copy", text, tuple(indicated), {"columns": len(indicated)})


def _indicated_class(values: Floats, truth: Floats) -> int | None:
    levels = np.unique(values)
    if len(levels) != 2 or np.isnan(levels).any():
        return None
    high = values == levels[1]
    for place in np.unique(truth).astype(int):
        of_class = truth == place
        error = min(np.mean(high != of_class), np.mean(high == of_class))
        if error <= COPY_ERROR and error <= 0.1 * min(of_class.mean(), 1 - of_class.mean()):
            return int(place)
    return None


def _sums(sample: RowSample, target: str, truth: Floats, leaking: set[str]) -> Iterator[DataFinding]:
    """Number columns whose sum or difference is the target, by least squares with weights of 1 and −1."""
    names = [
        name
        for name, values in sample.features.items()
        if name not in sample.categories and name not in leaking and np.isfinite(values).all() and np.ptp(values) > 0
    ]
    deviation = float(truth.std())
    if not 2 <= len(names) <= min(MOST_SUMMED, len(truth) // 2) or not 0 < deviation < np.inf:
        return
    columns = np.column_stack([sample.features[name] for name in names])
    scales = columns.std(axis=0)
    if not np.isfinite(scales).all():
        return
    solved, *_ = np.linalg.lstsq((columns - columns.mean(axis=0)) / scales, truth - truth.mean(), rcond=None)
    parts = [i for i in range(len(names)) if abs(solved[i]) > EXACT * deviation]
    weights = np.round(solved[parts] / scales[parts])
    rest = truth - columns[:, parts] @ weights
    if len(parts) >= 2 and (np.abs(weights) == 1).all() and np.abs(rest).max() <= EXACT * deviation:
        summed = {names[i]: weight for i, weight in zip(parts, weights, strict=True)}
        sum_ = " ".join(f"{'−' if weight < 0 else '+'} '{name}'" for name, weight in summed.items()).removeprefix("+ ")
        remedy = f"if they are not known before the target is, set dataset.drop: [{', '.join(summed)}]"
        text = f"'{target}' is {sum_} in every row; {remedy}"
        yield DataFinding("sum", text, tuple(summed), {"columns": len(summed)})
