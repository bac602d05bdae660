"""Metrics of numbers; several targets are averaged uniformly. Undefined values are NaN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.io.memory import large_array
from mlcli.metrics.blocks import BlockOrder, Blocks, block_order
from mlcli.metrics.intervals import CACHED_ROWS, Floats, Scores, cached_portions

# Of sums of weights, as a share of them.
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class ErrorMeans:
    """Means over rows, each (..., n_targets): squared, absolute and relative error, centred target, its square."""

    squared: Floats
    absolute: Floats
    relative: Floats
    centred: Floats
    centred_squared: Floats


def error_columns(truth: Floats, values: Floats, constant: np.ndarray) -> Floats:
    """Per row, what `error_means` is the mean of: (n, t), (n, t), (t,) whether a target is constant → (n, 5·t).

    The relative error is NaN where the truth is 0.
    """
    mean, columns = truth.mean(axis=0), large_array((len(truth), 5 * truth.shape[1]))
    for start in range(0, len(truth), CACHED_ROWS):
        part = slice(start, start + CACHED_ROWS)
        error, size = truth[part] - values[part], np.abs(truth[part])
        relative = np.divide(np.abs(error), size, out=np.full(size.shape, np.nan), where=size > 0)
        centred = np.where(constant, 0.0, truth[part] - mean)
        columns[part] = np.hstack([np.square(error), np.abs(error), relative, centred, np.square(centred)])
    return columns


def error_means(means: Floats) -> ErrorMeans:
    """Unpack means of `error_columns`, (..., 5·t)."""
    return ErrorMeans(*np.split(means, 5, axis=-1))


def _over_targets(scores: Floats) -> Floats:
    """The uniform average: (..., n_targets) → (...)."""
    average: Floats = scores.mean(axis=-1)
    return average


def r2(means: ErrorMeans) -> Floats:
    """1 − squared error / squared deviation from the rows' own mean; undefined where a target is constant."""
    spread = means.centred_squared - np.square(means.centred)
    varies = spread > 1e-12 * means.centred_squared
    explained = 1 - np.divide(means.squared, spread, out=np.full(spread.shape, np.nan), where=varies)
    return _over_targets(explained)


ERROR_METRICS: dict[str, Callable[[ErrorMeans], Floats]] = {
    "rmse": lambda means: _over_targets(np.sqrt(means.squared)),
    "mae": lambda means: _over_targets(means.absolute),
    "r2": r2,
    "mse": lambda means: _over_targets(means.squared),
    "mape": lambda means: _over_targets(means.relative),
}


@dataclass(frozen=True, eq=False)
class ErrorMetrics:
    """ERROR_METRICS of rows with these `error_columns`."""

    columns: Floats
    names: Sequence[str]

    def scores(self, weights: np.ndarray) -> Scores:
        means = error_means(weights @ self.columns / weights.sum(axis=1, keepdims=True))
        return {name: ERROR_METRICS[name](means) for name in self.names}

    def in_blocks(self, blocks: Blocks) -> ErrorMetrics:
        """Of blocks of rows in place of rows."""
        return ErrorMetrics(blocks.means(self.columns), self.names)


def _poisson_deviance(truth: Floats, values: Floats) -> Floats:
    """2 (y ln(y / μ) − y + μ) of each row; NaN where μ is not above 0 or y is negative, as in scikit-learn."""
    defined = (values > 0) & (truth >= 0)
    ratio = np.divide(truth, values, out=np.ones(truth.shape), where=defined & (truth > 0))
    deviance: Floats = np.where(defined, 2 * (truth * np.log(ratio) - truth + values), np.nan)
    return deviance


# Of each row and target: (truth, values, quantile) → (n, t).
ROW_METRICS: dict[str, Callable[[Floats, Floats, float], Floats]] = {
    "pinball": lambda truth, values, q: np.maximum(q * (truth - values), (q - 1) * (truth - values)),
    "coverage": lambda truth, values, q: (truth <= values).astype(np.float64),
    "poisson_deviance": lambda truth, values, q: _poisson_deviance(truth, values),
}


@dataclass(frozen=True, eq=False)
class RowMetrics:
    """ROW_METRICS of rows with these values, (n, n_names), averaged over the targets."""

    columns: Floats
    names: Sequence[str]

    def scores(self, weights: np.ndarray) -> Scores:
        means = weights @ self.columns / weights.sum(axis=1, keepdims=True)
        return dict(zip(self.names, means.T, strict=True))

    def in_blocks(self, blocks: Blocks) -> RowMetrics:
        """Of blocks of rows in place of rows."""
        return RowMetrics(blocks.means(self.columns), self.names)


def row_metrics(truth: Floats, values: Floats, names: Sequence[str], q: float) -> RowMetrics:
    """truth, values: (n, t)."""
    return RowMetrics(np.stack([ROW_METRICS[name](truth, values, q).mean(axis=1) for name in names], axis=1), names)


@dataclass(frozen=True, eq=False)
class OrderMetrics:
    """Median and largest absolute error. order: (n, t) rows by ascending error; errors: (n, t), sorted, per target."""

    order: np.ndarray
    errors: Floats

    def scores(self, weights: np.ndarray) -> Scores:
        targets = list(zip(self.order.T, self.errors.T, strict=True))
        portions = [
            np.stack([_median_and_largest(portion.take(order, axis=1), errors) for order, errors in targets], axis=2)
            for portion in cached_portions(weights)
        ]
        median, largest = np.concatenate(portions).mean(axis=2).T
        return {"median_ae": median, "max_error": largest}

    def in_blocks(self, blocks: Blocks) -> BlockOrderMetrics:
        """Of blocks of rows in place of rows."""
        targets = zip(self.order.T, self.errors.T, strict=True)
        return BlockOrderMetrics(tuple(block_order(blocks, *own) for own in targets), self.errors[-1].mean())


@dataclass(frozen=True, eq=False)
class BlockOrderMetrics:
    """Of blocks of rows: each target's sorted errors, and the mean of their largest errors, which does not vary."""

    targets: tuple[BlockOrder, ...]
    largest: float

    def scores(self, weights: np.ndarray) -> Scores:
        median = np.mean([own.median(weights) for own in self.targets], axis=0)
        return {"median_ae": median, "max_error": np.full(len(weights), self.largest)}


def _median_and_largest(weights: np.ndarray, errors: Floats) -> Floats:
    """Weights (r, n) of sorted errors (n,) → (r, 2)."""
    through = np.cumsum(weights, axis=1, dtype=weights.dtype)
    if through.dtype.kind == "f":
        return _by_half(through, errors)
    found = np.empty((len(weights), 2))
    for index, counts in enumerate(through):
        n_rows = counts[-1]
        ranks = np.array([(n_rows - 1) // 2, n_rows // 2, n_rows - 1], through.dtype)
        lower, upper, last = errors[np.searchsorted(counts, ranks, side="right")]
        found[index] = (lower + upper) / 2, last
    return found


def _by_half(through: Floats, errors: Floats) -> Floats:
    """Of cumulated weights (r, n): the mean of the errors at which half of them are reached, and exceeded."""
    found = np.empty((len(through), 2))
    for index, sums in enumerate(through):
        half = sums[-1] / 2
        lower = errors[np.searchsorted(sums, half * (1 - ROUNDING))]
        upper = errors[np.searchsorted(sums, half * (1 + ROUNDING), side="right")]
        found[index] = (lower + upper) / 2, errors[np.searchsorted(sums, sums[-1])]
    return found


def order_metrics(truth: Floats, values: Floats) -> OrderMetrics:
    """truth, values: (n, t)."""
    errors = np.abs(truth - values)
    order = np.argsort(errors, axis=0)
    return OrderMetrics(order, np.take_along_axis(errors, order, axis=0))
