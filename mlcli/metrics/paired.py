"""Two models compared on the same rows: the differences of their scores, with confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mlcli.metrics.catalog import CATALOG
from mlcli.metrics.intervals import Resampler, percentile_interval
from mlcli.metrics.measure import ScoredSample, metric_names, sample_scores, why_unmeasurable
from mlcli.models.task import FittedTask, Predictions

Verdict = Literal["better", "worse", "no difference", "undefined"]


@dataclass(frozen=True)
class Difference:
    """A metric of our predictions minus that of theirs on the same rows; None where one of them is undefined.

    low, high : percentile interval over resampled rows; None where no sound one is known
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    higher_is_better: bool

    @property
    def verdict(self) -> Verdict:
        """Ours against theirs: better or worse where the interval excludes 0."""
        if self.low is None or self.high is None:
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
) -> list[Difference]:
    """Differences by a paired bootstrap: each of 1,000 resamples, drawn from `seed`, holds the same rows for both.

    truth : as `task.truth` gives it
    names : metrics in the order wanted; "auto" is all that suit the task

    Raises ConfigError for a metric that does not suit the task.
    """
    chosen = metric_names(task, names)
    if why_unmeasurable(ours) or why_unmeasurable(theirs):
        undefined = ScoredSample(dict.fromkeys(chosen, math.nan), {})
        return [_difference(name, undefined, undefined, confidence) for name in chosen]
    resampler = Resampler(seed) if len(truth) > 1 else None
    us, them = sample_scores(task, truth, [ours, theirs], chosen, resampler)
    return [_difference(name, us, them, confidence) for name in chosen]


def _difference(name: str, us: ScoredSample, them: ScoredSample, confidence: float) -> Difference:
    facts, value = CATALOG[name], us.values[name] - them.values[name]
    if not math.isfinite(value):
        return Difference(name, None, None, None, facts.higher_is_better)
    low, high = None, None
    if name in us.draws and facts.interval in ("percentile", "wilson"):
        low, high = _interval(us.draws[name] - them.draws[name], confidence)
    return Difference(name, value, low, high, facts.higher_is_better)


def _interval(draws: np.ndarray, confidence: float) -> tuple[float | None, float | None]:
    """Models with equal scores in all resamples have the interval 0 to 0."""
    if not draws.any():
        return 0.0, 0.0
    return percentile_interval(draws, confidence) or (None, None)
