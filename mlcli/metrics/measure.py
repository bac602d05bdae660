"""Scores of predictions, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from mlcli.config.sections.training import Metric, QuantileMetric
from mlcli.data.profile import is_imbalanced
from mlcli.errors import config_error
from mlcli.io.json import named_to_json
from mlcli.io.text import nearest
from mlcli.metrics.catalog import CATALOG, MetricFacts, Score, auto_names, names_for
from mlcli.metrics.intervals import (
    Interval,
    Resampler,
    Scores,
    effective_size,
    noise_interval,
    percentile_interval,
    wilson_interval,
)
from mlcli.metrics.probabilities import ECE_NOISE
from mlcli.metrics.sampling import sample_scores
from mlcli.models.predictions import Predictions, why_unmeasurable
from mlcli.models.task import Classification, FittedTask, Regression


def measure(
    task: FittedTask,
    truth: np.ndarray,
    predictions: Predictions,
    names: Literal["auto"] | Sequence[str],
    confidence: float | None = None,
    seed: int = 0,
    groups: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> list[Score]:
    """Score predictions.

    truth      : as `task.truth` gives it, (n,) class indices or (n, n_targets)
    names      : metrics in the order wanted; "auto" is all that suit the task
    confidence : level of the intervals; None computes none. They are percentiles of 1,000 resamples of the
                 rows drawn from `seed`; but accuracy's is Wilson's, ECE's is as wide as its bins' noise, and
                 the largest error, which no resample can exceed, has none
    groups     : int64 (n,), the group of each row, where rows of one group are alike: resamples are of whole groups,
                 for accuracy too
    weights    : float64 (n,), how much each row counts, 0 or more, of any scale; None where all count alike. Rows of
                 weight 0 are as if they were not there; the largest error is that of any other

    Raises ConfigError for a metric that does not suit the task.
    """
    chosen = metric_names(task, names)
    reason = why_unmeasurable(predictions)
    if reason is None and weights is not None and not weights.any():
        reason = "the weights of the rows are all 0"
    if reason is not None:
        return [_build_score(task, CATALOG[name], None, reason) for name in chosen]
    resampler = Resampler(seed) if confidence is not None and len(truth) > 1 else None
    (sample,) = sample_scores(task, truth, [predictions], chosen, resampler, groups, weights)
    n_independent = effective_size(len(truth), weights) if groups is None else None
    scores = []
    for facts in map(CATALOG.__getitem__, chosen):
        value = sample.values[facts.name]
        if not math.isfinite(value):
            scores.append(_build_score(task, facts, None, _why_undefined(task, facts, value)))
            continue
        interval = None if confidence is None else _interval(facts, value, sample.draws, n_independent, confidence)
        note = _describe_target(task, facts, interval) or _count_undefined(facts, sample.draws, interval)
        scores.append(_build_score(task, facts, value, None, interval, note))
    return scores


@dataclass(frozen=True)
class TargetScores:
    """The scores of one of several targets."""

    name: str
    scores: tuple[Score, ...]

    def to_json(self) -> dict[str, Any]:
        """The scores by name."""
        return named_to_json(self.scores)


def measure_targets(
    task: FittedTask,
    truth: np.ndarray,
    predictions: Predictions,
    names: Literal["auto"] | Sequence[str],
    weights: np.ndarray | None = None,
) -> tuple[TargetScores, ...]:
    """The scores of each of several targets, without intervals; empty for one target and for classes."""
    if not isinstance(task, Regression) or len(task.targets) == 1:
        return ()
    return tuple(
        TargetScores(
            name, tuple(measure(own, truth[:, at : at + 1], predictions.of_target(at), names, weights=weights))
        )
        for at, (name, own) in enumerate(zip(task.targets, map(task.of_target, range(task.n_outputs)), strict=True))
    )


def metric_names(
    task: FittedTask, names: Literal["auto"] | Sequence[str], key: str = "evaluation.metrics"
) -> tuple[str, ...]:
    """The metrics to compute. Raises ConfigError, naming the key, for one that does not suit the task."""
    if names == "auto":
        return _rare_first(task, auto_names(task.measured_as, n_classes_of(task)))
    suitable = names_for(task.measured_as)
    for name in names:
        if name in suitable:
            continue
        problem = f"unknown metric '{name}'; "
        if name in get_args(Metric):
            needs = "needs loss quantile" if name in get_args(QuantileMetric) else f"does not suit {task.kind}"
            problem = f"'{name}' {needs}; "
        elif near := nearest(name, suitable):
            problem += f"did you mean '{near}'? "
        raise config_error(key, f"{problem}choose from {', '.join(suitable)}")
    return tuple(dict.fromkeys(names))


def rare_metrics(task: FittedTask) -> tuple[Metric, ...]:
    """By which imbalanced classes are judged, the headline first; empty for other tasks.

    Of two classes, ranking and F1 are the positive one's, which says nothing of a rare negative one.
    """
    if not isinstance(task, Classification) or not is_imbalanced(task.sizes):
        return ()
    if len(task.classes) == 2 and task.sizes[0] < task.sizes[1]:
        return ("f1_macro", "mcc")
    return ("pr_auc", "f1")


def _rare_first(task: FittedTask, names: tuple[str, ...]) -> tuple[str, ...]:
    first = rare_metrics(task)
    return (*first, *(name for name in names if name not in first))


def why_never_defined(task: FittedTask, truth: np.ndarray, name: str) -> str | None:
    """Why not even right predictions for these rows would have a value; None where they have one."""
    right = Predictions(truth, None, truth)
    if isinstance(task, Regression):  # the mean of a count is above 0
        right = Predictions(np.where(truth == 0, np.finfo(np.float64).tiny, truth), None, truth)
    if isinstance(task, Classification):
        certain = np.eye(len(task.classes))[truth]
        right = Predictions(truth, certain, certain)
        if not task.has_probabilities:
            right = Predictions(truth, None, certain[:, 1:])
    [score] = measure(task, truth, right, (name,))
    return score.reason


def n_classes_of(task: FittedTask) -> int:
    """0 for a target of numbers."""
    return 0 if isinstance(task, Regression) else len(task.classes)


def _interval(
    facts: MetricFacts, value: float, draws: Scores, n_rows: float | None, confidence: float
) -> Interval | None:
    """n_rows : of independent rows that count alike; None where they are in groups."""
    if facts.interval == "wilson" and n_rows is not None:
        return wilson_interval(value, n_rows, confidence)
    if facts.name not in draws or facts.interval == "none":
        return None
    if facts.interval == "noise":
        return noise_interval(value, draws[ECE_NOISE], confidence)
    return percentile_interval(draws[facts.name], confidence)


def _describe_target(task: FittedTask, facts: MetricFacts, interval: Interval | None) -> str | None:
    """Whether a metric's interval contains the value that is right; None without such a value, or an interval."""
    if facts.higher_is_better is not None or not isinstance(task, Regression) or task.q is None or interval is None:
        return None
    right = f"{task.q:g} is right"
    low, high = interval
    if low <= task.q <= high:
        return f"{right}, and within the interval"
    return f"{right}, and outside the interval: the predictions are too {'low' if high < task.q else 'high'}"


def _count_undefined(facts: MetricFacts, draws: Scores, interval: Interval | None) -> str | None:
    """How many resamples have no value; None where all have one, or the interval is not of resamples."""
    if facts.interval != "percentile" or facts.name not in draws:
        return None
    n_undefined, n_resamples = int((~np.isfinite(draws[facts.name])).sum()), len(draws[facts.name])
    if not n_undefined:
        return None
    left_out = "no interval" if interval is None else "the interval leaves them out"
    return f"{n_undefined:,} of {n_resamples:,} resamples have no value; {left_out}"


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
    task: FittedTask,
    facts: MetricFacts,
    value: float | None,
    reason: str | None,
    interval: Interval | None = None,
    note: str | None = None,
) -> Score:
    low, high = interval or (None, None)
    unit, target = "", None
    if isinstance(task, Regression):
        target = task.q if facts.higher_is_better is None else None
        if len(task.targets) == 1 and facts.in_units:
            unit = task.targets[0] + "²" * (facts.in_units == 2)
    return Score(facts.name, value, reason, low, high, facts.higher_is_better, unit, target, note)
