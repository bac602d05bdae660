"""The course of a search, and the learning-rate range test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlcli.io.text import show_number
from mlcli.reports.figures.style import INK, MUTED, PALETTE, SMALL_SIZE, new_figure, styled, write_note

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.diagnosis.checks import RateRange

# Scores farther from the best than so many times the middle half of all are drawn at the edge.
FAR = 3.0


@styled
def draw_search(scores: Sequence[float | None], best: Sequence[float | None], metric: str, verdict: str) -> Figure:
    """Scores of trials in their order, None for those that were pruned or failed, and the best so far."""
    known = [(number, score) for number, score in enumerate(scores, start=1) if score is not None]
    figure = new_figure(_title(best, metric), verdict or "Each dot is a trial, measured on the validation rows.")
    axes = figure.add_subplot(xlabel="trial", ylabel=f"validation {metric}")
    if not known:
        write_note(axes, "No trial was completed.")
        return figure
    numbers, heights = np.array(known).T
    low, high = _bounds(heights)
    axes.plot(numbers, np.clip(heights, low, high), "o", color=MUTED, markersize=4, alpha=0.6, label="a trial")
    steps = np.array([np.nan if score is None else score for score in best])
    axes.step(np.arange(1, len(steps) + 1), steps, where="post", color=PALETTE[0], label="best so far")
    axes.locator_params("x", integer=True)
    axes.legend()
    return figure


def _title(best: Sequence[float | None], metric: str) -> str:
    known = [score for score in best if score is not None]
    if not known:
        return "No trial was completed"
    return f"Validation {metric} from {show_number(known[0])} to {show_number(known[-1])} in {len(best)} trials"


def _bounds(heights: np.ndarray) -> tuple[float, float]:
    first, third = np.percentile(heights, (25, 75))
    spread = FAR * (third - first)
    return (heights.min(), heights.max()) if spread == 0 else (first - spread, third + spread)


@styled
def draw_rates(rates: RateRange, lr: float) -> Figure:
    """Loss over learning rate, with the configured rate and the suggested one."""
    end = f"diverges at {rates.limit:.2g}" if rates.limit is not None else "does not diverge"
    figure = new_figure(
        f"The loss is lowest at a learning rate of {rates.best_rate:.2g} and {end}",
        f"Learning-rate range test of {len(rates.rates)} steps (Smith, 2017): loss on a fixed sample of training rows.",
    )
    axes = figure.add_subplot(xlabel="optimizer.lr (log scale)", ylabel="loss", xscale="log")
    axes.plot(rates.rates, [min(loss, 1.2 * rates.start) for loss in rates.losses], color=PALETTE[0])
    for rate, text, color in ((lr, "configured", INK), (rates.suggested, "suggested", PALETTE[1])):
        axes.axvline(rate, color=color, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            f"{text} {rate:.2g}", (rate, 1 if color == INK else 0.92), xycoords=("data", "axes fraction"),
            xytext=(4, -2), textcoords="offset points", va="top", size=SMALL_SIZE, color=MUTED,
        )  # fmt: skip
    return figure
