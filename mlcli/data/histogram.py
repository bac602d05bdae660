"""The shape of a number column in a few counts."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray
from typing_extensions import TypedDict

N_BINS = 24
# Rows looked at; the shape of more is the same.
MAX_ROWS = 100_000
# Interquartile ranges beyond the quartiles at which the bins end, so that a far cell leaves a shape to be seen.
FENCE = 3.0


class Histogram(TypedDict):
    """Rows in N_BINS equal bins from low to high; the outermost also hold what lies beyond.

    Of at most MAX_ROWS training rows, evenly spaced; missing cells are left out.
    """

    low: float
    high: float
    counts: list[int]


def count_bins(column: pl.Series, low: float, q1: float, q3: float, high: float) -> Histogram | None:
    """The histogram of a Float64 column with these extremes and quartiles; None where it has no width."""
    reach = FENCE * (q3 - q1)
    if reach > 0:
        low, high = max(low, q1 - reach), min(high, q3 + reach)
    if not (low < high and math.isfinite(high - low)):
        return None
    every = -(-len(column) // MAX_ROWS)
    values = column.gather_every(every).drop_nulls().to_numpy() if every else np.empty(0)
    counts = np.bincount(bin_places(values, low, high), minlength=N_BINS)
    return Histogram(low=low, high=high, counts=counts.tolist())


def bin_places(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.int64]:
    """The bin from 0 to N_BINS - 1 of each value that is not NaN, as `count_bins` counts them."""
    edges = np.linspace(low, high, N_BINS + 1)
    places: NDArray[np.int64] = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, N_BINS - 1)
    return places
