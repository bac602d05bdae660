"""Which columns go together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlcli.evaluation.figures.style import INK, PALETTE, PAPER, SMALL_SIZE, new_figure, styled
from mlcli.evaluation.names import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# With more columns their cells hold no numbers.
MAX_WRITTEN = 14
LETTERS = 22
CELL, LEAST, MOST = 0.3, 3.2, 9.0


@styled
def draw_correlations(names: Sequence[str], r: Sequence[Sequence[float | None]]) -> Figure:
    """Pearson's r of each pair, below the diagonal; two columns at least, None where there is no r."""
    n = len(names)
    size = min(MOST, max(LEAST, 1.6 + CELL * n))
    subtitle = "Pearson's r: blue rises together, orange falls as the other rises."
    figure = new_figure(_title(names, r), subtitle, height=size)
    axes = figure.add_subplot()
    known = np.array([[np.nan if one is None else one for one in row] for row in r], dtype=float)
    shown = np.where(np.tri(n, k=-1, dtype=bool), known, np.nan)[1:, :-1]
    _draw_cells(axes, shown)
    axes.set_xticks(range(n - 1), [shorten(name, LETTERS) for name in names[:-1]], rotation=40, ha="right")
    for label in axes.get_xticklabels():
        label.set_rotation_mode("anchor")
    axes.set_yticks(range(n - 1), [shorten(name, LETTERS) for name in names[1:]])
    axes.tick_params(labelcolor=INK, labelsize=SMALL_SIZE if n <= MAX_WRITTEN else 6.5)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure


def _title(names: Sequence[str], r: Sequence[Sequence[float | None]]) -> str:
    pairs = [(abs(one), i, j) for i, row in enumerate(r) for j, one in enumerate(row[:i]) if one is not None]
    if not pairs:
        return "No two columns vary together"
    size, i, j = max(pairs)
    return f"{shorten(names[i], 24)} and {shorten(names[j], 24)} go together most ({size:.2f})"


def _draw_cells(axes: Axes, shown: np.ndarray) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shading = LinearSegmentedColormap.from_list("r", [PALETTE[1], "#f7f6f4", PALETTE[0]])
    axes.imshow(shown, cmap=shading, vmin=-1, vmax=1, interpolation="nearest", aspect="auto")
    if len(shown) >= MAX_WRITTEN:
        return
    for row, column in zip(*np.isfinite(shown).nonzero(), strict=True):
        value = float(shown[row, column])
        color = PAPER if abs(value) > 0.6 else INK
        text = f"{value:.2f}".replace("-", "−").replace("0.", ".", 1)
        axes.text(column, row, text, ha="center", va="center", size=SMALL_SIZE - 0.5, color=color)
