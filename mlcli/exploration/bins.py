"""Numbers counted in bins of equal width."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.data.histogram import FENCE, N_BINS

Floats = NDArray[np.float64]
# Rows that may lie beyond the bins at either end, as a share.
BEYOND = 0.005
# Widths of bins of whole numbers that are compared, at most.
MOST_TRIED = 30


def edges_of(values: Floats) -> Floats | None:
    """The edges of at most N_BINS bins for these numbers; None where they do not differ.

    Far cells are left beyond the bins, so that there is a shape to be seen: few of them, and FENCE interquartile ranges
    beyond the quartiles. Bins of whole numbers hold equally many of them each, so that none is emptier by its edges,
    but for the last, which may be.
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
        width, n_bins = _whole_bins(high - low + 1)
        edges: Floats = low - 0.5 + width * np.arange(n_bins + 1)
        return edges
    return np.linspace(low, high, N_BINS + 1)


def _whole_bins(n: float) -> tuple[float, int]:
    """Width and number of at most N_BINS bins for n whole numbers, such that the last is as full as can be."""
    least = int(np.ceil(n / N_BINS))
    widths = range(least, least + min(least // 2, MOST_TRIED) + 1)
    width = min(widths, key=lambda width: -n % width / width)
    return float(width), int(np.ceil(n / width))


def places_in(edges: Floats, values: Floats) -> NDArray[np.int64]:
    """The bin of each value that is not NaN; the outermost also hold what lies beyond."""
    places: NDArray[np.int64] = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return places
