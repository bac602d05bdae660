"""The scores measured after every epoch, by raw outputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from mlcli.config.sections.training import Metric
from mlcli.metrics.counts import ClassCounts, accuracy
from mlcli.metrics.intervals import Floats
from mlcli.metrics.measure import measure, metric_names
from mlcli.metrics.residuals import ERROR_METRICS, ErrorMeans
from mlcli.models.predictions import MeasuredAs
from mlcli.models.task import Classification, FittedTask, Regression


class Scorer(Protocol):
    """Scores of all rows."""

    def __call__(self, outputs: ArrayLike, y: ArrayLike, weights: Floats | None = None) -> dict[str, float]:
        """Of raw outputs, encoded targets and the rows' weights (n,), which are None where all count alike."""


# The metrics measured after every epoch, with the one that a model is judged by; the first is what the loss stands for.
QUICK: dict[MeasuredAs, tuple[Metric, ...]] = {
    "classification": ("accuracy",),
    "regression": ("rmse", "mae", "r2"),
    "quantile": ("pinball", "coverage"),
    "counts": ("poisson_deviance", "rmse", "mae", "r2"),
}
# Their formulas need means over the rows alone, so that an epoch decodes none.
REDUCED = ("accuracy", "rmse", "mae", "r2")


def build_scorer(task: FittedTask, watched: Iterable[str] = ()) -> Scorer:
    """QUICK, the headline and what is watched, in the order of step 4.

    An undefined one is left out.
    """
    quick, names = QUICK[task.measured_as], metric_names(task, "auto")
    places = {name: at for at, name in enumerate(names)}
    others = tuple(dict.fromkeys(name for name in (names[0], *watched) if name != "loss" and name not in quick))

    def score(outputs: ArrayLike, y: ArrayLike, weights: Floats | None = None) -> dict[str, float]:
        decoded = weights is not None or (isinstance(task, Regression) and bool(task.transforms))
        if decoded or not set(quick) <= set(REDUCED):
            scores = measure_outputs(task, outputs, y, (*others, *quick), weights)
        else:
            quick_scores = _quick_scores(task, np.asarray(outputs), np.asarray(y))
            scores = {**measure_outputs(task, outputs, y, others), **quick_scores}
        return {name: scores[name] for name in sorted(scores, key=lambda name: places.get(name, len(places)))}

    return score


def measure_outputs(
    task: FittedTask, outputs: ArrayLike, y: ArrayLike, names: Sequence[str], weights: Floats | None = None
) -> dict[str, float]:
    """Any metrics of raw outputs (n, n_outputs) against encoded targets; an undefined one is left out.

    Means that are not corrected yet are corrected by these rows. weights : (n,), as `measure` takes them
    """
    if not names:
        return {}
    if isinstance(task, Regression) and not task.smearing:
        task = task.measure_smearing(outputs, y, weights)
    scores = measure(task, task.decode_targets(y), task.decode(outputs), names, weights=weights)
    return {score.name: score.value for score in scores if score.value is not None}


def _quick_scores(task: FittedTask, outputs: np.ndarray, y: np.ndarray) -> dict[str, float]:
    if isinstance(task, Classification):
        if not np.isfinite(outputs).all():
            return {}
        hits = int((task.predicted_classes(outputs) == task.decode_targets(y)).sum())
        total = np.array([len(y)])
        # Accuracy follows from the totals of the classes' counts.
        return {"accuracy": float(accuracy(ClassCounts(np.array([hits]), total, total)))}
    means = _error_means(task, outputs, y)
    scores = {name: float(ERROR_METRICS[name](means)) for name in QUICK["regression"]}
    return {name: value for name, value in scores.items() if np.isfinite([value, *means.absolute]).all()}


@np.errstate(all="ignore")
def _error_means(task: Regression, outputs: np.ndarray, y: np.ndarray) -> ErrorMeans:
    """Means over all rows in the targets' units, each (n_targets,); relative errors are not measured."""
    error, wide = outputs.astype(np.float64) - y, y.astype(np.float64)
    absolute, squared, variance = np.abs(error).mean(axis=0), np.square(error).mean(axis=0), wide.var(axis=0)
    std = np.array(task.std)
    return ErrorMeans(
        squared=squared * np.square(std),
        absolute=absolute * std,
        relative=np.full(std.shape, np.nan),
        centred=np.zeros(std.shape),
        centred_squared=np.where(task.constant_targets(y), 0.0, variance * np.square(std)),
    )
