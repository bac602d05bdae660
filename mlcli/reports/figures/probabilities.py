"""Calibration of probabilities, and scores by threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.io.text import shorten
from mlcli.metrics.intervals import wilson_interval
from mlcli.metrics.probabilities import N_BINS, bins_of, confidence
from mlcli.reports.figures.style import FAINT, INK, PALETTE, SMALL_SIZE, label_at_right, new_figure, style, write_note

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
# Thresholds that are drawn, at most: more are not told apart.
MAX_DRAWN = 1_000


@dataclass(frozen=True)
class Reliability:
    """Rows by the probability they were given, (N_BINS,) each; NaN in a bin without rows.

    counts : rows    said : their mean probability    seen : the share of them for which it came true
    alike  : how many rows that count alike say as much as these; counts, where they have no weights
    """

    counts: Floats
    said: Floats
    seen: Floats
    alike: Floats

    @property
    def error(self) -> float:
        """Expected calibration error: |said − seen| averaged over the rows (Naeini et al., 2015)."""
        filled = self.counts > 0
        gaps = np.abs(self.said[filled] - self.seen[filled])
        return float(gaps @ self.counts[filled] / self.counts.sum())

    @property
    def excess(self) -> float:
        """The mean probability less the share of rows for which it came true."""
        filled = self.counts > 0
        return float((self.said - self.seen)[filled] @ self.counts[filled] / self.counts.sum())


def measure_reliability(probability: np.ndarray, came_true: np.ndarray, weights: Floats | None = None) -> Reliability:
    """Compare probabilities in [0, 1] with what came true, in the bins of the metric `ece`; (n,), (n,) of bool.

    weights : (n,), how much each row counts; None where all count alike
    """
    bins, each = bins_of(probability), np.ones(len(probability)) if weights is None else weights
    counts, *sums = (
        np.bincount(bins, weights=values, minlength=N_BINS).astype(np.float64)
        for values in (each, each * probability, each * came_true, np.square(each))
    )
    filled = counts > 0
    of = (counts, counts, sums[2])
    said, seen, alike = (
        np.divide(one, by, out=np.full(N_BINS, np.nan), where=filled)
        for one, by in zip((*sums[:2], np.square(counts)), of, strict=True)
    )
    return Reliability(counts, said, seen, alike)


@style()
def draw_calibration(
    truth: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], weights: Floats | None = None
) -> Figure:
    """The reliability diagram: observed frequency by predicted probability.

    truth         : (n,) class indices
    probabilities : (n, K); of the second of two classes, else of the predicted one
    """
    what = f"'{shorten(classes[1], 30)}'" if len(classes) == 2 else "the predicted class"
    found = measure_reliability(*confidence(truth, probabilities), weights)
    title = "Calibration: undefined without rows"
    if len(truth):
        side = "" if abs(found.excess) < 0.5 * found.error else ", too high" if found.excess > 0 else ", too low"
        title = f"Calibration error: {100 * found.error:.1f} points{side} (ECE {found.error:.3f})"
    figure = new_figure(
        title,
        f"Observed frequency of {what} by predicted probability. Larger dots: more rows. Lines: 95 % intervals.",
        height=4.0,
    )
    axes = figure.add_subplot(xlabel="predicted probability", ylabel="observed frequency")
    if not len(truth):
        write_note(axes, "There are no rows.")
        return figure
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.02, 1.02))
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle=(0, (4, 3)), linewidth=1.2)
    for said, seen, alike in zip(found.said, found.seen, found.alike.tolist(), strict=True):
        if alike > 0:
            axes.vlines(said, *wilson_interval(float(seen), alike, 0.95), color=PALETTE[0], linewidth=1.2)
    filled = found.counts > 0
    sizes = 14 + 110 * found.counts[filled] / found.counts.max()
    axes.scatter(found.said[filled], found.seen[filled], s=sizes, color=PALETTE[0], linewidths=0, zorder=3)
    return figure


@dataclass(frozen=True)
class ThresholdCurves:
    """Scores of the second class by the threshold from which it is predicted, (n_thresholds,) each; NaN: undefined."""

    thresholds: Floats
    precision: Floats
    recall: Floats
    f1: Floats
    balanced_accuracy: Floats


def trace_thresholds(
    truth: np.ndarray, positive_probability: np.ndarray, used: float, weights: Floats | None = None
) -> ThresholdCurves:
    """Scores at all thresholds where they change, at 0, at 1 and at the one in use; nothing changes between them.

    truth : (n,) of 0 and 1, that holds both    positive_probability : (n,)
    weights : (n,), how much each row counts; None where all count alike
    """
    thresholds, places = np.unique(np.concatenate([positive_probability, [0.0, used, 1.0]]), return_inverse=True)
    each = np.ones(len(truth)) if weights is None else weights
    hits, alarms = (
        np.bincount(places[: len(truth)], each * (truth == k), len(thresholds))[::-1].cumsum()[::-1] for k in (1, 0)
    )
    chosen = hits + alarms
    recall = hits / hits[0]
    return ThresholdCurves(
        thresholds,
        precision=np.divide(hits, chosen, out=np.full(len(chosen), np.nan), where=chosen > 0),
        recall=recall,
        f1=2 * hits / (chosen + hits[0]),
        balanced_accuracy=(recall + 1 - alarms / alarms[0]) / 2,
    )


@style()
def draw_thresholds(
    truth: np.ndarray,
    positive_probability: np.ndarray,
    classes: Sequence[str],
    threshold: float,
    weights: Floats | None = None,
) -> Figure:
    """Precision, recall, F1 and balanced accuracy by threshold, with the one in use; see `trace_thresholds`."""
    both = 0 < np.average(truth, weights=weights) < 1
    curves = trace_thresholds(truth, positive_probability, threshold, weights) if both else None
    title = "Thresholds: undefined for rows of one class"
    if curves is not None:
        best, now = int(curves.f1.argmax()), curves.f1[np.searchsorted(curves.thresholds, threshold)]
        highest = f"{curves.f1[best]:.3f} at {curves.thresholds[best]:.3g}"
        title = f"F1 is {now:.3f} at the threshold {threshold:.3g}; its maximum is {highest}"
    figure = new_figure(
        title,
        f"'{shorten(classes[1], 30)}' is predicted from this probability on. Choose it on the validation rows "
        "(evaluation.threshold).",
    )
    axes = figure.add_subplot(xlabel="threshold", ylabel="score")
    if curves is None:
        write_note(axes, "The rows contain a single class.")
    else:
        _draw_curves(axes, curves, threshold)
    return figure


def _draw_curves(axes: Axes, curves: ThresholdCurves, threshold: float) -> None:
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02))
    named = (
        ("precision", curves.precision, PALETTE[0]),
        ("recall", curves.recall, PALETTE[1]),
        ("F1", curves.f1, PALETTE[2]),
        ("balanced acc.", curves.balanced_accuracy, PALETTE[3]),
    )
    n_thresholds, labels = len(curves.thresholds), []
    drawn = np.unique(np.linspace(0, n_thresholds - 1, min(n_thresholds, MAX_DRAWN)).astype(int))
    for name, heights, color in named:
        axes.plot(curves.thresholds[drawn], heights[drawn], color=color, drawstyle="steps-pre")
        last = heights[np.isfinite(heights)][-1]
        labels.append(((float(last) + 0.02) / 1.04, name, color))
    label_at_right(axes, labels)
    axes.axvline(threshold, color=INK, linewidth=1)
    late = threshold > 0.5
    axes.annotate(
        f"used: {threshold:.3g}", (threshold, 0), xycoords=("data", "axes fraction"),
        xytext=(-5 if late else 5, 4), textcoords="offset points", ha="right" if late else "left", va="bottom",
        color=INK, size=SMALL_SIZE,
    )  # fmt: skip
