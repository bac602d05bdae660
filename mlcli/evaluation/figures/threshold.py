"""What another threshold would change, for two classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.evaluation.figures.style import INK, PALETTE, SMALL_SIZE, label_at_right, new_figure, styled, write_note
from mlcli.evaluation.names import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
# Steps of the threshold from 0 to 1.
N_STEPS = 200


@dataclass(frozen=True)
class ThresholdCurves:
    """Scores of the second class by the threshold from which it is predicted, (N_STEPS + 1,) each; NaN: undefined."""

    thresholds: Floats
    precision: Floats
    recall: Floats
    f1: Floats
    balanced_accuracy: Floats


def trace_thresholds(truth: np.ndarray, positive_probability: np.ndarray) -> ThresholdCurves:
    """Scores at evenly spaced thresholds: truth (n,) of 0 and 1 that holds both, positive_probability (n,)."""
    thresholds = np.linspace(0, 1, N_STEPS + 1)
    positives, negatives = (np.sort(positive_probability[truth == k]) for k in (1, 0))
    hits = len(positives) - np.searchsorted(positives, thresholds)
    alarms = len(negatives) - np.searchsorted(negatives, thresholds)
    chosen = hits + alarms
    recall = hits / len(positives)
    return ThresholdCurves(
        thresholds,
        precision=np.divide(hits, chosen, out=np.full(len(chosen), np.nan), where=chosen > 0),
        recall=recall,
        f1=2 * hits / (chosen + len(positives)),
        balanced_accuracy=(recall + 1 - alarms / len(negatives)) / 2,
    )


@styled
def draw_thresholds(
    truth: np.ndarray, positive_probability: np.ndarray, classes: Sequence[str], threshold: float
) -> Figure:
    """Precision, recall, F1 and balanced accuracy by threshold, with the one in use; see `trace_thresholds`."""
    two = 0 < truth.sum() < len(truth)
    curves = trace_thresholds(truth, positive_probability) if two else None
    figure = new_figure(
        _title(curves, threshold),
        f"'{shorten(classes[1], 30)}' is predicted from this probability on. Choose it on validation rows "
        "(evaluation.threshold), not here.",
    )
    axes = figure.add_subplot(xlabel="threshold", ylabel="score")
    if curves is None:
        write_note(axes, "Scores need rows of both classes.")
    else:
        _draw_curves(axes, curves, threshold)
    return figure


def _title(curves: ThresholdCurves | None, threshold: float) -> str:
    if curves is None:
        return "Thresholds: not defined for rows of one class"
    best = int(curves.f1.argmax())
    now = float(np.interp(threshold, curves.thresholds, curves.f1))
    return (
        f"F1 is {now:.3f} at {threshold:.3g}, in use; at best {curves.f1[best]:.3f}, at {curves.thresholds[best]:.3g}"
    )


def _draw_curves(axes: Axes, curves: ThresholdCurves, threshold: float) -> None:
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02))
    named = (
        ("precision", curves.precision, PALETTE[0]),
        ("recall", curves.recall, PALETTE[1]),
        ("F1", curves.f1, PALETTE[2]),
        ("balanced acc.", curves.balanced_accuracy, PALETTE[3]),
    )
    labels = []
    for name, heights, color in named:
        axes.plot(curves.thresholds, heights, color=color)
        last = heights[np.isfinite(heights)][-1]
        labels.append(((float(last) + 0.02) / 1.04, name, color))
    label_at_right(axes, labels)
    axes.axvline(threshold, color=INK, linewidth=1)
    late = threshold > 0.5
    axes.annotate(
        f"in use: {threshold:.3g}", (threshold, 0), xycoords=("data", "axes fraction"),
        xytext=(-5 if late else 5, 4), textcoords="offset points", ha="right" if late else "left", va="bottom",
        color=INK, size=SMALL_SIZE,
    )  # fmt: skip
