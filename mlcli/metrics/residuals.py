"""Metrics of numbers; several targets are averaged uniformly. Undefined values are NaN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ErrorMeans:
    """Means over rows, each (..., n_targets): squared and absolute error, centred target, its square."""

    squared: Floats
    absolute: Floats
    centred: Floats
    centred_squared: Floats


def error_columns(truth: Floats, values: Floats) -> Floats:
    """Per row, what `error_means` is the mean of: (n, t), (n, t) → float64 (n, 4·t)."""
    error = truth - values
    centred = truth - truth.mean(axis=0)
    return np.hstack([np.square(error), np.abs(error), centred, np.square(centred)])


def error_means(means: Floats) -> ErrorMeans:
    """Unpack means of `error_columns`, (..., 4·t)."""
    return ErrorMeans(*np.split(means, 4, axis=-1))


def _over_targets(scores: Floats) -> Floats:
    """The uniform average: (..., n_targets) → (...)."""
    average: Floats = scores.mean(axis=-1)
    return average


def mse(means: ErrorMeans) -> Floats:
    """Mean squared error."""
    return _over_targets(means.squared)


def rmse(means: ErrorMeans) -> Floats:
    """Root of the mean squared error, of each target apart."""
    return _over_targets(np.sqrt(means.squared))


def mae(means: ErrorMeans) -> Floats:
    """Mean absolute error."""
    return _over_targets(means.absolute)


def r2(means: ErrorMeans) -> Floats:
    """1 − squared error / squared deviation from the rows' own mean; undefined where a target is constant."""
    spread = means.centred_squared - np.square(means.centred)
    varies = spread > 1e-12 * means.centred_squared
    explained = 1 - np.divide(means.squared, spread, out=np.full(spread.shape, np.nan), where=varies)
    return _over_targets(explained)


def median_ae(truth: Floats, values: Floats) -> float:
    """Median absolute error."""
    return float(np.median(np.abs(truth - values), axis=0).mean())


def max_error(truth: Floats, values: Floats) -> float:
    """Largest absolute error."""
    return float(np.abs(truth - values).max(axis=0).mean())


MEAN_METRICS: dict[str, Callable[[ErrorMeans], Floats]] = {"mse": mse, "rmse": rmse, "mae": mae, "r2": r2}
ORDER_METRICS: dict[str, Callable[[Floats, Floats], float]] = {"median_ae": median_ae, "max_error": max_error}
