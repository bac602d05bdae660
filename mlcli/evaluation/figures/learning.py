"""The learning curves: loss, metric and learning rate over epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.evaluation.figures.epochs import EpochCurve, drawable, mark_kept, plot_curves
from mlcli.evaluation.figures.style import PALETTE, new_figure, styled, write_note
from mlcli.evaluation.show import show_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.training.state import EpochRecord


@styled
def draw_learning_curve(history: Sequence[EpochRecord], best_epoch: int) -> Figure:
    """Training and validation loss of each epoch, with the epoch whose weights were kept."""
    epochs = _epochs(history)
    train = drawable([record.train_loss for record in history])
    valid = drawable([record.valid_loss for record in history])
    figure = new_figure(_title(epochs, train, valid, best_epoch), _subtitle(valid))
    axes = figure.add_subplot(xlabel="epoch", ylabel="loss")
    if not np.isfinite(train).any():
        write_note(axes, "There is nothing to draw.")
        return figure
    curves = [EpochCurve("training", train, PALETTE[0]), EpochCurve("validation", valid, PALETTE[1])]
    plot_curves(axes, epochs, curves)
    mark_kept(axes, epochs, valid if np.isfinite(valid).any() else train, best_epoch)
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
    mark_kept(axes, epochs, heights, best_epoch)
    return figure


@styled
def draw_rate_curve(history: Sequence[EpochRecord]) -> Figure:
    """The learning rate at each epoch's last step; all are finite."""
    epochs, rates = _epochs(history), drawable([record.lr for record in history])
    peak = int(rates.argmax())
    figure = new_figure(
        f"The learning rate peaks at {rates[peak]:.3g} in epoch {epochs[peak]:.0f}"
        if 0 < peak < len(rates) - 1
        else f"The learning rate goes from {rates[0]:.3g} to {rates[-1]:.3g}",
        "At the last step of each epoch, as the schedule set it.",
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
        return f"Training loss goes from {show_number(train[0])} to {show_number(train[-1])} in {len(epochs)} epochs"
    lowest = int(np.nanargmin(valid))
    if int(epochs[lowest]) == best_epoch:
        return f"Validation loss is lowest after epoch {best_epoch}: {show_number(valid[lowest])}"
    return f"Validation loss is lowest after epoch {int(epochs[lowest])}; the weights of epoch {best_epoch} were kept"


def _subtitle(valid: NDArray[np.float64]) -> str:
    text = "Training: mean over the epoch"
    return f"{text}. Validation: after the epoch." if np.isfinite(valid).any() else f"{text}."
