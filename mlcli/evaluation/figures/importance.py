"""Which columns the model leans on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlcli.evaluation.figures.style import FAINT, INK, PALETTE, SMALL_SIZE, new_figure, shorten_ticks, styled
from mlcli.evaluation.names import plain, shorten
from mlcli.evaluation.show import show_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mlcli.evaluation.importance import Importance, Importances

# Columns drawn at most, the weightiest first.
MAX_COLUMNS = 20


@styled
def draw_importance(found: Importances) -> Figure:
    """How much worse the metric gets when a column's values are shuffled among the rows; some column was."""
    shown = found.columns[:MAX_COLUMNS]
    some = f"The {len(shown)} weightiest of {len(found.columns)} columns. " if len(shown) < len(found.columns) else ""
    sure = shown[0].low > 0
    figure = new_figure(
        f"{shorten(shown[0].name, 30)} matters most to {found.metric}" if sure else "No column matters for sure",
        f"{some}Bars: by how much {found.metric} worsens when the column's values are shuffled among the rows; "
        "grey where it may not. Lines: 95 % intervals.",
        height=1.6 + 0.24 * max(len(shown), 3),
    )
    axes = figure.add_subplot(xlabel=f"{found.metric} lost{f', {plain(found.unit)}' if found.unit else ''}")
    _draw_bars(axes, shown)
    axes.set_yticks(range(len(shown)), [shorten(column.name, 26) for column in shown])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()
    return figure


def _draw_bars(axes: Axes, columns: Sequence[Importance]) -> None:
    colors = [PALETTE[0] if column.low > 0 else FAINT for column in columns]
    axes.barh(range(len(columns)), [column.loss for column in columns], height=0.62, color=colors)
    for place, column in enumerate(columns):
        axes.plot([column.low, column.high], [place, place], color=INK, linewidth=1.2)
        axes.annotate(
            show_number(column.loss).replace("-", "−"), (max(column.high, 0.0), place), xytext=(5, 0),
            textcoords="offset points", va="center", size=SMALL_SIZE,
        )  # fmt: skip
    left, right = min(0.0, *(c.low for c in columns)), max(0.0, *(c.high for c in columns))
    span = right - left or 1.0
    axes.set_xlim(left - 0.03 * span, right + 0.2 * span)
    axes.axvline(0, color=INK, linewidth=1)
    axes.locator_params(axis="x", nbins=5)
    shorten_ticks(axes.xaxis)
