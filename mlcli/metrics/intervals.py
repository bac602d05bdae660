"""Metrics as functions of row weights, resampling and confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Scores = Mapping[str, Floats]
Interval = tuple[float, float]

N_RESAMPLES = 1000
# Weights in memory at once while resampling, at least PORTION resamples of them: enough for fast matrix products.
CHUNK = 1 << 20
PORTION = 8
# Weights processed at once, so that intermediate results stay in the processor's cache.
CACHED = 1 << 16
# Rows at a time whose columns stay in the processor's cache.
CACHED_ROWS = 1 << 14
# Rows whose draws are counted in the processor's cache; 16 random bits select one.
BLOCK = 1 << 16


def cached_portions(weights: np.ndarray) -> Iterator[np.ndarray]:
    """A few rows of the weights (r, n) at a time: (≤ r, n)."""
    size = max(1, CACHED // weights.shape[1])
    for start in range(0, len(weights), size):
        yield weights[start : start + size]


class MetricGroup(Protocol):
    """Metrics that share most of their arithmetic, over fixed rows or cells of rows that are equal for them."""

    def scores(self, weights: np.ndarray) -> Scores:
        """Each metric by name, (r,), for r vectors of row weights (r, n): how often a row counts, or how much."""


@dataclass(frozen=True)
class Resampler:
    """Draws rows with replacement, as often as there are rows (Efron, 1979), the same way for one seed."""

    seed: int
    n_resamples: int = N_RESAMPLES

    def counts(self, sizes: np.ndarray, groups: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """How often each cell is drawn: sizes (m,) of the cells → portions of counts, integers (n_resamples, m).

        sizes  : whole numbers of rows; or, where there are groups, sums of the rows' weights
        groups : (m,) the group of each cell, from 0 without gaps; whole groups are then drawn, as often as there are
                 groups, since rows of one group are alike (the cluster bootstrap)

        Drawing rows with replacement makes the counts multinomial, so the rows themselves are not needed.
        """
        rng = np.random.default_rng(self.seed)
        n_rows, single_rows = int(sizes.sum()), bool((sizes == 1).all())
        n_drawn = n_rows if groups is None else int(groups.max()) + 1
        portion = max(PORTION, CHUNK // max(len(sizes), 1))
        for start in range(0, self.n_resamples, portion):
            size = min(portion, self.n_resamples - start)
            if single_rows or groups is not None:
                drawn = np.empty((size, n_drawn), np.int32)
                for counts in drawn:
                    _draw_rows(rng, counts)
                yield drawn if groups is None else drawn[:, groups] * sizes
            else:
                yield rng.multinomial(n_rows, sizes / n_rows, size=size)


def _draw_rows(rng: np.random.Generator, counts: np.ndarray) -> None:
    """Fill in one resample, (n_rows,): first how many draws fall into each block, then on which of its rows."""
    blocks = np.array_split(counts, range(BLOCK, len(counts), BLOCK))
    draws = rng.multinomial(len(counts), [len(block) / len(counts) for block in blocks])
    for block, n_draws in zip(blocks, draws.tolist(), strict=True):
        if len(block) == BLOCK:
            drawn = rng.integers(1 << 64, size=-(-n_draws // 4), dtype=np.uint64).view(np.uint16)[:n_draws]
        else:
            drawn = rng.integers(len(block), size=n_draws)
        block[:] = np.bincount(drawn, minlength=len(block))


def percentile_interval(draws: np.ndarray, confidence: float) -> Interval | None:
    """Central part of resampled scores (n_resamples,).

    None where the score is undefined in most resamples, or the same in all, so that its spread is unknown.
    """
    finite = draws[np.isfinite(draws)]
    if 2 * len(finite) < len(draws) or len(finite) == 0:
        return None
    low, high = np.quantile(finite, [(1 - confidence) / 2, (1 + confidence) / 2])
    return (float(low), float(high)) if low < high else None


def noise_interval(value: float, noise: np.ndarray, confidence: float) -> Interval:
    """Interval of a calibration error: the value plus and minus a quantile of the noise (n_resamples,).

    A sum of absolute values is biased upwards by noise. Its resamples exceed the value as the value exceeds the true
    error, so that their percentiles do not contain it. But its error is at most the sum of its terms' errors.
    """
    reach = float(np.quantile(noise, confidence))
    return max(0.0, value - reach), min(1.0, value + reach)


def effective_size(n: int, weights: np.ndarray | None) -> float:
    """How many rows that count alike say as much as n rows of these weights (n,) (Kish, 1965)."""
    return n if weights is None else float(weights.sum() ** 2 / (weights @ weights))


def wilson_interval(share: float, n: float, confidence: float) -> Interval:
    """Interval of a share of n rows (Wilson, 1927); unlike resampling it is valid at 0 and 1."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
