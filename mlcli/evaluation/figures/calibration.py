"""Whether probabilities can be taken at their word: the reliability diagram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.evaluation.figures.style import FAINT, PALETTE, new_figure, styled, write_note
from mlcli.evaluation.names import shorten
from mlcli.metrics.intervals import wilson_interval
from mlcli.metrics.probabilities import N_BINS, bins_of, promises

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reliability:
    """Rows by the probability they were given, (N_BINS,) each; NaN in a bin without rows.

    counts : rows    said : their mean probability    seen : the share of them for which it came true
    """

    counts: NDArray[np.int64]
    said: Floats
    seen: Floats

    @property
    def error(self) -> float:
        """Expected calibration error: |said − seen| averaged over the rows (Naeini et al., 2015)."""
        filled = self.counts > 0
        gaps = np.abs(self.said[filled] - self.seen[filled])
        return float(gaps @ self.counts[filled] / self.counts.sum())

    @property
    def excess(self) -> float:
        """By how much the mean probability lies above the share that came true."""
        filled = self.counts > 0
        return float((self.said - self.seen)[filled] @ self.counts[filled] / self.counts.sum())


def measure_reliability(probability: np.ndarray, came_true: np.ndarray) -> Reliability:
    """Compare probabilities in [0, 1] with what came true, in the bins of the metric `ece`; (n,), (n,) of bool."""
    bins = bins_of(probability)
    counts = np.bincount(bins, minlength=N_BINS)
    empty = np.full(N_BINS, np.nan)
    said, seen = (
        np.divide(np.bincount(bins, weights=values, minlength=N_BINS), counts, out=empty.copy(), where=counts > 0)
        for values in (probability, came_true)
    )
    return Reliability(counts, said, seen)


@styled
def draw_calibration(truth: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> Figure:
    """How often what was given a probability came true.

    truth         : (n,) class indices
    probabilities : (n, K); of two classes the second is meant, of more the one answered
    """
    what = f"'{shorten(classes[1], 30)}'" if len(classes) == 2 else "the class answered"
    found = measure_reliability(*promises(truth, probabilities))
    figure = new_figure(
        _title(found),
        f"Of rows given a probability of {what}: how often it is right. Larger dots: more rows. Lines: 95 % intervals.",
        height=4.0,
    )
    axes = figure.add_subplot(xlabel="probability given", ylabel="share that is right")
    if found.counts.sum():
        _compare(axes, found)
    else:
        write_note(axes, "There are no rows to compare.")
    return figure


def _title(found: Reliability) -> str:
    if not found.counts.sum():
        return "Calibration: not defined without rows"
    side = "" if abs(found.excess) < 0.5 * found.error else ", too high" if found.excess > 0 else ", too low"
    return f"Probabilities are off by {100 * found.error:.1f} points{side} (ECE {found.error:.3f})"


def _compare(axes: Axes, found: Reliability) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.02, 1.02))
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle=(0, (4, 3)), linewidth=1.2)
    for said, seen, count in zip(found.said, found.seen, found.counts.tolist(), strict=True):
        if count:
            axes.vlines(said, *wilson_interval(float(seen), count, 0.95), color=PALETTE[0], linewidth=1.2)
    filled = found.counts > 0
    sizes = 14 + 110 * found.counts[filled] / found.counts.max()
    axes.scatter(found.said[filled], found.seen[filled], s=sizes, color=PALETTE[0], linewidths=0, zorder=3)
