"""Confidence intervals: what the scores of other rows like these might have been."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

N_RESAMPLES = 1000
# Numbers held at once while resampling (float64: 64 MB).
CHUNK = 8_000_000

Interval = tuple[float, float]


@dataclass(frozen=True)
class Resampler:
    """Draws rows with replacement, as often as there are rows (Efron, 1979), the same way for one seed."""

    seed: int
    n_resamples: int = N_RESAMPLES

    def counts(self, cells: np.ndarray) -> Iterator[np.ndarray]:
        """Resampled counts of rows that fall into cells: (m,) → portions of int64 (n_resamples, m).

        Drawing rows with replacement makes the counts multinomial, so the rows themselves are not needed.
        """
        rng = np.random.default_rng(self.seed)
        n_rows = int(cells.sum())
        for size in self._portions(len(cells)):
            yield rng.multinomial(n_rows, cells / n_rows, size=size)

    def means(self, columns: np.ndarray) -> np.ndarray:
        """Column means over resampled rows: (n_rows, c) → float64 (n_resamples, c)."""
        rng = np.random.default_rng(self.seed)
        n_rows = len(columns)
        means = []
        for size in self._portions(n_rows):
            rows = rng.integers(n_rows, size=(size, n_rows)) + n_rows * np.arange(size)[:, None]
            weights = np.bincount(rows.ravel(), minlength=size * n_rows).reshape(size, n_rows)
            means.append(weights @ columns / n_rows)
        return np.concatenate(means)

    def _portions(self, width: int) -> Iterator[int]:
        size = max(1, CHUNK // max(width, 1))
        for start in range(0, self.n_resamples, size):
            yield min(size, self.n_resamples - start)


def percentile_interval(draws: np.ndarray, confidence: float) -> Interval | None:
    """Central share of resampled scores (n_resamples,).

    None where the score is undefined in most resamples, or the same in all: rows that never
    disagree say nothing about their spread.
    """
    finite = draws[np.isfinite(draws)]
    if 2 * len(finite) < len(draws) or len(finite) == 0:
        return None
    low, high = np.quantile(finite, [(1 - confidence) / 2, (1 + confidence) / 2])
    return (float(low), float(high)) if low < high else None


def wilson_interval(share: float, n: int, confidence: float) -> Interval:
    """Interval of a share of n rows (Wilson, 1927); unlike resampling it stays honest at 0 and 1."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
