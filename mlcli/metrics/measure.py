"""Scores of predictions against the truth, with the reason where there is none."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from mlcli.config.training import Metric
from mlcli.errors import config_error
from mlcli.metrics.catalog import CATALOG, MetricFacts, auto_names, names_for
from mlcli.metrics.family import Scores
from mlcli.metrics.intervals import Interval, Resampler, noise_interval, percentile_interval, wilson_interval
from mlcli.metrics.probabilities import ECE_NOISE
from mlcli.metrics.sampling import sample_scores
from mlcli.metrics.score import Score
from mlcli.task import Classification, FittedTask, Predictions, Regression

NO_PROBABILITIES = "the model gives no probabilities"


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
    scores = []
    for name in chosen:
        facts, value = CATALOG[name], sample.values[name]
        if not math.isfinite(value):
            scores.append(_build_score(task, facts, None, _why_undefined(task, facts, value)))
            continue
        interval = None if confidence is None else _interval(facts, value, sample.draws, len(truth), confidence)
        scores.append(_build_score(task, facts, value, None, interval))
    return scores


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
    """Why not even right answers to these rows would have a value; None where they have one."""
    [score] = measure(task, truth, _right_answers(task, truth), (name,))
    return score.reason


def _right_answers(task: FittedTask, truth: np.ndarray) -> Predictions:
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
    near = difflib.get_close_matches(name, suitable, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"unknown metric '{name}'; {hint}choose from {', '.join(suitable)}"


def why_unmeasurable(predictions: Predictions) -> str | None:
    """Why no metric of these predictions has a value; None where some can."""
    if len(predictions) == 0:
        return "there are no rows"
    wrong = int((~np.isfinite(predictions.scores)).any(axis=1).sum())
    return f"{wrong} of {len(predictions)} predictions are not finite numbers" if wrong else None


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
        return NO_PROBABILITIES
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
