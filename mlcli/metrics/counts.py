"""Metrics of predicted classes; all follow from three counts per class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.metrics.intervals import Floats, Scores


@dataclass(frozen=True)
class ClassCounts:
    """Rows per class, or sums of their weights, each (..., K): predicted correctly, in the truth, predicted."""

    hits: np.ndarray
    support: np.ndarray
    predicted: np.ndarray


@dataclass(frozen=True)
class ClassScore:
    """Scores of one class; None where one is undefined. support: its rows."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


def confusion_matrix(
    truth: np.ndarray, predicted: np.ndarray, n_classes: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Rows by true class (first axis) and predicted class: int64 (K, K); or the sums of their weights: float64."""
    return np.bincount(truth * n_classes + predicted, weights, minlength=n_classes**2).reshape(n_classes, n_classes)


def count_classes(confusion: np.ndarray) -> ClassCounts:
    """The counts of a confusion matrix (K, K)."""
    return ClassCounts(np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0))


def class_table(counts: ClassCounts, names: tuple[str, ...], rows: np.ndarray | None = None) -> tuple[ClassScore, ...]:
    """Precision, recall, F1 and support of each class; counts are (K,).

    rows : (K,), of each class, where the counts are sums of weights
    """
    scores = (_precisions(counts), _recalls(counts), _f1s(counts))
    columns = ([None if np.isnan(value) else value for value in column.tolist()] for column in scores)
    support = (counts.support if rows is None else rows).tolist()
    return tuple(ClassScore(*row) for row in zip(names, *columns, support, strict=True))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Element by element; NaN where the whole is 0."""
    ratio: np.ndarray = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole != 0)
    return ratio


def _precisions(counts: ClassCounts) -> np.ndarray:
    return _ratio(counts.hits, counts.predicted)


def _recalls(counts: ClassCounts) -> np.ndarray:
    return _ratio(counts.hits, counts.support)


def _f1s(counts: ClassCounts) -> np.ndarray:
    """2·TP / (2·TP + FP + FN), undefined where the class has no rows."""
    present = counts.support > 0
    return np.where(present, _ratio(2 * counts.hits, counts.support + counts.predicted), np.nan)


def _positive(values: np.ndarray, counts: ClassCounts) -> np.ndarray:
    """The second of two classes; of more, the macro average."""
    return values[..., 1] if values.shape[-1] == 2 else _macro(values, counts)


def _macro(values: np.ndarray, counts: ClassCounts) -> np.ndarray:
    """The mean over classes with rows, undefined ones as 0."""
    return _weighted(values, counts.support > 0)


def _weighted(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean over classes, undefined ones as 0."""
    return _ratio((np.nan_to_num(values) * weights).sum(axis=-1), weights.sum(axis=-1))


def accuracy(counts: ClassCounts) -> np.ndarray:
    """(TP + TN) / total."""
    return _ratio(counts.hits.sum(axis=-1), counts.support.sum(axis=-1))


def balanced_accuracy(counts: ClassCounts) -> np.ndarray:
    """Mean recall over the classes with rows; undefined when there is only one."""
    several = (counts.support > 0).sum(axis=-1) > 1
    return np.where(several, _macro(_recalls(counts), counts), np.nan)


def mcc(counts: ClassCounts) -> np.ndarray:
    """Matthews' correlation for K classes (Gorodkin, 2004)."""
    hits, support, predicted = _as_floats(counts)
    n = support.sum(axis=-1)
    covariance = hits.sum(axis=-1) * n - (support * predicted).sum(axis=-1)
    spread = (n**2 - (support**2).sum(axis=-1)) * (n**2 - (predicted**2).sum(axis=-1))
    return _ratio(covariance, np.sqrt(spread))


def kappa(counts: ClassCounts) -> np.ndarray:
    """Agreement beyond chance, relative to the largest possible (Cohen, 1960)."""
    hits, support, predicted = _as_floats(counts)
    n = support.sum(axis=-1)
    chance = (support * predicted).sum(axis=-1)
    return _ratio(hits.sum(axis=-1) * n - chance, n**2 - chance)


def _as_floats(counts: ClassCounts) -> tuple[Floats, Floats, Floats]:
    """Products of counts of millions of rows exceed int64."""
    return counts.hits.astype(float), counts.support.astype(float), counts.predicted.astype(float)


COUNT_METRICS: dict[str, Callable[[ClassCounts], np.ndarray]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "precision": lambda counts: _positive(_precisions(counts), counts),
    "recall": lambda counts: _positive(_recalls(counts), counts),
    "f1": lambda counts: _positive(_f1s(counts), counts),
    "precision_macro": lambda counts: _macro(_precisions(counts), counts),
    "recall_macro": lambda counts: _macro(_recalls(counts), counts),
    "f1_macro": lambda counts: _macro(_f1s(counts), counts),
    "precision_weighted": lambda counts: _weighted(_precisions(counts), counts.support),
    "recall_weighted": lambda counts: _weighted(_recalls(counts), counts.support),
    "f1_weighted": lambda counts: _weighted(_f1s(counts), counts.support),
    "mcc": mcc,
    "kappa": kappa,
}


@dataclass(frozen=True, eq=False)
class CountMetrics:
    """COUNT_METRICS of cells of rows, each with a true and a predicted class: int64 (m,)."""

    truth: np.ndarray
    predicted: np.ndarray
    n_classes: int
    names: Sequence[str]

    def scores(self, weights: np.ndarray) -> Scores:
        hit = self.truth == self.predicted
        counts = ClassCounts(
            self._sum(weights[:, hit], self.truth[hit]),
            self._sum(weights, self.truth),
            self._sum(weights, self.predicted),
        )
        return {name: COUNT_METRICS[name](counts) for name in self.names}

    def _sum(self, weights: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Weights of each class: (r, m), (m,) → (r, K)."""
        totals = np.zeros((len(weights), self.n_classes), weights.dtype)
        order = np.argsort(labels, kind="stable")
        present, starts = np.unique(labels[order], return_index=True)
        if len(present):
            totals[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
        return totals
