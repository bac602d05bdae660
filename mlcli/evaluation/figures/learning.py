"""The learning curve: loss over epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.evaluation.figures.style import (
    FAINT,
    INK,
    MUTED,
    PALETTE,
    SMALL_SIZE,
    label_at_right,
    new_figure,
    styled,
    write_note,
)
from mlcli.evaluation.show import show_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mlcli.training.state import EpochRecord

# Losses that span more than this factor are drawn on a log scale.
LOG_SPAN = 30.0


@styled
def draw_learning_curve(history: Sequence[EpochRecord], best_epoch: int) -> Figure:
    """Training and validation loss of each epoch, with the epoch whose weights were kept."""
    epochs = np.array([record.epoch for record in history], dtype=np.float64)
    train = _drawable([record.train_loss for record in history])
    valid = _drawable([record.valid_loss for record in history])
    figure = new_figure(_title(epochs, train, valid, best_epoch), _subtitle(valid))
    axes = figure.add_subplot(xlabel="epoch", ylabel="loss")
    if not np.isfinite(train).any():
        write_note(axes, "There is nothing to draw.")
        return figure
    curves = [("training", train, PALETTE[0]), ("validation", valid, PALETTE[1])]
    for _, losses, color in curves:
        axes.plot(epochs, losses, color=color, marker="o" if len(epochs) == 1 else None)
    if len(epochs) == 1:
        axes.set_xlim(epochs[0] - 1, epochs[0] + 1)
    _set_scale(axes, np.concatenate([train, valid]))
    _label_ends(axes, epochs, curves)
    _mark_best(axes, epochs, valid if np.isfinite(valid).any() else train, best_epoch)
    return figure


def _drawable(losses: Sequence[float | None]) -> NDArray[np.float64]:
    """Losses as heights; NaN where there is none, or one that no training in float32 ends an epoch with."""
    heights = np.array([np.nan if loss is None else loss for loss in losses], dtype=np.float64)
    known = np.finfo(np.float32)
    heights[np.abs(heights) > known.max] = np.nan
    heights[np.abs(heights) < known.tiny] = 0.0
    return heights


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


def _set_scale(axes: Axes, losses: NDArray[np.float64]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.margins(x=0.01)
    finite = losses[np.isfinite(losses)]
    if len(finite) and finite.min() > 0 and finite.max() > LOG_SPAN * finite.min():
        axes.set_yscale("log")
        axes.set_ylabel("loss (log scale)")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _label_ends(axes: Axes, epochs: NDArray[np.float64], curves: list[tuple[str, NDArray[np.float64], str]]) -> None:
    axes.autoscale_view()
    entries = []
    for name, losses, color in curves:
        finite = np.flatnonzero(np.isfinite(losses))
        if len(finite):
            entries.append((_height(axes, epochs[finite[-1]], losses[finite[-1]]), name, color))
    label_at_right(axes, entries)


def _height(axes: Axes, x: float, y: float) -> float:
    """Height of a data point as a fraction of the plot's."""
    return float(axes.transAxes.inverted().transform(axes.transData.transform((x, y)))[1])


def _mark_best(axes: Axes, epochs: NDArray[np.float64], losses: NDArray[np.float64], best_epoch: int) -> None:
    found = np.flatnonzero((epochs == best_epoch) & np.isfinite(losses))
    if not len(found):
        return
    best = found[0]
    axes.axvline(best_epoch, color=FAINT, linewidth=1, zorder=1)
    axes.plot([best_epoch], [losses[best]], "o", color=INK, markersize=5, zorder=5)
    late = best_epoch > (epochs[0] + epochs[-1]) / 2
    axes.annotate(
        f"kept: epoch {best_epoch}", (best_epoch, 1), xycoords=("data", "axes fraction"),
        xytext=(-5 if late else 5, -3), textcoords="offset points", ha="right" if late else "left", va="top",
        color=MUTED, size=SMALL_SIZE,
    )  # fmt: skip
