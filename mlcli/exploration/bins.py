"""Numbers counted in bins of equal width."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.data.histogram import FENCE, N_BINS

Floats = NDArray[np.float64]
# Rows that may lie beyond the bins at either end, as a share.
BEYOND = 0.005


def edges_of(values: Floats) -> Floats | None:
    """The edges of at most N_BINS bins for these numbers; None where they do not differ.

    Far cells are left beyond the bins, so that there is a shape to be seen: few of them, and FENCE interquartile ranges
    beyond the quartiles. Bins of whole numbers hold equally many of them each, so that none is emptier by its edges.
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
        width = np.ceil((high - low + 1) / N_BINS)
        n_bins = int(np.ceil((high - low + 1) / width))
        edges: Floats = low - 0.5 + width * np.arange(n_bins + 1)
        return edges
    return np.linspace(low, high, N_BINS + 1)


def places_in(edges: Floats, values: Floats) -> NDArray[np.int64]:
    """The bin of each value that is not NaN; the outermost also hold what lies beyond."""
    places: NDArray[np.int64] = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return places
