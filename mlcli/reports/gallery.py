"""The figures of an evaluated model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mlcli.data.tables.frames import collect
from mlcli.data.tables.types import Dataset, Images, Table
from mlcli.evaluation.evaluate import Evaluation
from mlcli.metrics.catalog import CATALOG, higher_is_better
from mlcli.metrics.probabilities import ranking_scores
from mlcli.models.coefficients import LinearWeights, WeightsTable
from mlcli.models.inference import FittedNetwork
from mlcli.models.predictions import Predictions, why_unmeasurable
from mlcli.models.task import Classification, FittedTask, Regression
from mlcli.reports.figures.classification import draw_confusion, draw_precision_recall, draw_roc
from mlcli.reports.figures.columns import draw_first_layer, draw_importance, draw_weights
from mlcli.reports.figures.effects import draw_effect, draw_interaction
from mlcli.reports.figures.learning import (
    draw_learning_curve,
    draw_metric_curve,
    draw_overlay,
    draw_rate_curve,
    rate_moved,
    shown_metric,
)
from mlcli.reports.figures.probabilities import draw_calibration, draw_thresholds
from mlcli.reports.figures.regression import draw_decision_boundary, draw_heat_map, draw_line_fit, draw_residuals
from mlcli.runs.bundle import Bundle
from mlcli.training.state import EpochRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Folds whose curves are drawn, at most.
MAX_CURVES = 20
# Targets whose residuals are drawn, at most.
MAX_TARGETS = 6


@dataclass(frozen=True)
class EvaluatedModel:
    """A model and the rows it was measured on.

    truth         : as `task.truth` gives it
    predict       : predictions for new rows
    first_layer   : float (n_units, height, width[, channels]), weights of units whose inputs are pixels, else None
    unit_names    : of those units: the classes where there is no hidden layer
    input_weights : float (n_inputs, n_outputs) of a model without hidden layers, per unit of the scaled inputs
    input_names   : names of those inputs
    """

    task: FittedTask
    data: Dataset
    truth: np.ndarray
    predictions: Predictions
    evaluation: Evaluation
    history: Sequence[EpochRecord]
    best_epoch: int
    predict: Callable[[Dataset], Predictions]
    first_layer: np.ndarray | None = None
    unit_names: tuple[str, ...] = ()
    input_weights: np.ndarray | None = None
    input_names: tuple[str, ...] = ()


def draw_gallery(subject: EvaluatedModel) -> dict[str, Figure]:
    """The figures by name, in the order in which they are read."""
    figures = _of_training(subject)
    if why_unmeasurable(subject.predictions):
        return figures
    if isinstance(subject.task, Classification):
        figures |= _of_classes(subject, subject.task)
    else:
        for i, target in enumerate(subject.task.targets[:MAX_TARGETS]):
            name = "residuals" if len(subject.task.targets) == 1 else f"residuals_{i + 1}"
            figures[name] = draw_residuals(
                subject.truth[:, i],
                subject.predictions.values[:, i],
                target,
                subject.task.q,
                subject.data.row_weights,
            )
    figures |= _of_columns(subject.evaluation)
    figures |= _of_inputs(subject)
    if subject.first_layer is not None:
        figures["first_layer"] = draw_first_layer(subject.first_layer, subject.unit_names)
    elif (weights := subject.input_weights) is not None:
        task = subject.task
        outputs = task.targets if isinstance(task, Regression) else task.classes[-weights.shape[1] :]
        figures["weights"] = draw_weights(subject.input_names, weights, outputs)
    return figures


def _of_training(subject: EvaluatedModel) -> dict[str, Figure]:
    """Loss, metric and learning rate over epochs, where they were recorded."""
    history, figures = subject.history, {}
    if history:
        figures["learning_curve"] = draw_learning_curve(history, subject.best_epoch)
    headline = next((score.name for score in subject.evaluation.scores), "")
    metric = shown_metric(history, headline)
    if metric and (metric not in CATALOG or CATALOG[metric].higher_is_better is not None):
        figures["metric_curve"] = draw_metric_curve(history, metric, higher_is_better(metric), subject.best_epoch)
    folds = subject.evaluation.folds
    if folds is not None and 0 < len(folds.curves) <= MAX_CURVES and any(folds.curves[0]):
        named = {f"fold {number}": curve for number, curve in enumerate(folds.curves, 1)}
        figures["fold_curves"] = draw_overlay("validation loss", "Each fold's training, after each epoch.", named)
    if rate_moved(history):
        figures["learning_rate"] = draw_rate_curve(history)
    return figures


def _of_classes(subject: EvaluatedModel, task: Classification) -> dict[str, Figure]:
    truth, predictions, weights = subject.truth, subject.predictions, subject.data.row_weights
    if weights is not None:
        kept = np.flatnonzero(weights)
        truth, predictions, weights = truth[kept], predictions.at(kept), weights[kept]
    scores, probabilities, threshold = (
        ranking_scores(predictions),
        predictions.probabilities,
        subject.evaluation.threshold,
    )
    figures: dict[str, Figure] = {}
    if subject.evaluation.confusion is not None:
        figures["confusion_matrix"] = draw_confusion(np.array(subject.evaluation.confusion), task.classes)
    figures["roc"] = draw_roc(truth, scores, task.classes, threshold, weights)
    figures["precision_recall"] = draw_precision_recall(truth, scores, task.classes, threshold, weights)
    if probabilities is not None:
        figures["calibration"] = draw_calibration(truth, probabilities, task.classes, weights)
    if probabilities is not None and threshold is not None:
        figures["thresholds"] = draw_thresholds(truth, probabilities[:, 1], task.classes, threshold, weights)
    return figures


def _of_columns(evaluation: Evaluation) -> dict[str, Figure]:
    """Importances, then effects; those of one output are drawn on the same scale."""
    figures: dict[str, Figure] = {}
    if evaluation.importances is not None and evaluation.importances.columns:
        figures["importance"] = draw_importance(evaluation.importances)
    if (effects := evaluation.effects) is None:
        return figures
    for number, effect in enumerate(effects.columns, 1):
        alike = [own for own in effects.columns if own.output == effect.output]
        ends = min(min(own.low + own.mean) for own in alike), max(max(own.high + own.mean) for own in alike)
        figures[f"effect_{number}"] = draw_effect(effect, ends)
    if effects.pair is not None:
        figures["effect_pair"] = draw_interaction(effects.pair)
    return figures


def _of_inputs(subject: EvaluatedModel) -> dict[str, Figure]:
    """The fitted curve of one number column, or the predictions over two."""
    data, task = subject.data, subject.task
    if isinstance(data, Images) or len(data.features) > 2 or any(column.kind != "number" for column in data.features):
        return {}
    names = tuple(column.name for column in data.features)
    points = collect(data.rows.select(names)).to_numpy().astype(np.float64)
    known = np.isfinite(points).all(axis=1)
    points, truth = points[known], subject.truth[known]

    def answers(grid: np.ndarray) -> np.ndarray:
        frame = pl.DataFrame({name: grid[:, i] for i, name in enumerate(names)})
        predictions = subject.predict(Table(frame, data.features, ()))
        if isinstance(task, Regression):
            return np.asarray(predictions.values[:, 0])
        return predictions.values if predictions.probabilities is None else predictions.probabilities

    match names, task:
        case (name,), Regression(targets=(target,)):
            return {"line_fit": draw_line_fit(answers, points[:, 0], truth[:, 0], name, target)}
        case (first, second), Regression(targets=(target,)):
            return {"heat_map": draw_heat_map(answers, points, truth[:, 0], (first, second), target)}
        case (first, second), Classification(classes=classes):
            return {"decision_boundary": draw_decision_boundary(answers, points, truth, (first, second), classes)}
    return {}


def shown_weights(bundle: Bundle) -> dict[str, Any]:
    """The weights that a figure can show: those of pixels as images, those of a linear model as bars."""
    if not isinstance(bundle.model, FittedNetwork) or not bundle.model.is_plain:
        return {}
    linear = not bundle.config.model.hidden
    weights = bundle.model.weights["output.weight" if linear else "hidden.0.weight"]
    if shape := bundle.features.schema.image_shape:
        if weights.shape[1] != np.prod(shape):
            return {}
        names = bundle.task.classes if linear and isinstance(bundle.task, Classification) else ()
        return {"first_layer": weights.reshape(-1, *shape), "unit_names": names[-len(weights) :]}
    if not linear:
        return {}
    return {"input_weights": weights.T, "input_names": bundle.features.layout.names}


def describe_weights(table: LinearWeights) -> WeightsTable:
    """A linear model's weights for the report."""
    summed = {"target": "prediction", "log": "logarithm of the prediction"}.get(table.unit, table.unit)
    return WeightsTable(
        features=table.features,
        outputs=table.outputs,
        weights=tuple(map(tuple, table.weights.T.tolist())),
        bias=tuple(table.intercept.tolist()),
        caption=f"Weights in the data's own units: what one more unit of a feature adds to the {summed}.",
    )
