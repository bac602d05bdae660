"""The metrics measured after every epoch.

Their formulas are those of `counts` and `residuals`. What the formulas need is reduced where the outputs are, so that
an epoch makes no copy of the validation rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from mlcli.metrics.counts import ClassCounts, accuracy
from mlcli.metrics.measure import measure
from mlcli.metrics.residuals import ERROR_METRICS, ErrorMeans
from mlcli.models.task import Classification, FittedTask, Regression

Scorer = Callable[[Tensor, Tensor], dict[str, float]]
QUICK = {"classification": ("accuracy",), "regression": ("rmse", "mae", "r2")}


def build_scorer(task: FittedTask, watched: Iterable[str] = ()) -> Scorer:
    """(outputs, encoded targets) of all rows → the watched metrics that are not quick, and the QUICK ones.

    An undefined one is left out.
    """
    others = tuple(name for name in watched if name != "loss" and name not in QUICK[task.kind])

    def score(outputs: Tensor, y: Tensor) -> dict[str, float]:
        return {**measure_outputs(task, outputs, y, others), **_quick_scores(task, outputs, y)}

    return score


def measure_outputs(task: FittedTask, outputs: Tensor, y: Tensor, names: Sequence[str]) -> dict[str, float]:
    """Any metrics of raw outputs (n, n_outputs) against encoded targets; an undefined one is left out."""
    if not names:
        return {}
    scores = measure(task, task.decode_targets(y), task.decode(outputs), names)
    return {score.name: score.value for score in scores if score.value is not None}


def _quick_scores(task: FittedTask, outputs: Tensor, y: Tensor) -> dict[str, float]:
    if isinstance(task, Classification):
        return {"accuracy": _accuracy(task, outputs, y)} if outputs.sum().isfinite() else {}
    means = _error_means(task, outputs, y)
    scores = {name: float(ERROR_METRICS[name](means)) for name in QUICK["regression"]}
    return {name: value for name, value in scores.items() if np.isfinite([value, *means.absolute]).all()}


def _accuracy(task: Classification, outputs: Tensor, y: Tensor) -> float:
    """Accuracy follows from the totals of the classes' counts."""
    predicted = task.predicted_classes(outputs)
    hits = (predicted == y.view(-1).long().to(predicted.device)).sum().item()
    total = np.array([len(y)])
    return float(accuracy(ClassCounts(np.array([hits]), total, total)))


def _error_means(task: Regression, outputs: Tensor, y: Tensor) -> ErrorMeans:
    """Means over all rows in the targets' units, each (n_targets,); relative errors are not measured."""
    columns = zip(outputs.unbind(1), y.unbind(1), strict=True)
    reduced = torch.stack([_reduce(column, target) for column, target in columns], dim=1)
    absolute, squared, variance = reduced.cpu().double().numpy()
    std = np.array(task.std)
    return ErrorMeans(
        squared=squared * np.square(std),
        absolute=absolute * std,
        relative=np.full(std.shape, np.nan),
        centred=np.zeros(std.shape),
        centred_squared=np.where(task.constant_targets(y), 0.0, variance * np.square(std)),
    )


def _reduce(outputs: Tensor, y: Tensor) -> Tensor:
    """Mean absolute and squared error and variance of a target, (3,)."""
    y = y.contiguous()
    error = outputs - y
    return torch.stack([error.abs().mean(), error.square_().mean(), y.var(correction=0)])
