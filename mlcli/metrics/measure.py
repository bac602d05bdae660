"""Scores of predictions against the truth, on the rows and on resamples of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from mlcli.config.sections.training import Metric
from mlcli.errors import config_error
from mlcli.io.text import nearest
from mlcli.metrics.catalog import CATALOG, MetricFacts, Score, auto_names, names_for
from mlcli.metrics.counts import COUNT_METRICS, CountMetrics
from mlcli.metrics.intervals import (
    Interval,
    MetricGroup,
    Resampler,
    Scores,
    noise_interval,
    percentile_interval,
    wilson_interval,
)
from mlcli.metrics.probabilities import (
    ECE_NOISE,
    PROBABILITY_METRICS,
    RANK_METRICS,
    probability_metrics,
    rank_metrics,
    ranking_scores,
)
from mlcli.metrics.residuals import ERROR_METRICS, ErrorMetrics, error_columns, order_metrics
from mlcli.models.task import Classification, FittedTask, Predictions, Regression


@dataclass(frozen=True, eq=False)
class ScoredSample:
    """Scores of one model's predictions.

    values : of each metric; NaN where it is undefined
    draws  : of each metric over resampled rows, (n_resamples,); empty without a resampler
    """

    values: Mapping[str, float]
    draws: Scores


@dataclass(frozen=True, eq=False)
class _Cells:
    """Cells of rows that are alike for some metrics: their sizes (m,), and each model's groups of such metrics."""

    sizes: np.ndarray
    models: Sequence[Sequence[MetricGroup]]

    def scores(self, weights: np.ndarray) -> list[Scores]:
        """Of each model, with the cells counting `weights` times, (r, m)."""
        return [
            {name: values for group in groups for name, values in group.scores(weights).items()}
            for groups in self.models
        ]

    def draws(self, resampler: Resampler) -> list[Scores]:
        """Of each model, over the same resamples."""
        portions = [self.scores(weights) for weights in resampler.counts(self.sizes)] if any(self.models) else []
        return [
            {name: np.concatenate([scores[name] for scores in of_model]) for name in of_model[0]}
            for of_model in zip(*portions, strict=True)
        ] or [{} for _ in self.models]


def sample_scores(
    task: FittedTask,
    truth: np.ndarray,
    models: Sequence[Predictions],
    names: Sequence[str],
    resampler: Resampler | None = None,
) -> list[ScoredSample]:
    """Measure several models' predictions of the same rows; each resample is of the same rows for all of them.

    truth : as `task.truth` gives it, with one row at least
    names : metrics that suit the task
    """
    if resampler and n_classes_of(task) == 2:
        truth, models = _sort_rows(truth, models)
    with np.errstate(over="ignore", invalid="ignore"):
        parts = [_Cells(np.ones(len(truth), np.int32), [_row_groups(task, truth, model, names) for model in models])]
        if isinstance(task, Classification):
            parts.append(_decision_cells(len(task.classes), truth, models, names))
        values = [cells.scores(cells.sizes[np.newaxis]) for cells in parts]
        draws = [cells.draws(resampler) for cells in parts] if resampler else []
    samples = []
    for model in range(len(models)):
        measured = {name: float(score[0]) for scores in values for name, score in scores[model].items()}
        drawn = {name: score for scores in draws for name, score in scores[model].items()}
        samples.append(ScoredSample({name: measured.get(name, math.nan) for name in names}, drawn))
    return samples


def _sort_rows(truth: np.ndarray, models: Sequence[Predictions]) -> tuple[np.ndarray, list[Predictions]]:
    """Rows by the first model's descending scores, so that its resamples need no sorting."""
    order = np.argsort(-ranking_scores(models[0])[:, 1], kind="stable")
    return truth[order], [model.at(order) for model in models]


def _row_groups(
    task: FittedTask, truth: np.ndarray, predictions: Predictions, names: Sequence[str]
) -> list[MetricGroup]:
    """The groups of metrics for which every row is a cell of its own."""
    groups: list[MetricGroup] = []
    wanted = set(names)
    if isinstance(task, Regression):
        if means := wanted & set(ERROR_METRICS):
            constant = task.constant_targets(task.standardise(truth))
            groups.append(ErrorMetrics(error_columns(truth, predictions.values, constant), sorted(means)))
        if wanted - means:
            groups.append(order_metrics(truth, predictions.values))
        return groups
    if wanted & set(RANK_METRICS):
        groups.append(rank_metrics(truth, ranking_scores(predictions)))
    known = [name for name in PROBABILITY_METRICS if name in wanted and len(task.classes) >= CATALOG[name].min_classes]
    if predictions.probabilities is not None and known:
        groups.append(probability_metrics(truth, predictions.probabilities, known))
    return groups


def _decision_cells(n_classes: int, truth: np.ndarray, models: Sequence[Predictions], names: Sequence[str]) -> _Cells:
    """Cells of rows with the same true and predicted classes."""
    counted = [name for name in names if name in COUNT_METRICS]
    if not counted:
        return _Cells(np.empty(0, np.int64), [[] for _ in models])
    labels = np.stack([truth, *(model.values for model in models)])
    shape = (n_classes,) * len(labels)
    cells, sizes = np.unique(np.ravel_multi_index(tuple(labels), shape), return_counts=True)
    true, *predicted = np.unravel_index(cells, shape)
    return _Cells(sizes, [[CountMetrics(true, chosen, n_classes, counted)] for chosen in predicted])


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
    confidence : level of the intervals; None computes none. They are percentiles of 1,000 resamples of the
                 rows drawn from `seed`; but accuracy's is Wilson's, ECE's is as wide as its bins' noise, and
                 the largest error, which no resample can exceed, has none

    Raises ConfigError for a metric that does not suit the task.
    """
    chosen = metric_names(task, names)
    if reason := why_unmeasurable(predictions):
        return [_build_score(task, CATALOG[name], None, reason) for name in chosen]
    resampler = Resampler(seed) if confidence is not None and len(truth) > 1 else None
    (sample,) = sample_scores(task, truth, [predictions], chosen, resampler)
    return [_score(task, CATALOG[name], sample, len(truth), confidence) for name in chosen]


def metric_names(
    task: FittedTask, names: Literal["auto"] | Sequence[str], key: str = "evaluation.metrics"
) -> tuple[str, ...]:
    """The metrics to compute. Raises ConfigError, naming the key, for one that does not suit the task."""
    if names == "auto":
        return auto_names(task.kind, n_classes_of(task))
    suitable = names_for(task.kind)
    for name in names:
        if name not in suitable:
            raise config_error(key, _unsuitable(name, task, suitable))
    return tuple(dict.fromkeys(names))


def why_never_defined(task: FittedTask, truth: np.ndarray, name: str) -> str | None:
    """Why not even right predictions for these rows would have a value; None where they have one."""
    [score] = measure(task, truth, _right_predictions(task, truth), (name,))
    return score.reason


def _right_predictions(task: FittedTask, truth: np.ndarray) -> Predictions:
    if isinstance(task, Regression):
        return Predictions(truth, None, truth)
    certain = np.eye(len(task.classes))[truth]
    return Predictions(truth, certain, certain) if task.has_probabilities else Predictions(truth, None, certain[:, 1:])


def n_classes_of(task: FittedTask) -> int:
    """0 for a target of numbers."""
    return 0 if isinstance(task, Regression) else len(task.classes)


def _unsuitable(name: str, task: FittedTask, suitable: Sequence[str]) -> str:
    if name in get_args(Metric):
        return f"'{name}' does not suit {task.kind}; choose from {', '.join(suitable)}"
    near = nearest(name, suitable)
    hint = f"did you mean '{near}'? " if near else ""
    return f"unknown metric '{name}'; {hint}choose from {', '.join(suitable)}"


def why_unmeasurable(predictions: Predictions) -> str | None:
    """Why no metric of these predictions has a value; None where some can."""
    if len(predictions) == 0:
        return "there are no rows"
    wrong = int((~np.isfinite(predictions.scores)).any(axis=1).sum())
    return f"{wrong} of {len(predictions)} predictions are not finite numbers" if wrong else None


def _score(task: FittedTask, facts: MetricFacts, sample: ScoredSample, n_rows: int, confidence: float | None) -> Score:
    value = sample.values[facts.name]
    if not math.isfinite(value):
        return _build_score(task, facts, None, _why_undefined(task, facts, value))
    interval = None if confidence is None else _interval(facts, value, sample.draws, n_rows, confidence)
    return _build_score(task, facts, value, None, interval)


def _interval(facts: MetricFacts, value: float, draws: Scores, n_rows: int, confidence: float) -> Interval | None:
    if facts.interval == "wilson":
        return wilson_interval(value, n_rows, confidence)
    if facts.name not in draws or facts.interval == "none":
        return None
    if facts.interval == "noise":
        return noise_interval(value, draws[ECE_NOISE], confidence)
    return percentile_interval(draws[facts.name], confidence)


def _why_undefined(task: FittedTask, facts: MetricFacts, value: float) -> str:
    if math.isinf(value):
        return "the errors are too large to be squared"
    n_classes = n_classes_of(task)
    if isinstance(task, Classification) and n_classes < facts.min_classes:
        return f"there are only {n_classes} classes"
    if isinstance(task, Classification) and facts.needs_probabilities and not task.has_probabilities:
        return "the model gives no probabilities"
    positive = task.classes[1] if isinstance(task, Classification) else ""
    return facts.undefined.format(positive=positive)


def _build_score(
    task: FittedTask, facts: MetricFacts, value: float | None, reason: str | None, interval: Interval | None = None
) -> Score:
    low, high = interval or (None, None)
    return Score(facts.name, value, reason, low, high, facts.higher_is_better, _unit(task, facts))


def _unit(task: FittedTask, facts: MetricFacts) -> str:
    """The target's name for its errors; none where several targets are averaged."""
    if isinstance(task, Classification) or len(task.targets) > 1 or not facts.in_units:
        return ""
    return task.targets[0] + "²" * (facts.in_units == 2)
