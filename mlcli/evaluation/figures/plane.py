"""Rows as points in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlcli.evaluation.figures.style import PALETTE, PAPER, color_of, label_at_right, new_figure, shorten_ticks, styled
from mlcli.evaluation.names import plain, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Groups named at the right, at most.
MAX_NAMED = 14


@styled
def draw_plane(
    names: tuple[str, str],
    x: Sequence[float],
    y: Sequence[float],
    groups: Sequence[str],
    group: Sequence[int],
    n_rows: int,
    by: str = "",
) -> Figure:
    """Points coloured by their group; without groups all in one colour.

    names : of both axes    group : places in groups    n_rows : of which the points are a sample
    by    : what the groups are of
    """
    drawn = f"{len(x):,} of {n_rows:,} rows, drawn at random" if len(x) < n_rows else f"All {n_rows:,} rows"
    figure = new_figure(
        f"{shorten(names[1], 24)} over {shorten(names[0], 24)}",
        f"{drawn}. Colours: {shorten(by, 40)}." if by else f"{drawn}.",
        height=4.2,
    )
    axes = figure.add_subplot(xlabel=plain(names[0]), ylabel=plain(names[1]))
    palette = np.array([color_of(k, len(groups)) for k in range(len(groups))] or [PALETTE[0]])
    colours = palette[np.array(group, dtype=int)] if groups else palette[0]
    size = 26 if len(x) <= 300 else 12
    axes.scatter(x, y, c=colours, s=size, edgecolors=PAPER, linewidths=0.5, alpha=0.85)
    keys = [(0.97 - 0.065 * k, shorten(name), str(palette[k])) for k, name in enumerate(groups[:MAX_NAMED])]
    label_at_right(axes, keys)
    for axis in (axes.xaxis, axes.yaxis):
        shorten_ticks(axis)
    return figure
