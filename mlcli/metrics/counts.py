"""Metrics of class decisions; all follow from three counts per class.

Undefined values are NaN. With two classes precision, recall and F1 speak of the second; with more
they are averaged over the classes that occur in the truth, and a class never predicted counts as
precision 0 (as in scikit-learn).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlcli.metrics.intervals import Resampler


@dataclass(frozen=True)
class ClassCounts:
    """Rows per class, each (..., K): rightly predicted, present in the truth, predicted."""

    hits: np.ndarray
    support: np.ndarray
    predicted: np.ndarray


@dataclass(frozen=True)
class ClassScore:
    """How one class fares; None where a score is undefined. support: its rows."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Rows by true class (first axis) and predicted class: int64 (K, K)."""
    return np.bincount(truth * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


def count_classes(confusion: np.ndarray) -> ClassCounts:
    """The counts of a confusion matrix (K, K)."""
    return ClassCounts(np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0))


def resample_counts(confusion: np.ndarray, resampler: Resampler) -> ClassCounts:
    """Counts over resampled rows, each (n_resamples, K)."""
    truth, predicted = confusion.nonzero()
    hit = truth == predicted
    n_classes = len(confusion)
    hits, support, chosen = [], [], []
    for cells in resampler.counts(confusion[truth, predicted]):
        hits.append(_sum_by(cells[:, hit], truth[hit], n_classes))
        support.append(_sum_by(cells, truth, n_classes))
        chosen.append(_sum_by(cells, predicted, n_classes))
    return ClassCounts(np.concatenate(hits), np.concatenate(support), np.concatenate(chosen))


def _sum_by(cells: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Sum columns of the same label: (b, m), (m,) → (b, K)."""
    totals = np.zeros((n_classes, len(cells)), cells.dtype)
    np.add.at(totals, labels, cells.T)
    return totals.T


def class_table(counts: ClassCounts, names: tuple[str, ...]) -> tuple[ClassScore, ...]:
    """Precision, recall, F1 and support of each class; counts are (K,)."""
    columns = (_precisions(counts), _recalls(counts), _f1s(counts))
    rows = zip(names, *(map(_defined, column) for column in columns), counts.support.tolist(), strict=True)
    return tuple(ClassScore(*row) for row in rows)


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


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


def _average(values: np.ndarray, counts: ClassCounts) -> np.ndarray:
    """The second of two classes; of more, the mean over classes with rows, undefined ones as 0."""
    if values.shape[-1] == 2:
        return values[..., 1]
    present = counts.support > 0
    return _ratio(np.where(present, np.nan_to_num(values), 0.0).sum(axis=-1), present.sum(axis=-1))


def accuracy(counts: ClassCounts) -> np.ndarray:
    """(TP + TN) / total."""
    return _ratio(counts.hits.sum(axis=-1), counts.support.sum(axis=-1))


def balanced_accuracy(counts: ClassCounts) -> np.ndarray:
    """Mean recall over the classes with rows; undefined when there is only one."""
    present = counts.support > 0
    mean = _ratio(np.where(present, np.nan_to_num(_recalls(counts)), 0.0).sum(axis=-1), present.sum(axis=-1))
    return np.where(present.sum(axis=-1) > 1, mean, np.nan)


def precision(counts: ClassCounts) -> np.ndarray:
    """TP / (TP + FP)."""
    return _average(_precisions(counts), counts)


def recall(counts: ClassCounts) -> np.ndarray:
    """TP / (TP + FN)."""
    return _average(_recalls(counts), counts)


def f1(counts: ClassCounts) -> np.ndarray:
    """Harmonic mean of precision and recall."""
    return _average(_f1s(counts), counts)


def mcc(counts: ClassCounts) -> np.ndarray:
    """Matthews' correlation for K classes (Gorodkin, 2004)."""
    hits, support, predicted = (part.astype(float) for part in (counts.hits, counts.support, counts.predicted))
    n = support.sum(axis=-1)
    covariance = hits.sum(axis=-1) * n - (support * predicted).sum(axis=-1)
    spread = (n**2 - (support**2).sum(axis=-1)) * (n**2 - (predicted**2).sum(axis=-1))
    return _ratio(covariance, np.sqrt(spread))


COUNT_METRICS: dict[str, Callable[[ClassCounts], np.ndarray]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "mcc": mcc,
}
