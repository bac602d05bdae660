"""The target as the fitting of features sees it, and target encoding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FOLDS = 5


@dataclass(frozen=True)
class Goal:
    """The training target.

    y : class indices (n,) or numbers (n, t)
    """

    y: np.ndarray
    classification: bool

    @classmethod
    def of(cls, y: np.ndarray, *, classification: bool) -> Goal:
        """Bring y to its shape."""
        if classification:
            return cls(np.asarray(y, dtype=np.int64).reshape(-1), classification=True)
        return cls(np.asarray(y, dtype=np.float64).reshape(len(y), -1), classification=False)

    def as_numbers(self) -> np.ndarray:
        """float64 (n, t): numbers as they are, two classes as 0/1, K classes as K columns of 0/1."""
        if not self.classification:
            return self.y
        n_classes = int(self.y.max()) + 1
        if n_classes <= 2:
            return self.y.astype(np.float64)[:, None]
        flags: np.ndarray = np.eye(n_classes)[self.y]
        return flags


def folds_of(start: int, stop: int) -> np.ndarray:
    """The cross-fitting fold of training rows start … stop - 1: row i is in fold i % 5."""
    return np.arange(start, stop) % FOLDS


def cross_fitted_means(codes: np.ndarray, size: int, y: np.ndarray) -> np.ndarray:
    """Smoothed target means of each code, float64 (6, size, t).

    Table f < 5 is fitted without the rows of fold f, so that no training row sees its own target;
    table 5 is fitted on all rows and serves every other row.
    """
    folds = folds_of(0, len(codes))
    tables = [smoothed_means(codes[folds != fold], size, y[folds != fold]) for fold in range(FOLDS)]
    whole = smoothed_means(codes, size, y)
    # With fewer than two rows some folds leave nothing to fit on.
    usable = [table if (folds != fold).any() else whole for fold, table in enumerate(tables)]
    return np.stack([*usable, whole])


def smoothed_means(codes: np.ndarray, size: int, y: np.ndarray) -> np.ndarray:
    """Empirical-Bayes means of y (n, t) by code, float64 (size, t).

    Blends the mean of a category with that of all rows, by the variances within and between
    (Micci-Barreca, 2001, equations 5 and 6); codes without rows get the overall mean.
    """
    counts = np.bincount(codes, minlength=size).astype(np.float64)
    means = np.empty((size, y.shape[1]))
    for t, column in enumerate(y.T):
        overall, variance = (column.mean(), column.var()) if len(column) else (0.0, 0.0)
        own = np.bincount(codes, column, minlength=size) / np.maximum(counts, 1)
        within = np.bincount(codes, (column - own[codes]) ** 2, minlength=size) / np.maximum(counts, 1)
        evidence = variance * counts
        total = evidence + within
        trust = np.divide(evidence, total, out=np.zeros(size), where=total > 0)
        means[:, t] = trust * own + (1 - trust) * overall
    return means
