"""Learning curves: loss, metric and learning rate over epochs, of one run or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.io.text import shorten, show_number
from mlcli.reports.figures.style import (
    FAINT,
    INK,
    MUTED,
    PALETTE,
    SMALL_SIZE,
    color_of,
    label_at_right,
    new_figure,
    styled,
    write_note,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mlcli.training.state import EpochRecord

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


def mark_best(axes: Axes, epochs: Floats, heights: Floats, best_epoch: int) -> None:
    """A line at the best epoch, and a dot on the curve."""
    found = np.flatnonzero((epochs == best_epoch) & np.isfinite(heights))
    if not len(found):
        return
    axes.axvline(best_epoch, color=FAINT, linewidth=1, zorder=1)
    axes.plot([best_epoch], [heights[found[0]]], "o", color=INK, markersize=5, zorder=5)
    late = best_epoch > (epochs[0] + epochs[-1]) / 2
    high = _height(axes, best_epoch, heights[found[0]]) > 0.5
    axes.annotate(
        f"best: epoch {best_epoch}", (best_epoch, 0 if high else 1), xycoords=("data", "axes fraction"),
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


@styled
def draw_learning_curve(history: Sequence[EpochRecord], best_epoch: int) -> Figure:
    """Training and validation loss of each epoch, with the best epoch marked."""
    epochs = _epochs(history)
    train = drawable([record.train_loss for record in history])
    valid = drawable([record.valid_loss for record in history])
    figure = new_figure(_title(epochs, train, valid, best_epoch), _subtitle(valid))
    axes = figure.add_subplot(xlabel="epoch", ylabel="loss")
    if not np.isfinite(train).any():
        write_note(axes, "No finite values.")
        return figure
    curves = [EpochCurve("training", train, PALETTE[0]), EpochCurve("validation", valid, PALETTE[1])]
    plot_curves(axes, epochs, curves)
    mark_best(axes, epochs, valid if np.isfinite(valid).any() else train, best_epoch)
    return figure


@styled
def draw_metric_curve(history: Sequence[EpochRecord], name: str, higher_is_better: bool, best_epoch: int) -> Figure:
    """A metric on the validation rows after each epoch; some epoch has a finite one."""
    epochs, heights = _epochs(history), drawable([record.valid_metrics.get(name) for record in history])
    best = int(np.nanargmax(heights) if higher_is_better else np.nanargmin(heights))
    figure = new_figure(
        f"Validation {name} is {'highest' if higher_is_better else 'lowest'} after epoch {epochs[best]:.0f}: "
        f"{show_number(heights[best])}",
        f"Measured on the validation rows after each epoch; {'higher' if higher_is_better else 'lower'} is better.",
    )
    axes = figure.add_subplot(xlabel="epoch", ylabel=name)
    plot_curves(axes, epochs, [EpochCurve("validation", heights, PALETTE[1])])
    mark_best(axes, epochs, heights, best_epoch)
    return figure


@styled
def draw_rate_curve(history: Sequence[EpochRecord]) -> Figure:
    """The learning rate at each epoch's last step; all are finite."""
    epochs, rates = _epochs(history), drawable([record.lr for record in history])
    peak = int(rates.argmax())
    figure = new_figure(
        f"The learning rate peaks at {rates[peak]:.3g} in epoch {epochs[peak]:.0f}"
        if 0 < peak < len(rates) - 1
        else f"The learning rate changes from {rates[0]:.3g} to {rates[-1]:.3g}",
        "At the last step of each epoch.",
    )
    axes = figure.add_subplot(xlabel="epoch", ylabel="learning rate")
    plot_curves(axes, epochs, [EpochCurve("", rates, PALETTE[2])], log_span=np.inf)
    return figure


def shown_metric(history: Sequence[EpochRecord], headline: str) -> str | None:
    """The metric whose curve is drawn: the headline where it was watched, else the first that was."""
    watched = [
        name
        for name in (history[0].valid_metrics if history else ())
        if np.isfinite(drawable([record.valid_metrics.get(name) for record in history])).any()
    ]
    return headline if headline in watched else next(iter(watched), None)


def rate_moved(history: Sequence[EpochRecord]) -> bool:
    """Whether the learning rate differs between epochs, by more than rounding does."""
    rates = drawable([record.lr for record in history])
    return bool(np.isfinite(rates).all() and len(rates) and np.ptp(rates) > 1e-6 * rates.max())


def _epochs(history: Sequence[EpochRecord]) -> NDArray[np.float64]:
    return np.array([record.epoch for record in history], dtype=np.float64)


def _title(epochs: NDArray[np.float64], train: NDArray[np.float64], valid: NDArray[np.float64], best_epoch: int) -> str:
    if not np.isfinite(train).any():
        return "No epoch ended with a finite loss"
    if not np.isfinite(valid).any():
        return f"Training loss changes from {show_number(train[0])} to {show_number(train[-1])} in {len(epochs)} epochs"
    lowest = int(np.nanargmin(valid))
    if int(epochs[lowest]) == best_epoch:
        return f"Validation loss is lowest after epoch {best_epoch}: {show_number(valid[lowest])}"
    return (
        f"Validation loss is lowest after epoch {int(epochs[lowest])}; the model has the weights of epoch {best_epoch}"
    )


def _subtitle(valid: NDArray[np.float64]) -> str:
    text = "Training: mean over the epoch"
    return f"{text}. Validation: after the epoch." if np.isfinite(valid).any() else f"{text}."


@styled
def draw_overlay(quantity: str, subtitle: str, runs: Mapping[str, Sequence[float | None]]) -> Figure:
    """One quantity of each run after each epoch, from the first on; None where a run has no such number."""
    figure = new_figure(f"{quantity[0].upper()}{quantity[1:]} by epoch", subtitle)
    axes = figure.add_subplot(xlabel="epoch", ylabel=quantity)
    # Runs differ in length; where one has ended there is nothing to draw.
    heights = np.array([drawable(column) for column in zip_longest(*runs.values())]).T
    if not np.isfinite(heights).any():
        write_note(axes, "No finite values.")
        return figure
    curves = [EpochCurve(shorten(name), heights[i], color_of(i, len(runs))) for i, name in enumerate(runs)]
    plot_curves(axes, np.arange(1.0, heights.shape[1] + 1), curves)
    return figure
