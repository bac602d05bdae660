"""Differences between two models' scores of the same rows, by a paired bootstrap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mlcli.metrics.catalog import CATALOG
from mlcli.metrics.counts import COUNT_METRICS
from mlcli.metrics.intervals import Resampler, percentile_interval
from mlcli.metrics.measure import metric_names
from mlcli.metrics.sampling import ScoredSample, sample_scores
from mlcli.models.predictions import Predictions, why_unmeasurable
from mlcli.models.task import FittedTask

Verdict = Literal["better", "worse", "no difference", "undefined"]
_UNDEFINED = ScoredSample({}, {})


@dataclass(frozen=True)
class ScoreDifference:
    """A metric of our predictions minus that of theirs on the same rows; None where one of them is undefined.

    low, high : percentile interval over resampled rows; None where no sound one is known
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    higher_is_better: bool | None

    @property
    def verdict(self) -> Verdict:
        """Ours against theirs: better or worse where the interval excludes 0; undefined without a direction."""
        if self.low is None or self.high is None or self.higher_is_better is None:
            return "undefined"
        if self.low <= 0 <= self.high:
            return "no difference"
        return "better" if (self.low > 0) == self.higher_is_better else "worse"

    def to_json(self) -> dict[str, Any]:
        """Every field but the name, with the verdict in place of the direction."""
        return {"value": self.value, "low": self.low, "high": self.high, "verdict": self.verdict}


def compare_predictions(
    task: FittedTask,
    truth: np.ndarray,
    ours: Predictions,
    theirs: Predictions,
    names: Literal["auto"] | Sequence[str],
    confidence: float,
    seed: int = 0,
    groups: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> list[ScoreDifference]:
    """Differences by a paired bootstrap: each of 1,000 resamples, drawn from `seed`, has the same rows for both.

    truth : as `task.truth` gives it
    names : metrics in the order wanted; "auto" is all that suit the task
    groups, weights : as `measure` takes them

    Raises ConfigError for a metric that does not suit the task.
    """
    return compare_with_each(task, truth, ours, [theirs], names, confidence, seed, groups, weights)[0]


def compare_with_each(
    task: FittedTask,
    truth: np.ndarray,
    ours: Predictions,
    others: Sequence[Predictions],
    names: Literal["auto"] | Sequence[str],
    confidence: float,
    seed: int = 0,
    groups: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> list[list[ScoreDifference]]:
    """`compare_predictions` with each of the others; rows are drawn, and ours measured on them, once for all."""
    chosen, resampler = metric_names(task, names), Resampler(seed) if len(truth) > 1 else None
    by_rows, by_counts = ([n for n in chosen if (n in COUNT_METRICS) == counted] for counted in (False, True))
    known = [] if why_unmeasurable(ours) else [k for k, own in enumerate(others) if not why_unmeasurable(own)]
    measured = [ours, *(others[k] for k in known)]
    us, *them = sample_scores(task, truth, measured, by_rows, resampler, groups, weights) if known else [_UNDEFINED]
    pairs = dict[int, tuple[ScoredSample, ScoredSample]]()
    for k, their in zip(known, them, strict=True):
        # Cells of equal decisions are few for two models, and many for all of them.
        both = [ours, others[k]]
        our_counts, their_counts = sample_scores(task, truth, both, by_counts, resampler, groups, weights)
        pairs[k] = _join(us, our_counts), _join(their, their_counts)
    return [
        [_difference(name, *pairs.get(k, (_UNDEFINED, _UNDEFINED)), confidence) for name in chosen]
        for k in range(len(others))
    ]


def _join(one: ScoredSample, other: ScoredSample) -> ScoredSample:
    """Of different metrics."""
    return ScoredSample({**one.values, **other.values}, {**one.draws, **other.draws})


def _difference(name: str, us: ScoredSample, them: ScoredSample, confidence: float) -> ScoreDifference:
    facts, value = CATALOG[name], us.values.get(name, math.nan) - them.values.get(name, math.nan)
    if not math.isfinite(value):
        return ScoreDifference(name, None, None, None, facts.higher_is_better)
    low, high = None, None
    if name in us.draws and facts.interval in ("percentile", "wilson"):
        draws = us.draws[name] - them.draws[name]
        # Models with equal scores in all resamples have the interval 0 to 0.
        low, high = (percentile_interval(draws, confidence) or (None, None)) if draws.any() else (0.0, 0.0)
    return ScoreDifference(name, value, low, high, facts.higher_is_better)
