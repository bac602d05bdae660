"""Metrics of class probabilities and of the order they put rows in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlcli.task import Predictions


def ranking_scores(predictions: Predictions) -> np.ndarray:
    """What rows are ordered by, float64 (n, K): probabilities, else the one output and its negative."""
    if predictions.probabilities is not None:
        return predictions.probabilities
    margin = predictions.scores[:, :1]
    return np.hstack([-margin, margin])


def log_loss_rows(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """−ln of the probability given to the true class, (n,); probabilities are kept off 0 as in scikit-learn."""
    given = probabilities[np.arange(len(truth)), truth]
    losses: np.ndarray = -np.log(np.clip(given, np.finfo(np.float64).eps, 1.0))
    return losses


def brier_rows(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Squared error of the probabilities (Brier, 1950), (n,): of the second of two classes, else summed over all."""
    n_classes = probabilities.shape[1]
    squared = np.square(probabilities - np.eye(n_classes)[truth])
    errors: np.ndarray = squared[:, 1] if n_classes == 2 else squared.sum(axis=1)
    return errors


def roc_auc(truth: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve; NaN when the rows hold one class. See `_one_vs_rest`."""
    from sklearn.metrics import roc_auc_score

    return _one_vs_rest(roc_auc_score, truth, scores)


def pr_auc(truth: np.ndarray, scores: np.ndarray) -> float:
    """Average precision, the area under the precision-recall curve; NaN when the rows hold one class."""
    from sklearn.metrics import average_precision_score

    return _one_vs_rest(average_precision_score, truth, scores)


def _one_vs_rest(score: Callable[[np.ndarray, np.ndarray], float], truth: np.ndarray, scores: np.ndarray) -> float:
    """Of the second of two classes; of more, the mean over classes that some rows have and some have not."""
    present = np.unique(truth)
    if len(present) < 2:
        return float("nan")
    columns = [1] if scores.shape[1] == 2 else present.tolist()
    return float(np.mean([score(truth == k, scores[:, k]) for k in columns]))


ROW_METRICS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "log_loss": log_loss_rows,
    "brier": brier_rows,
}
RANK_METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {"roc_auc": roc_auc, "pr_auc": pr_auc}
