"""Giving up on a trial that lags behind: one more rule that ends training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from mlcli.metrics.catalog import beats
from mlcli.training.state import EpochRecord, TrainingState

# The median of fewer trials says little.
MIN_TRIALS = 5
# Slow starters are to have their chance: this share of the longest training passes first.
WARMUP = 0.25
# Of so many trials that reach a rung one goes on.
FACTOR = 3

Curve = tuple[float, ...]


def best_so_far(history: Iterable[EpochRecord], metric: str) -> Curve:
    """The best score up to each epoch; NaN before the first finite one."""
    curve: list[float] = []
    for record in history:
        score = record.valid_score(metric)
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


def falls_behind(curve: Curve, others: Sequence[Curve], metric: str, first: int) -> bool:
    """Whether a trial is, at a rung of successive halving, not among the best third of those that came as far.

    Rungs lie at `first` epochs and at powers of FACTOR times that (Li et al., 2018; asynchronous, as in Li et al.,
    2020). False between rungs, and before FACTOR trials have reached one.
    """
    rung = first
    while rung < len(curve):
        rung *= FACTOR
    rivals = [other[rung - 1] for other in others if len(other) >= rung]
    if rung != len(curve) or len(rivals) + 1 < FACTOR:
        return False
    ahead = sum(beats(rival, curve[-1], metric) for rival in rivals)
    return ahead >= max(1, (len(rivals) + 1) // FACTOR)


@dataclass(frozen=True)
class HyperbandPruning:
    """Stop a trial that is not among the best third at a rung; every bracket has its first rung later.

    curves  : best scores so far of the earlier trials, of the pruned ones, too
    bracket : 0, 1, 2, … in turn: which of the trials this is
    """

    curves: Sequence[Curve]
    metric: str
    epochs: int
    bracket: int

    def should_stop(self, state: TrainingState) -> bool:
        brackets = max(1, int(math.log(max(self.epochs, 1), FACTOR)))
        first = FACTOR ** (self.bracket % brackets)
        curve = best_so_far(state.history, self.metric)
        return bool(curve) and falls_behind(curve, self.curves, self.metric, first)


@dataclass(frozen=True)
class MedianPruning:
    """Stop a trial that lags behind the complete ones before it.

    curves : their best scores so far, epoch by epoch
    """

    curves: Sequence[Curve]
    metric: str

    def should_stop(self, state: TrainingState) -> bool:
        return bool(state.history) and lags(best_so_far(state.history, self.metric), self.curves, self.metric)
