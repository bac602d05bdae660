"""Numbers counted in bins."""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

N_BINS = 24
# Rows that a histogram counts; more have the same shape.
MAX_ROWS = 100_000
# The bins end this many interquartile ranges beyond the quartiles, so that outliers do not flatten the histogram.
FENCE = 3.0
# Share of rows that may lie beyond the bins at either end.
BEYOND = 0.005
# Widths of bins of whole numbers that are compared, at most.
MOST_TRIED = 30


class Histogram(TypedDict):
    """Rows in N_BINS equal bins from low to high; the outermost also count all beyond.

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
    sample = column.gather_every(every) if every > 1 else column
    values = sample.drop_nulls().to_numpy() if sample.null_count() else sample.to_numpy()
    counts = np.bincount(places_in(np.linspace(low, high, N_BINS + 1), values), minlength=N_BINS)
    return Histogram(low=low, high=high, counts=counts.tolist())


def edges_of(values: Floats) -> Floats | None:
    """The edges of at most N_BINS bins for these numbers; None where they do not differ.

    At most BEYOND of the rows at either end, and only those beyond FENCE, are left outside the bins. Bins of whole
    numbers cover equally many of them, but for the last, so that none is emptier by its edges.
    """
    if not len(values):
        return None
    marks = np.quantile(values, [0, BEYOND, 0.25, 0.75, 1 - BEYOND, 1])
    low, few_below, q1, q3, few_above, high = (float(mark) for mark in marks)
    reach = FENCE * (q3 - q1)
    if reach > 0:
        low, high = max(low, min(few_below, q1 - reach)), min(high, max(few_above, q3 + reach))
    if not (low < high and np.isfinite(high - low)):
        return None
    if (values == np.floor(values)).all() and high - low < 2**53:
        low, high = np.floor(low), np.ceil(high)
        n = high - low + 1
        least = int(np.ceil(n / N_BINS))
        # The width of at most N_BINS bins by which the last is as full as can be.
        width = float(min(range(least, least + min(least // 2, MOST_TRIED) + 1), key=lambda width: -n % width / width))
        edges: Floats = low - 0.5 + width * np.arange(int(np.ceil(n / width)) + 1)
        return edges
    return np.linspace(low, high, N_BINS + 1)


def places_in(edges: Floats, values: Floats) -> NDArray[np.int64]:
    """The bin from 0 of each value that is not NaN; the outermost bins include all beyond."""
    places: NDArray[np.int64] = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return places
