"""Giving up on a trial that lags behind: one more rule that ends training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from mlcli.training.scoring import HIGHER_IS_BETTER
from mlcli.training.state import EpochRecord, TrainingState

# The median of fewer trials says little.
MIN_TRIALS = 5
# Slow starters are to have their chance: this share of the longest training passes first.
WARMUP = 0.25

Curve = tuple[float, ...]


def score_of(record: EpochRecord, metric: str) -> float:
    """The compared number of an epoch, measured on the validation rows."""
    return math.nan if record.valid_loss is None else {"loss": record.valid_loss, **record.valid_metrics}[metric]


def beats(score: float, other: float, metric: str) -> bool:
    """Whether `score` is better; nothing that is not a finite number is."""
    if not math.isfinite(score) or not math.isfinite(other):
        return math.isfinite(score)
    return score > other if HIGHER_IS_BETTER[metric] else score < other


def best_so_far(history: Iterable[EpochRecord], metric: str) -> Curve:
    """The best score up to each epoch; NaN before the first finite one."""
    curve: list[float] = []
    for record in history:
        score = score_of(record, metric)
        curve.append(score if not curve or beats(score, curve[-1], metric) else curve[-1])
    return tuple(curve)


def lags(curve: Curve, others: Sequence[Curve], metric: str) -> bool:
    """Whether a trial is worse than the median of the others at the same epoch.

    A curve that ended earlier counts with its end. False before MIN_TRIALS curves and WARMUP epochs.
    """
    rivals = [other[min(len(curve), len(other)) - 1] for other in others if other]
    if len(rivals) < MIN_TRIALS or len(curve) <= WARMUP * max(map(len, others)):
        return False
    return beats(median(rivals), curve[-1], metric)


@dataclass(frozen=True)
class MedianPruning:
    """Stop a trial that lags behind the complete ones before it.

    curves : their best scores so far, epoch by epoch
    """

    curves: Sequence[Curve]
    metric: str

    def should_stop(self, state: TrainingState) -> bool:
        return bool(state.history) and lags(best_so_far(state.history, self.metric), self.curves, self.metric)
