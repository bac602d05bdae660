"""Curves of several runs over one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from mlcli.evaluation.figures.epochs import EpochCurve, drawable, plot_curves
from mlcli.evaluation.figures.style import color_of, new_figure, styled, write_note
from mlcli.evaluation.names import shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def draw_overlay(quantity: str, subtitle: str, runs: Mapping[str, Sequence[float | None]]) -> Figure:
    """One quantity of each run after each epoch, from the first on; None where a run has no such number."""
    figure = new_figure(f"{quantity[0].upper()}{quantity[1:]} by epoch", subtitle)
    axes = figure.add_subplot(xlabel="epoch", ylabel=quantity)
    # Runs differ in length; where one has ended there is nothing to draw.
    heights = np.array([drawable(column) for column in zip_longest(*runs.values())]).T
    if not np.isfinite(heights).any():
        write_note(axes, "There is nothing to draw.")
        return figure
    curves = [EpochCurve(shorten(name), heights[i], color_of(i, len(runs))) for i, name in enumerate(runs)]
    plot_curves(axes, np.arange(1.0, heights.shape[1] + 1), curves)
    return figure
