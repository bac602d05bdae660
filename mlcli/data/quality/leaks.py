"""Columns that give the target away: copies of it, its parts, or what follows from it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mlcli.data.quality.sample import DataFinding, Floats, RowSample

# With fewer rows, a column may well fit by chance.
FEWEST_ROWS = 50
# A column gives the target away from this score on; of what always answering the same leaves wrong, it leaves little.
LEAST_ACCURACY, LEAST_SKILL, LEAST_R2 = 0.995, 0.98, 0.999
# The best column that does not leaves this many times as much; where all columns fit, the problem is easy.
CLEARLY = 5.0
# With fewer rows, no error at all may yet be one in 200 (the rule of three), and two columns of numbers that each part
# the classes are two kinds of things that differ, as setosa and versicolor do in every length of their petals.
ROWS_TO_BE_SURE = 600
MOST_CLASSES = 200
# Agreement of a two-valued column with one class, and how exact a sum has to be, beside the target's deviation.
COPY_ERROR, EXACT = 0.001, 1e-6
MOST_SUMMED = 100


def find_leaks(sample: RowSample) -> Iterator[DataFinding]:
    """Columns that alone predict the target, columns that are one class each, and sums that are the target."""
    if len(sample) < FEWEST_ROWS:
        return
    for target, truth in sample.targets.items():
        scores = {name: _wrong(sample, name, truth) for name in sample.features}
        given_away = {name for name, wrong in scores.items() if _gives_away(sample, wrong, truth)}
        rest = min((wrong for name, wrong in scores.items() if name not in given_away), default=0.0)
        if sample.classes and len(sample) < ROWS_TO_BE_SURE and len(given_away - sample.categories) > 1:
            given_away &= sample.categories
        for name, wrong in scores.items():
            if name in given_away and rest > 0 and rest >= CLEARLY * wrong:
                yield _tell(sample, name, target, wrong * _unexplained(sample, truth))
        if sample.classes:
            yield from _copies(sample, target, truth)
        else:
            yield from _sums(sample, target, truth, given_away)


def _unexplained(sample: RowSample, truth: Floats) -> float:
    """What always answering the same leaves wrong: a share of rows for classes, 1 for numbers."""
    return 1 - float(np.bincount(truth.astype(int)).max()) / len(truth) if sample.classes else 1.0


def _gives_away(sample: RowSample, wrong: float, truth: Floats) -> bool:
    if sample.classes:
        return wrong <= 1 - LEAST_SKILL and wrong * _unexplained(sample, truth) <= 1 - LEAST_ACCURACY
    return wrong <= 1 - LEAST_R2


def _tell(sample: RowSample, name: str, target: str, wrong: float) -> DataFinding:
    score = 1 - wrong
    what = (
        f"predicts '{target}' right in {score:.2%} of rows"
        if sample.classes
        else f"explains '{target}': R² {score:.5f}"
    )
    hint = f"if it is not known before the answer is: dataset.drop: [{name}]"
    return DataFinding("leak", f"column '{name}' alone {what}; {hint}", (name,), {"score": score})


def _wrong(sample: RowSample, name: str, truth: Floats) -> float:
    """Of what always answering the same leaves wrong, the share that looking the column up leaves so, at most 1."""
    if len(sample.classes) == 1 or len(sample.classes) > MOST_CLASSES:
        return 1.0
    values, half = _known(sample.features[name]), np.random.default_rng(0).random(len(sample)) < 0.5
    answers = np.empty(len(sample))
    for there in (half, ~half):
        column = _Column(values[there], truth[there], is_category=name in sample.categories)
        answers[~there] = column.classes(values[~there]) if sample.classes else column.numbers(values[~there])
    if sample.classes:
        return min(1.0, float((answers != truth).mean()) / _unexplained(sample, truth))
    judged = np.isfinite(answers)
    spread = float(np.square(truth[judged] - truth.mean()).sum()) if judged.mean() > 0.5 else 0.0
    return min(1.0, float(np.square(answers - truth)[judged].sum()) / spread) if spread > 0 else 1.0


def _known(values: Floats) -> Floats:
    """Missing values are one value more, below all others."""
    known = values[np.isfinite(values)]
    return np.where(np.isnan(values), known.min() - 1 if len(known) else 0.0, values)


class _Column:
    """Values of a column with the targets of their rows, to be looked up."""

    def __init__(self, values: Floats, truth: Floats, *, is_category: bool) -> None:
        self.truth, self.is_category = truth, is_category
        self.values, self.places = np.unique(values, return_inverse=True)

    def classes(self, asked: Floats) -> Floats:
        """The most frequent class of the nearest value, or of all rows for a category that has not been seen."""
        counts = np.zeros((len(self.values) + 1, int(self.truth.max()) + 1))
        np.add.at(counts, (self.places, self.truth.astype(int)), 1)
        counts[-1] = counts.sum(axis=0)
        answers: Floats = counts.argmax(axis=1)[self._nearest(asked)].astype(np.float64)
        return answers

    def numbers(self, asked: Floats) -> Floats:
        """The mean, between two values on a straight line; NaN beyond the least and the greatest value."""
        means = np.bincount(self.places, weights=self.truth) / np.bincount(self.places)
        if self.is_category:
            return np.append(means, self.truth.mean())[self._nearest(asked)]
        return np.interp(asked, self.values, means, left=np.nan, right=np.nan)

    def _nearest(self, asked: Floats) -> NDArray[np.int64]:
        """Places among the distinct values; one beyond them for a category that is none of them."""
        right = np.clip(np.searchsorted(self.values, asked), 0, len(self.values) - 1)
        left = np.maximum(right - 1, 0)
        nearest = np.where(asked - self.values[left] < self.values[right] - asked, left, right)
        if self.is_category:
            nearest = np.where(self.values[nearest] == asked, nearest, len(self.values))
        return nearest


def _copies(sample: RowSample, target: str, truth: Floats) -> Iterator[DataFinding]:
    """Of three classes or more: columns of two values that say whether a row is of one class."""
    if len(sample.classes) < 3 or len(sample.classes) > MOST_CLASSES:
        return
    copied = {
        name: place for name, values in sample.features.items() if (place := _class_told(values, truth)) is not None
    }
    if copied:
        told = ", ".join(f"'{name}' ('{sample.classes[place]}')" for name, place in copied.items())
        drop = f"dataset.drop: [{', '.join(copied)}]"
        text = f"columns of two values that tell whether '{target}' is one class: {told}; {drop}"
        yield DataFinding("target_copy", text, tuple(copied), {"columns": len(copied)})


def _class_told(values: Floats, truth: Floats) -> int | None:
    levels = np.unique(values)
    if len(levels) != 2 or np.isnan(levels).any():
        return None
    high = values == levels[1]
    for place in np.unique(truth).astype(int):
        of_class = truth == place
        wrong = min(np.mean(high != of_class), np.mean(high == of_class))
        if wrong <= COPY_ERROR and wrong <= 0.1 * min(of_class.mean(), 1 - of_class.mean()):
            return int(place)
    return None


def _sums(sample: RowSample, target: str, truth: Floats, given_away: set[str]) -> Iterator[DataFinding]:
    """Number columns that add up to the target, or whose difference it is."""
    names = [
        name
        for name, values in sample.features.items()
        if name not in sample.categories and name not in given_away and np.isfinite(values).all() and np.ptp(values) > 0
    ]
    spread = float(truth.std())
    if not 2 <= len(names) <= min(MOST_SUMMED, len(truth) // 2) or not 0 < spread < np.inf:
        return
    columns = np.column_stack([sample.features[name] for name in names])
    sizes = columns.std(axis=0)
    if not np.isfinite(sizes).all():
        return
    solved, *_ = np.linalg.lstsq((columns - columns.mean(axis=0)) / sizes, truth - truth.mean(), rcond=None)
    weights = solved / sizes
    parts = [i for i in range(len(names)) if abs(solved[i]) > EXACT * spread]
    rest = truth - columns[:, parts] @ np.round(weights[parts])
    if len(parts) >= 2 and (np.abs(np.round(weights[parts])) == 1).all() and np.abs(rest).max() <= EXACT * spread:
        signs = ["−" if weights[i] < 0 else "+" for i in parts]
        sum_ = " ".join(f"{sign} '{names[i]}'" for sign, i in zip(signs, parts, strict=True)).removeprefix("+ ")
        listed = ", ".join(names[i] for i in parts)
        text = f"'{target}' is {sum_} in every row; if they are not known before it is: dataset.drop: [{listed}]"
        yield DataFinding("sum", text, tuple(names[i] for i in parts), {"columns": len(parts)})
