"""The figures that every evaluation has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlcli.evaluation.counts import confusion_matrix
from mlcli.evaluation.figures.confusion import draw_confusion
from mlcli.evaluation.figures.curves import draw_precision_recall, draw_roc
from mlcli.evaluation.figures.learning import draw_learning_curve
from mlcli.evaluation.figures.residuals import draw_residuals
from mlcli.evaluation.probabilities import ranking_scores
from mlcli.task import Classification, FittedTask, Predictions, Regression

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.training.state import EpochRecord

# Classes above which a confusion matrix is a blur, and targets above which residuals are not drawn.
MAX_CLASSES, MAX_TARGETS = 200, 6


def draw_evaluation(
    task: FittedTask, truth: np.ndarray, predictions: Predictions, history: Sequence[EpochRecord], best_epoch: int
) -> dict[str, Figure]:
    """Figures by name, in the order a reader wants them; truth as `task.truth` gives it."""
    figures = {"learning_curve": draw_learning_curve(history, best_epoch)} if history else {}
    if not np.isfinite(predictions.scores).all() or not len(predictions):
        return figures
    if isinstance(task, Regression):
        return _draw_residuals(task, truth, predictions) | figures
    return _draw_classes(task, truth, predictions) | figures


def _draw_residuals(task: Regression, truth: np.ndarray, predictions: Predictions) -> dict[str, Figure]:
    targets = task.targets[:MAX_TARGETS]
    names = ["residuals"] if len(task.targets) == 1 else [f"residuals_{i + 1}" for i in range(len(targets))]
    return {name: draw_residuals(truth[:, i], predictions.values[:, i], targets[i]) for i, name in enumerate(names)}


def _draw_classes(task: Classification, truth: np.ndarray, predictions: Predictions) -> dict[str, Figure]:
    scores = ranking_scores(predictions)
    threshold = task.threshold if task.has_probabilities and len(task.classes) == 2 else None
    figures = {}
    if len(task.classes) <= MAX_CLASSES:
        confusion = confusion_matrix(truth, predictions.values, len(task.classes))
        figures["confusion"] = draw_confusion(confusion, task.classes)
    figures["roc"] = draw_roc(truth, scores, task.classes, threshold)
    figures["precision_recall"] = draw_precision_recall(truth, scores, task.classes, threshold)
    return figures
