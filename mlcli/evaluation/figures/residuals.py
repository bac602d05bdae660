"""Predicted against true numbers, and their differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.evaluation.figures.style import INK, MUTED, PALETTE, SMALL_SIZE, new_figure, shorten_ticks, styled
from mlcli.evaluation.names import shorten
from mlcli.evaluation.show import show_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
# More points than this are drawn as a density.
MAX_POINTS = 1500
# Above this many rows a plot leaves out the half per cent at either end, so that far errors do not flatten it.
MIN_TRIMMED = 200


@styled
def draw_residuals(truth: np.ndarray, predicted: np.ndarray, target: str) -> Figure:
    """Predicted against true values, and the histogram of true − predicted; (n,), (n,) in the target's units."""
    residuals = truth - predicted
    figure = new_figure(
        f"Half of the predictions are within {show_number(float(np.median(np.abs(residuals))))} of the truth"
        if len(truth)
        else "There are no rows to compare",
        f"Target: {shorten(target, 40)}. Left: on the line a prediction is perfect. "
        "Right: residual = true − predicted; left of 0 the model guesses too high.",
        height=3.3,
    )
    left, right = figure.subplots(1, 2)
    _compare(left, truth, predicted)
    _count(right, residuals)
    for axes in (left, right):
        axes.locator_params(axis="x", nbins=5)
        shorten_ticks(axes.xaxis)
        shorten_ticks(axes.yaxis)
    return figure


def _compare(axes: Axes, truth: Floats, predicted: Floats) -> None:
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    axes.set(xlabel="true", ylabel="predicted")
    if not len(truth):
        return
    low, high = _span(np.concatenate([_central(truth), _central(predicted)]))
    if len(truth) > MAX_POINTS:
        shading = LinearSegmentedColormap.from_list("density", ["#d6e6f2", PALETTE[0], "#06304f"])
        inside = (np.minimum(truth, predicted) >= low) & (np.maximum(truth, predicted) <= high)
        x, y = truth[inside], predicted[inside]
        axes.hexbin(x, y, gridsize=36, cmap=shading, norm=LogNorm(), mincnt=1, linewidths=0.1)
        axes.set_ylabel("predicted (dark: many rows)")
    else:
        axes.scatter(truth, predicted, s=14, color=PALETTE[0], alpha=0.55, linewidths=0)
    axes.plot([low, high], [low, high], color=INK, linewidth=1)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.locator_params(axis="y", nbins=5)


def _span(values: Floats) -> tuple[float, float]:
    """Limits with a little room on both sides."""
    low, high = float(values.min()), float(values.max())
    room = 0.04 * (high - low) or max(abs(high), 1.0) * 0.1
    return low - room, high + room


def _central(values: Floats) -> Floats:
    """The values without the extreme ones, when there are many."""
    if len(values) <= MIN_TRIMMED:
        return values
    low, high = np.quantile(values, [0.005, 0.995])
    kept: Floats = values[(values >= low) & (values <= high)]
    return kept


def _count(axes: Axes, residuals: Floats) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set(xlabel="residual", ylabel="rows")
    axes.grid(visible=False, axis="x")
    if not len(residuals):
        return
    low, high = _span(_central(residuals))
    bins = int(np.clip(2 * len(residuals) ** (1 / 3), 5, 40))
    axes.hist(residuals, bins=np.linspace(low, high, bins + 1).tolist(), color=PALETTE[0], rwidth=0.92)
    axes.axvline(0, color=INK, linewidth=1)
    beyond = int(((residuals < low) | (residuals > high)).sum())
    if beyond:
        text = f"{beyond:,} beyond"
        axes.text(0.98, 0.97, text, transform=axes.transAxes, ha="right", va="top", color=MUTED, size=SMALL_SIZE)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
