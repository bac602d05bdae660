"""Metrics as functions of how often each row counts.

With every row once they are the scores; with counts drawn at random, what the scores of other rows
might have been. Undefined values are NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Scores = Mapping[str, Floats]


# Counts worked on at once, so that what is made of them stays in the processor's cache.
CACHED = 1 << 16


def cached_portions(weights: np.ndarray) -> Iterator[np.ndarray]:
    """A few ways of counting at a time: (r, n) → portions (≤ r, n)."""
    size = max(1, CACHED // weights.shape[1])
    for start in range(0, len(weights), size):
        yield weights[start : start + size]


class Family(Protocol):
    """Metrics that share most of their arithmetic, over rows or cells of like rows that stay the same."""

    def scores(self, weights: np.ndarray) -> Scores:
        """Each metric by name, (r,), for r ways of counting the n rows: whole numbers (r, n)."""
