"""Curves over epochs: what the figures of a training share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.evaluation.figures.style import FAINT, INK, MUTED, SMALL_SIZE, label_at_right

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
# Numbers that span more than this factor are drawn on a log scale.
LOG_SPAN = 30.0


@dataclass(frozen=True)
class EpochCurve:
    """A number per epoch, (n_epochs,); NaN where there is none."""

    name: str
    heights: Floats
    color: str


def drawable(values: Sequence[float | None]) -> Floats:
    """Values as heights; NaN where there is none, or one that no training in float32 ends an epoch with."""
    heights = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    known = np.finfo(np.float32)
    heights[np.abs(heights) > known.max] = np.nan
    heights[np.abs(heights) < known.tiny] = 0.0
    return heights


def plot_curves(axes: Axes, epochs: Floats, curves: Sequence[EpochCurve], log_span: float = LOG_SPAN) -> None:
    """The curves with their names at their ends, on a log scale where they span a wider range."""
    for curve in curves:
        axes.plot(epochs, curve.heights, color=curve.color, marker="o" if len(epochs) == 1 else None)
    if len(epochs) == 1:
        axes.set_xlim(epochs[0] - 1, epochs[0] + 1)
    _set_scale(axes, np.concatenate([curve.heights for curve in curves]), log_span)
    _label_ends(axes, epochs, curves)


def mark_kept(axes: Axes, epochs: Floats, heights: Floats, best_epoch: int) -> None:
    """A line at the epoch whose weights were kept, and a dot on the curve."""
    found = np.flatnonzero((epochs == best_epoch) & np.isfinite(heights))
    if not len(found):
        return
    axes.axvline(best_epoch, color=FAINT, linewidth=1, zorder=1)
    axes.plot([best_epoch], [heights[found[0]]], "o", color=INK, markersize=5, zorder=5)
    late = best_epoch > (epochs[0] + epochs[-1]) / 2
    high = _height(axes, best_epoch, heights[found[0]]) > 0.5
    axes.annotate(
        f"kept: epoch {best_epoch}", (best_epoch, 0 if high else 1), xycoords=("data", "axes fraction"),
        xytext=(-5 if late else 5, 4 if high else -3), textcoords="offset points",
        ha="right" if late else "left", va="bottom" if high else "top", color=MUTED, size=SMALL_SIZE,
    )  # fmt: skip


def _set_scale(axes: Axes, heights: Floats, log_span: float) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.margins(x=0.01)
    finite = heights[np.isfinite(heights)]
    if len(finite) and finite.min() > 0 and finite.max() > log_span * finite.min():
        axes.set_yscale("log")
        axes.set_ylabel(f"{axes.get_ylabel()} (log scale)")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda height, _: f"{height:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _label_ends(axes: Axes, epochs: Floats, curves: Sequence[EpochCurve]) -> None:
    axes.autoscale_view()
    entries = []
    for curve in curves:
        finite = np.flatnonzero(np.isfinite(curve.heights))
        if len(finite):
            entries.append((_height(axes, epochs[finite[-1]], curve.heights[finite[-1]]), curve.name, curve.color))
    label_at_right(axes, entries)


def _height(axes: Axes, x: float, y: float) -> float:
    """Height of a data point as a fraction of the plot's."""
    return float(axes.transAxes.inverted().transform(axes.transData.transform((x, y)))[1])
