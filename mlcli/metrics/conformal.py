"""Split-conformal intervals of numbers and sets of classes, calibrated on validation rows (Vovk et al., 2005)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import UsageError
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask, Regression

if TYPE_CHECKING:
    from mlcli.metrics.intervals import Floats, Interval

# Validation rows that are kept, at most: drawn at random.
MAX_ROWS = 200_000
# The lowest mean of a count, in its units: a smaller one is predicted by nothing but a limit of float32.
LEAST_COUNT = 1e-6


@dataclass(frozen=True, eq=False)
class ValidationScores:
    """How well the validation rows were predicted, without the rows: thresholds, intervals and sets are chosen by it.

    scores  : float64 (n, k), rows in random order. Two classes: the second one's probability, (n, 1). More classes: the
              true one's, (n, 1). Numbers: the truth less the prediction of each target, for counts divided by the
              square root of the prediction; of transformed targets, of what the network learns
    truth   : int64 (n,), class indices; 0 for numbers
    weights : float64 (n,), 1 / the kept rows of the row's group, 1 for independent rows; times their row_weights
    row_weights : float64 (n,), the rows' own as multiples of their mean; None where all count alike
    """

    scores: Floats
    truth: NDArray[np.int64]
    weights: Floats
    row_weights: Floats | None = None

    @property
    def n_independent(self) -> int:
        """Rows, or groups where rows of a group are alike."""
        return round(float(self.weights.sum()))


def require_scores(kept: ValidationScores | None, option: str) -> ValidationScores:
    """Raise UsageError where a bundle has nothing to choose by."""
    if kept is None:
        raise UsageError(
            f"{option}: the model keeps no validation scores, by which it is chosen: an earlier version made it, or it "
            "was trained without validation rows or without probabilities; train it again with dataset.split.valid "
            "above 0"
        )
    return kept


def check_level(level: float | None) -> None:
    """Raise UsageError for an --interval that is no share."""
    if level is not None and not 0 < level < 1:
        raise UsageError(f"--interval: must be between 0 and 1, such as 0.9; got {level:g}")


def score_validation(
    task: FittedTask,
    truth: np.ndarray,
    predictions: Predictions,
    groups: np.ndarray | None,
    seed: int,
    row_weights: np.ndarray | None = None,
) -> ValidationScores | None:
    """None without rows, for classes without probabilities, and for predictions that are not finite.

    truth       : as `task.truth` gives it
    row_weights : of the rows, of any scale; those of weight 0 are not kept
    """
    rows = np.random.default_rng(seed).permutation(len(truth))[:MAX_ROWS]
    rows = rows if row_weights is None else rows[row_weights[rows] > 0]
    truth, found = truth[rows], predictions.at(rows)
    if isinstance(task, Regression):
        scores, truth = _errors(task, truth, found), np.zeros(len(rows), np.int64)
    elif found.probabilities is None:
        return None
    else:
        of_true = found.probabilities[np.arange(len(rows)), truth]
        scores = found.probabilities[:, 1:] if len(task.classes) == 2 else of_true[:, None]
    if not len(rows) or not np.isfinite(scores).all():
        return None
    weights = np.ones(len(rows))
    if groups is not None:
        _, inverse, counts = np.unique(groups[rows], return_inverse=True, return_counts=True)
        weights = 1 / counts[inverse]
    if row_weights is not None:
        row_weights = row_weights[rows] / row_weights[rows].mean()
        weights = weights * row_weights
    return ValidationScores(scores, truth, weights, row_weights)


def _errors(task: Regression, truth: Floats, predictions: Predictions) -> Floats:
    """As `ValidationScores` has them."""
    if task.transforms:
        errors: Floats = task.standardise(truth).astype(np.float64) - predictions.scores
    else:
        errors = (truth - predictions.values) / _spread(task, predictions.values)
    return errors


def _spread(task: Regression, values: Floats) -> Floats:
    """What errors are in proportion to, (n, n_targets): of counts the square root of the mean, else 1."""
    spread: Floats = np.sqrt(np.maximum(values, LEAST_COUNT)) if task.output == "exp" else np.ones_like(values)
    return spread


def conformal_quantile(scores: Floats, weights: Floats, level: float) -> float:
    """What the score of a new row exceeds with a probability of at most 1 − level; infinite where the rows are too few.

    A new row counts as much as an average one (Tibshirani et al., 2019).

    scores, weights : (n,). Of independent rows it is the ceil((n + 1)·level)-th lowest score; of G groups with weights
    1 / rows of the group, the lowest score whose weights below sum to (G + 1)·level (Lee, Barber and Willett, 2023).
    """
    order = np.argsort(scores)
    below = weights[order].cumsum()
    at = int(np.searchsorted(below, level * (weights.sum() + 1) - 1e-9))
    return float(scores[order[at]]) if at < len(scores) else np.inf


def predict_intervals(
    task: Regression, kept: ValidationScores, predictions: Predictions, level: float
) -> tuple[Floats, Floats]:
    """Lowest and highest value of each row and target, float64 (n, n_targets) each.

    A mean has the same reach on both sides; a predicted quantile, equal shares of the rest beyond both ends.
    Raises UsageError where the validation rows are too few for the level.
    """
    reach = np.array([_reach(task, own, kept.weights, level) for own in kept.scores.T])
    if not np.isfinite(reach).all():
        raise UsageError(_too_few(kept, level, tails=1 if task.q is None else 2))
    if task.transforms:
        ends = (predictions.scores - reach[:, 0], predictions.scores + reach[:, 1])
        low, high = (task.decode_targets(end) for end in ends)
        return low, high
    values, spread = predictions.values, _spread(task, predictions.values)
    low, high = values - reach[:, 0] * spread, values + reach[:, 1] * spread
    return (np.maximum(low, 0.0), high) if task.output == "exp" else (low, high)


def _reach(task: Regression, errors: Floats, weights: Floats, level: float) -> Interval:
    if task.q is None:
        reach = conformal_quantile(np.abs(errors), weights, level)
        return reach, reach
    each = (1 + level) / 2
    return conformal_quantile(-errors, weights, each), conformal_quantile(errors, weights, each)


def predict_sets(task: Classification, kept: ValidationScores, predictions: Predictions, level: float) -> np.ndarray:
    """Whether each class is in the row's set, bool (n, K): those of a probability at least that of enough true classes.

    The sets are the smallest on average (LAC; Sadinle et al., 2019), but always have the predicted class.
    Raises UsageError where the validation rows are too few for the level.
    """
    of_true = kept.scores[:, 0]
    if len(task.classes) == 2:
        of_true = np.where(kept.truth == 1, of_true, 1 - of_true)
    limit = conformal_quantile(1 - of_true, kept.weights, level)
    if not np.isfinite(limit):
        raise UsageError(_too_few(kept, level, tails=1))
    inside: np.ndarray = 1 - np.asarray(predictions.probabilities) <= limit
    inside[np.arange(len(inside)), predictions.values] = True
    return inside


def _too_few(kept: ValidationScores, level: float, tails: int) -> str:
    n = kept.n_independent
    what = "validation rows" if len(kept.weights) == n else "groups of validation rows"
    highest = max(0.0, 1 - tails / (n + 1))
    remedy = f"use at most {int(1000 * highest) / 1000:g}, or train with a larger dataset.split.valid"
    return f"--interval {level:g}: the model was calibrated on {n:,} {what}, too few for this level; {remedy}"
