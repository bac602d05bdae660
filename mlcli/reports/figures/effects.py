"""How predictions change with the values of a column, and with those of two."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from mlcli.data.tables.types import DISCRETE
from mlcli.io.text import plain, shorten, show_signed
from mlcli.reports.figures.style import FAINT, INK, PALETTE, label_at_right, new_figure, shorten_ticks, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from mlcli.data.tables.types import Kind
    from mlcli.evaluation.column_values import Cell
    from mlcli.evaluation.effects import Effect, Interaction

# Inches of a figure, three of which stand side by side; letters of a category.
WIDTH, HEIGHT, LETTERS = 3.3, 2.7, 18
# Values of the second column that have a line.
MAX_LINES = 3


@style()
def draw_effect(effect: Effect, ends: tuple[float, float]) -> Figure:
    """One column's; ends: lowest and highest change drawn, the same in all figures of one output."""
    low, high = min(effect.mean), max(effect.mean)
    figure = new_figure(
        f"{shorten(effect.column, 30)}: {show_signed(low)} to {show_signed(high)}", effect.output, WIDTH, HEIGHT
    )
    axes = figure.add_subplot()
    margin = 0.06 * (ends[1] - ends[0]) or 1.0
    limits = ends[0] - margin, ends[1] + margin
    if effect.kind in DISCRETE:
        _draw_levels(axes, effect)
        axes.set_xlim(*limits)
        _mark(axes.xaxis)
        axes.axvline(0, color=INK, linewidth=0.8)
    else:
        _draw_curve(axes, effect)
        axes.set_ylim(*limits)
        _mark(axes.yaxis)
        axes.axhline(0, color=INK, linewidth=0.8)
    return figure


def _draw_curve(axes: Axes, effect: Effect) -> None:
    x = _positions(effect.at, effect.kind)
    axes.fill_between(x, effect.low, effect.high, color=PALETTE[0], alpha=0.18, linewidth=0)
    axes.plot(x, effect.mean, color=PALETTE[0])
    # Between two ticks lie as many rows as between others.
    axes.plot(x, np.zeros(len(x)), "|", color=INK, markersize=5, transform=axes.get_xaxis_transform(), clip_on=False)
    _mark(axes.xaxis, effect.kind, effect.at)


def _draw_levels(axes: Axes, effect: Effect) -> None:
    """The largest on top."""
    order = np.argsort(effect.mean, kind="stable")
    places = np.arange(len(order))
    axes.hlines(
        places, np.take(effect.low, order), np.take(effect.high, order), color=PALETTE[0], alpha=0.25, linewidth=7
    )
    axes.plot(np.take(effect.mean, order), places, "o", color=PALETTE[0], markersize=5)
    axes.set_yticks(places.tolist(), [_name(effect.at[place]) for place in order])
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.grid(visible=False, axis="y")


@style()
def draw_interaction(pair: Interaction) -> Figure:
    """A line for a low, a middle and a high value of the second column, or for its most frequent categories."""
    first, second = (shorten(name, 24) for name in pair.columns)
    figure = new_figure(
        f"{first} with {second}",
        f"{pair.output} by {second}; lines would be parallel without interaction (H² {pair.share:.2f})",
        WIDTH,
        HEIGHT + 0.3,
    )
    axes = figure.add_subplot(xlabel=plain(shorten(pair.columns[0], 30)))
    means = np.array([[np.nan if one is None else one for one in row] for row in pair.mean], dtype=float)
    categories = pair.kinds[0] in DISCRETE
    x = np.arange(len(pair.at[0])) if categories else _positions(pair.at[0], pair.kinds[0])
    labels = []
    low, high = np.nanmin(means), np.nanmax(means)
    for color, place in zip(PALETTE, _lines(means, pair.kinds[1]), strict=False):
        axes.plot(x, means[:, place], "o" if categories else "-o", color=color, markersize=4)
        known = np.flatnonzero(np.isfinite(means[:, place]))
        height = (means[known[-1], place] - low) / ((high - low) or 1.0)
        labels.append((float(height), _name(pair.at[1][place]), color))
    label_at_right(axes, labels)
    if categories:
        axes.set_xticks(x.tolist(), [_name(one) for one in pair.at[0]], rotation=40, ha="right")
    else:
        _mark(axes.xaxis, pair.kinds[0], pair.at[0])
    _mark(axes.yaxis)
    axes.spines[:].set_color(FAINT)
    return figure


def _lines(means: np.ndarray, kind: Kind) -> list[int]:
    """Columns of the means (a, b) to draw: the first, which are the most frequent categories, or evenly spread ones."""
    known: list[int] = np.flatnonzero(np.isfinite(means).any(axis=0)).tolist()
    if kind in DISCRETE or len(known) <= MAX_LINES:
        return known[:MAX_LINES]
    return [known[place] for place in np.linspace(0, len(known) - 1, MAX_LINES).round().astype(int).tolist()]


def _positions(at: Sequence[Cell], kind: Kind) -> Any:  # noqa: ANN401
    """Along an axis of matplotlib's."""
    if kind == "date":
        return [datetime.fromisoformat(str(one)) for one in at]
    return list(at)


def _mark(axis: Axis, kind: Kind = "number", at: Sequence[Cell] = ()) -> None:
    """Few ticks, short ones; whole numbers where all values at the axis are."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import MaxNLocator

    if kind == "date":
        locator = AutoDateLocator(minticks=2, maxticks=4)  # type: ignore[no-untyped-call]
        axis.set_major_locator(locator)
        axis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        return
    whole = bool(at) and all(isinstance(value, float) and value.is_integer() for value in at)
    axis.set_major_locator(MaxNLocator(nbins=4, integer=whole, min_n_ticks=1))
    shorten_ticks(axis)


def _name(value: Cell) -> str:
    if value is None:
        return "(missing)"
    return f"{value:.4g}".replace("-", "−") if isinstance(value, float) else shorten(value, LETTERS)
