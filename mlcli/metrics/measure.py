"""Scores of predictions against the truth, with the reason where there is none."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from mlcli.config.training import Metric
from mlcli.errors import config_error
from mlcli.metrics.counts import COUNT_METRICS, confusion_matrix, count_classes, resample_counts
from mlcli.metrics.intervals import Interval, Resampler, percentile_interval, wilson_interval
from mlcli.metrics.probabilities import RANK_METRICS, ROW_METRICS, ranking_scores
from mlcli.metrics.residuals import MEAN_METRICS, ORDER_METRICS, error_columns, error_means
from mlcli.metrics.score import Score
from mlcli.task import Classification, FittedTask, Predictions, Regression

CLASS_METRICS = (*COUNT_METRICS, *RANK_METRICS, *ROW_METRICS)
NUMBER_METRICS = ("rmse", "mae", "r2", "mse", *ORDER_METRICS)
LOWER_IS_BETTER = ("log_loss", "brier", "mse", "rmse", "mae", "median_ae", "max_error")
ONE_CLASS = "the rows hold a single class"
UNDEFINED = {
    "balanced_accuracy": ONE_CLASS,
    "precision": "no row was predicted '{positive}'",
    "recall": "no row is '{positive}'",
    "f1": "no row is '{positive}'",
    "mcc": "the truth or the predictions hold a single class",
    "roc_auc": ONE_CLASS,
    "pr_auc": ONE_CLASS,
    "log_loss": "the model gives no probabilities",
    "brier": "the model gives no probabilities",
    "r2": "a target has the same value in all rows",
}


@dataclass(frozen=True)
class _Estimate:
    """A metric's value (NaN: undefined) and its values over resampled rows, (n_resamples,)."""

    value: float
    draws: np.ndarray | None = None


_Estimates = Mapping[str, Callable[[], _Estimate]]


def measure(
    task: FittedTask,
    truth: np.ndarray,
    predictions: Predictions,
    names: Literal["auto"] | Sequence[str],
    confidence: float | None = None,
    seed: int = 0,
) -> list[Score]:
    """Score predictions.

    truth      : as `task.truth` gives it, (n,) class indices or (n, n_targets)
    names      : metrics in the order wanted; "auto" is all that suit the task
    confidence : level of the intervals; None computes none. Accuracy has Wilson's interval, the
                 other metrics that are counts or means one from 1,000 resamples drawn from `seed`

    Raises ConfigError for a metric that does not suit the task.
    """
    chosen = metric_names(task, names)
    if reason := _why_unmeasurable(predictions):
        return [_build_score(task, name, None, reason, None) for name in chosen]
    resampler = Resampler(seed) if confidence is not None and len(truth) > 1 else None
    estimate = _estimate_numbers if isinstance(task, Regression) else _estimate_classes
    with np.errstate(over="ignore", invalid="ignore"):
        estimates = estimate(truth, predictions, chosen, resampler)
    return [_score(task, name, estimates[name], len(truth), confidence) for name in chosen]


def metric_names(task: FittedTask, names: Literal["auto"] | Sequence[str]) -> tuple[str, ...]:
    """The metrics to compute. Raises ConfigError for one that does not suit the task."""
    suitable = NUMBER_METRICS if isinstance(task, Regression) else CLASS_METRICS
    if names == "auto":
        return suitable
    for name in names:
        if name not in suitable:
            raise config_error("evaluation.metrics", _unsuitable(name, task, suitable))
    return tuple(dict.fromkeys(names))


def _unsuitable(name: str, task: FittedTask, suitable: Sequence[str]) -> str:
    if name in get_args(Metric):
        return f"'{name}' does not suit {task.kind}; choose from {', '.join(suitable)}"
    near = difflib.get_close_matches(name, suitable, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"unknown metric '{name}'; {hint}choose from {', '.join(suitable)}"


def _why_unmeasurable(predictions: Predictions) -> str | None:
    if len(predictions) == 0:
        return "there are no rows"
    wrong = int((~np.isfinite(predictions.scores)).any(axis=1).sum())
    return f"{wrong} of {len(predictions)} predictions are not finite numbers" if wrong else None


def _estimate_classes(
    truth: np.ndarray, predictions: Predictions, names: Sequence[str], resampler: Resampler | None
) -> dict[str, _Estimate]:
    scores = ranking_scores(predictions)
    confusion = confusion_matrix(truth, predictions.values, scores.shape[1])
    counts = count_classes(confusion)
    drawn = resample_counts(confusion, resampler) if resampler else None
    estimates: dict[str, _Estimate] = {}
    for name in names:
        if name in COUNT_METRICS:
            metric = COUNT_METRICS[name]
            estimates[name] = _Estimate(float(metric(counts)), metric(drawn) if drawn else None)
        elif name in RANK_METRICS:
            estimates[name] = _Estimate(RANK_METRICS[name](truth, scores))
    return estimates | _estimate_rows(truth, predictions, [n for n in names if n in ROW_METRICS], resampler)


def _estimate_rows(
    truth: np.ndarray, predictions: Predictions, names: Sequence[str], resampler: Resampler | None
) -> dict[str, _Estimate]:
    """Metrics that are means of a number per row."""
    if predictions.probabilities is None:
        return {name: _Estimate(math.nan) for name in names}
    if not names:
        return {}
    columns = np.column_stack([ROW_METRICS[name](truth, predictions.probabilities) for name in names])
    means = columns.mean(axis=0)
    drawn = resampler.means(columns) if resampler else None
    return {
        name: _Estimate(float(means[i]), drawn[:, i] if drawn is not None else None) for i, name in enumerate(names)
    }


def _estimate_numbers(
    truth: np.ndarray, predictions: Predictions, names: Sequence[str], resampler: Resampler | None
) -> dict[str, _Estimate]:
    columns = error_columns(truth, predictions.values)
    means = error_means(columns.mean(axis=0))
    drawn = error_means(resampler.means(columns)) if resampler else None
    estimates: dict[str, _Estimate] = {}
    for name in names:
        if name in MEAN_METRICS:
            metric = MEAN_METRICS[name]
            estimates[name] = _Estimate(float(metric(means)), metric(drawn) if drawn else None)
        else:
            estimates[name] = _Estimate(ORDER_METRICS[name](truth, predictions.values))
    return estimates


def _score(task: FittedTask, name: str, estimate: _Estimate, n_rows: int, confidence: float | None) -> Score:
    if not math.isfinite(estimate.value):
        return _build_score(task, name, None, _why_undefined(task, name, estimate.value), None)
    interval = None
    if confidence is not None and estimate.draws is not None:
        interval = percentile_interval(estimate.draws, confidence)
    if confidence is not None and name == "accuracy":
        interval = wilson_interval(estimate.value, n_rows, confidence)
    return _build_score(task, name, estimate.value, None, interval)


def _why_undefined(task: FittedTask, name: str, value: float) -> str:
    if math.isinf(value):
        return "the errors are too large to be squared"
    positive = task.classes[1] if isinstance(task, Classification) else ""
    return UNDEFINED[name].format(positive=positive)


def _build_score(
    task: FittedTask, name: str, value: float | None, reason: str | None, interval: Interval | None
) -> Score:
    low, high = interval or (None, None)
    return Score(name, value, reason, low, high, name not in LOWER_IS_BETTER, _unit(task, name))


def _unit(task: FittedTask, name: str) -> str:
    """The target's name for its errors; none where several targets are averaged."""
    if isinstance(task, Classification) or len(task.targets) > 1 or name == "r2":
        return ""
    return f"{task.targets[0]}²" if name == "mse" else task.targets[0]
