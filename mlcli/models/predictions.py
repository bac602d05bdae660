"""What a model predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

# What predictions are measured as: classes; the mean of a number, a quantile of it, or the mean of a count.
MeasuredAs = Literal["classification", "regression", "quantile", "counts"]


@dataclass(frozen=True)
class Predictions:
    """Predictions for n rows.

    values        : regression float64 (n, n_targets) in the target's units; classes int64 (n,), indices
    probabilities : float64 (n, K), or None for regression, step outputs and margin losses
    scores        : float64 (n, n_outputs), the network's raw outputs (logits for classes)
    """

    values: np.ndarray
    probabilities: np.ndarray | None
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    @property
    def probabilities_or_scores(self) -> np.ndarray:
        """Probabilities where there are any, else scores."""
        return self.scores if self.probabilities is None else self.probabilities

    def mean_probabilities(self, weights: np.ndarray | None = None) -> np.ndarray | None:
        """Of each class, over rows of these weights (n,), or that count alike; None without probabilities or rows."""
        if self.probabilities is None or not len(self):
            return None
        means: np.ndarray = np.average(self.probabilities, axis=0, weights=weights)
        return means

    def of_target(self, index: int) -> Predictions:
        """Those of one of several numbers."""
        own = slice(index, index + 1)
        return Predictions(self.values[:, own], None, self.scores[:, own])

    def at(self, rows: slice | np.ndarray) -> Predictions:
        """The predictions for these rows."""
        probabilities = None if self.probabilities is None else self.probabilities[rows]
        return Predictions(self.values[rows], probabilities, self.scores[rows])


def why_unmeasurable(predictions: Predictions) -> str | None:
    """Why no metric of these predictions has a value; None where some can."""
    if len(predictions) == 0:
        return "there are no rows"
    wrong = count_unmeasurable(predictions)
    return f"{wrong} of {len(predictions)} predictions are not finite numbers" if wrong else None


def count_unmeasurable(predictions: Predictions) -> int:
    """Predictions with a number that is not finite."""
    numbers = (predictions.scores, predictions.values.reshape(len(predictions), -1))
    return int(np.any([~np.isfinite(own).all(axis=1) for own in numbers], axis=0).sum())
