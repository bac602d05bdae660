"""Learning curves of one run or several, trials of a search, and the learning-rate range test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.io.text import counted, shorten, show_number, some_of
from mlcli.reports.figures.style import (
    BELOW,
    FAINT,
    INK,
    LINE,
    MUTED,
    PALETTE,
    SMALL_SIZE,
    color_of,
    label_at_right,
    label_log,
    new_figure,
    style,
    write_note,
)
from mlcli.reports.scales import typical_range
from mlcli.runs.comparison import runs_beyond

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mlcli.diagnosis.range_test import RateRange
    from mlcli.training.state import EpochRecord

Floats = NDArray[np.float64]
# Numbers that span more than this factor are drawn on a log scale.
LOG_SPAN = 30.0
# Scores farther from the quartiles than this many interquartile ranges are drawn at the edge.
FAR = 3.0
# A learning rate this small beside the largest is as good as 0; such a change is rounding.
NEGLIGIBLE = 1e-6


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
    entries = []
    for curve in curves:
        finite = np.flatnonzero(np.isfinite(curve.heights))
        if len(finite):
            end = epochs[finite[-1]], curve.heights[finite[-1]]
            entries.append((_height(axes, *end), curve.name, curve.color))
            if end[0] < epochs[-1]:  # the label is far from it
                axes.plot(*end, "o", color=curve.color, markersize=4)
    label_at_right(axes, entries)


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
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.margins(x=0.01)
    finite = heights[np.isfinite(heights)]
    is_log = bool(len(finite) and finite.min() > 0 and finite.max() > log_span * finite.min())
    if is_log:
        axes.set_yscale("log")
        axes.set_ylabel(f"{axes.get_ylabel()} (log scale)")
    axes.autoscale_view()
    if is_log:
        label_log(axes.yaxis)


def _height(axes: Axes, x: float, y: float) -> float:
    """Height of a data point as a fraction of the plot's."""
    return float(axes.transAxes.inverted().transform(axes.transData.transform((x, y)))[1])


@style()
def draw_learning_curve(history: Sequence[EpochRecord], best_epoch: int) -> Figure:
    """Training and validation loss of each epoch, with the best epoch marked."""
    epochs = _epochs(history)
    train = drawable([record.train_loss for record in history])
    valid = drawable([record.valid_loss for record in history])
    after = "Validation: after the epoch." if np.isfinite(valid).any() else ""
    subtitle = f"Training: mean over the epoch. {after}".rstrip()
    figure = new_figure(_learning_title(epochs, train, valid, best_epoch), subtitle)
    axes = figure.add_subplot(xlabel="epoch", ylabel="loss")
    if not np.isfinite(train).any():
        write_note(axes, "No finite values.")
        return figure
    curves = [EpochCurve("training", train, PALETTE[0]), EpochCurve("validation", valid, PALETTE[1])]
    plot_curves(axes, epochs, curves)
    mark_best(axes, epochs, valid if np.isfinite(valid).any() else train, best_epoch)
    return figure


@style()
def draw_metric_curve(history: Sequence[EpochRecord], name: str, higher_is_better: bool, best_epoch: int) -> Figure:
    """A metric on the validation rows after each epoch; some epoch has a finite one."""
    epochs, heights = _epochs(history), drawable([record.valid_metrics.get(name) for record in history])
    best = int(np.nanargmax(heights) if higher_is_better else np.nanargmin(heights))
    better = "high" if higher_is_better else "low"
    figure = new_figure(
        f"Validation {name} is {better}est after epoch {epochs[best]:.0f}: {show_number(heights[best])}",
        f"Measured on the validation rows after each epoch; {better}er is better.",
    )
    axes = figure.add_subplot(xlabel="epoch", ylabel=name)
    plot_curves(axes, epochs, [EpochCurve("validation", heights, PALETTE[1])])
    mark_best(axes, epochs, heights, best_epoch)
    return figure


@style()
def draw_rate_curve(history: Sequence[EpochRecord]) -> Figure:
    """The learning rate at each epoch's last step; all are finite."""
    epochs, rates = _epochs(history), drawable([record.lr for record in history])
    peak = int(rates.argmax())
    last = "nearly 0" if rates[-1] < NEGLIGIBLE * rates.max() else f"{rates[-1]:.3g}"
    title = f"The learning rate changes from {rates[0]:.3g} to {last}"
    if 0 < peak < len(rates) - 1:
        title = f"The learning rate peaks at {rates[peak]:.3g} in epoch {epochs[peak]:.0f}"
    figure = new_figure(title, "At the last step of each epoch.")
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
    return bool(np.isfinite(rates).all() and len(rates) and np.ptp(rates) > NEGLIGIBLE * rates.max())


def _epochs(history: Sequence[EpochRecord]) -> Floats:
    return np.array([record.epoch for record in history], dtype=np.float64)


def _learning_title(epochs: Floats, train: Floats, valid: Floats, best_epoch: int) -> str:
    if not np.isfinite(train).any():
        return "No epoch ended with a finite loss"
    if not np.isfinite(valid).any():
        ends = f"from {show_number(train[0])} to {show_number(train[-1])}"
        return f"Training loss changes {ends} in {counted(len(epochs), 'epoch')}"
    lowest = int(np.nanargmin(valid))
    text = f"Validation loss is lowest after epoch {int(epochs[lowest])}"
    if int(epochs[lowest]) == best_epoch:
        return f"{text}: {show_number(valid[lowest])}"
    return f"{text}; the model has the weights of epoch {best_epoch}"


@style()
def draw_overlay(quantity: str, subtitle: str, runs: Mapping[str, Sequence[float | None]]) -> Figure:
    """One quantity of each run after each epoch, from the first on; None where a run has no such number.

    What a run that diverged has beyond the others' range is drawn at its edge.
    """
    span = typical_range(runs.values())
    beyond = runs_beyond(runs, span) if span is not None else []
    off = f" Off the scale: {some_of([shorten(name) for name in beyond], 3)}." if beyond else ""
    plot = max(2.7, BELOW + SMALL_SIZE * LINE * len(runs))
    figure = new_figure(f"{quantity[0].upper()}{quantity[1:]} by epoch", f"{subtitle}{off}", plot=plot)
    axes = figure.add_subplot(xlabel="epoch", ylabel=quantity)
    # Runs differ in length; where one has ended there is nothing to draw.
    heights = np.array([drawable(column) for column in zip_longest(*runs.values())]).T
    if not np.isfinite(heights).any():
        write_note(axes, "No finite values.")
        return figure
    heights = np.clip(heights, *span) if span is not None else heights
    curves = [EpochCurve(shorten(name, 20), heights[i], color_of(i, len(runs))) for i, name in enumerate(runs)]
    plot_curves(axes, np.arange(1.0, heights.shape[1] + 1), curves)
    return figure


@style()
def draw_search(scores: Sequence[float | None], best: Sequence[float | None], metric: str, verdict: str) -> Figure:
    """Scores of trials in their order, None for those that were pruned or failed, and the best so far."""
    known = [(number, score) for number, score in enumerate(scores, start=1) if score is not None]
    reached = [score for score in best if score is not None]
    title = "No trial was completed"
    if reached:
        ends = f"from {show_number(reached[0])} to {show_number(reached[-1])}"
        title = f"Validation {metric} {ends} in {counted(len(best), 'trial')}"
    figure = new_figure(title, verdict or "Each dot is a trial, measured on the validation rows.")
    axes = figure.add_subplot(xlabel="trial", ylabel=f"validation {metric}")
    if not known:
        write_note(axes, "No trial was completed.")
        return figure
    numbers, heights = np.array(known).T
    first, third = np.percentile(heights, (25, 75))
    spread = FAR * (third - first)
    low, high = (first - spread, third + spread) if spread else (heights.min(), heights.max())
    axes.plot(numbers, np.clip(heights, low, high), "o", color=MUTED, markersize=4, alpha=0.6, label="a trial")
    steps = np.array([np.nan if score is None else score for score in best])
    axes.step(np.arange(1, len(steps) + 1), steps, where="post", color=PALETTE[0], label="best so far")
    axes.locator_params("x", integer=True)
    axes.legend()
    return figure


@style()
def draw_rates(rates: RateRange, lr: float, suggested: float | None) -> Figure:
    """Loss over learning rate, with the configured rate and any suggested one."""
    end = f"diverges at {rates.limit:.2g}" if rates.limit is not None else "does not diverge"
    figure = new_figure(
        f"The loss is lowest at a learning rate of {rates.best_rate:.2g} and {end}",
        f"Learning-rate range test of {len(rates.rates)} steps (Smith, 2017): loss on a fixed sample of training rows.",
    )
    axes = figure.add_subplot(xlabel="optimizer.lr (log scale)", ylabel="loss", xscale="log")
    axes.plot(rates.rates, [min(loss, 1.2 * rates.start) for loss in rates.losses], color=PALETTE[0])
    marks = [(lr, "configured", INK)] + ([] if suggested is None else [(suggested, "suggested", PALETTE[1])])
    for rate, _, color in marks:
        axes.axvline(rate, color=color, linewidth=1, linestyle=(0, (4, 3)))
    axes.autoscale_view()
    label_log(axes.xaxis)
    for place, (rate, text, _) in enumerate(marks):
        late = axes.transAxes.inverted().transform(axes.transData.transform((rate, rates.start)))[0] > 0.5
        axes.annotate(
            f"{text} {rate:.2g}", (rate, 1), xycoords=("data", "axes fraction"),
            xytext=(-4 if late else 4, -2 - 72 * SMALL_SIZE * LINE * place), textcoords="offset points",
            ha="right" if late else "left", va="top", size=SMALL_SIZE, color=MUTED,
        )  # fmt: skip
    return figure
