"""How often intervals and sets contain the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.metrics.conformal import ValidationScores, predict_intervals, predict_sets
from mlcli.metrics.intervals import Resampler, effective_size, percentile_interval, wilson_interval
from mlcli.models.predictions import Predictions
from mlcli.models.task import FittedTask, Regression


@dataclass(frozen=True)
class Coverage:
    """How often intervals or sets contain the truth.

    name      : of the target or class; "" for all rows of one target or of classes
    value     : share of the rows, with its interval
    mean_size : mean width in the target's units, or classes in a set
    """

    name: str
    value: float
    low: float
    high: float
    mean_size: float
    n_rows: int


def measure_coverage(
    task: FittedTask,
    kept: ValidationScores,
    truth: np.ndarray,
    predictions: Predictions,
    level: float,
    confidence: float,
    seed: int,
    groups: np.ndarray | None,
    row_weights: np.ndarray | None = None,
) -> tuple[Coverage, ...]:
    """Of each target; or of all rows, then of each class that has any.

    truth      : as `task.truth` gives it
    row_weights : (n,), how much each row counts; None where all count alike
    confidence : level of the shares' intervals, from `seed` by resampled groups where there are groups
    """
    if isinstance(task, Regression):
        low, high = predict_intervals(task, kept, predictions, level)
        hits, sizes = (low <= truth) & (truth <= high), high - low
        names = task.targets if len(task.targets) > 1 else ("",)
        parts = [(name, hits[:, at], sizes[:, at], slice(None)) for at, name in enumerate(names)]
    else:
        inside = predict_sets(task, kept, predictions, level)
        hit, size = inside[np.arange(len(truth)), truth], inside.sum(axis=1)
        parts = [("", hit, size, slice(None))]
        for at, name in enumerate(task.classes):
            own = truth == at
            counts = own.any() if row_weights is None else row_weights[own].any()
            parts += [(name, hit[own], size[own], own)] if counts else []
    return tuple(
        _cover(
            name,
            hit,
            size,
            None if groups is None else groups[rows],
            None if row_weights is None else row_weights[rows],
            confidence,
            seed,
        )
        for name, hit, size, rows in parts
    )


def _cover(
    name: str,
    hits: np.ndarray,
    sizes: np.ndarray,
    groups: np.ndarray | None,
    row_weights: np.ndarray | None,
    confidence: float,
    seed: int,
) -> Coverage:
    share, interval = float(np.average(hits, weights=row_weights)), None
    n_independent = effective_size(len(hits), row_weights)
    if groups is not None:
        _, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
        counted = Resampler(seed).counts(np.ones(len(hits), int) if row_weights is None else row_weights, inverse)
        draws = [drawn @ hits / drawn.sum(axis=1) for drawn in counted]
        interval, n_independent = percentile_interval(np.concatenate(draws), confidence), len(counts)
    # Where resamples do not differ, as if each group were a row.
    low, high = interval or wilson_interval(share, n_independent, confidence)
    return Coverage(name, share, low, high, float(np.average(sizes, weights=row_weights)), len(hits))
