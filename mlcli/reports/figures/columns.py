"""Columns: their correlations, rows as points, importance to the model, and weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlcli.io.text import plain, shorten, show_number
from mlcli.reports.figures.style import (
    BELOW,
    FAINT,
    FILLED,
    INK,
    LINE,
    LONGEST_ROW,
    PALETTE,
    PAPER,
    SMALL_SIZE,
    WIDTH,
    axis_name,
    color_of,
    label_at_right,
    label_cells,
    label_rows,
    new_figure,
    shorten_ticks,
    shorten_to,
    size_in_cells,
    style,
    widest,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from mlcli.evaluation.importance import Importance, Importances

# With more columns their names are smaller.
MAX_LARGE = 14
# Inches a row of correlations, and of all rows at least and at most; beside cells that have no name at their side.
CELL, LEAST, MOST, MARGIN = 0.3, 1.8, 7.2, 0.3
# Inches that upright names of outputs may take.
MOST_DOWN = 1.0
# Columns with an importance, features with weights and units, at most; units in a row.
MAX_COLUMNS, MAX_FEATURES, MAX_UNITS, UNITS_IN_ROW = 20, 20, 36, 6


@style()
def draw_correlations(names: Sequence[str], r: Sequence[Sequence[float | None]]) -> Figure:
    """Pearson's r of each pair, below the diagonal; two columns at least, None where there is no r."""
    n = len(names)
    size = SMALL_SIZE if n <= MAX_LARGE else 6.5
    names = [shorten_to(name, LONGEST_ROW, size) for name in names]
    pairs = [(abs(one), i, j) for i, row in enumerate(r) for j, one in enumerate(row[:i]) if one is not None]
    title = "No correlation is defined"
    if pairs:
        strongest, i, j = max(pairs)
        title = f"Strongest correlation: {names[i]} and {names[j]} ({strongest:.2f})"
    high, broad = min(MOST, max(LEAST, CELL * n)), WIDTH - MARGIN - widest(names, size)
    plot = high + size * LINE + widest(names, size)
    figure = new_figure(title, "Pearson's r: blue is positive, orange is negative.", plot=plot)
    axes = figure.add_subplot()
    known = np.array([[np.nan if one is None else one for one in row] for row in r], dtype=float)
    shown = np.where(np.tri(n, k=-1, dtype=bool), known, np.nan)[1:, :-1]
    axes.imshow(shown, cmap=_diverging(), vmin=-1, vmax=1, interpolation="nearest", aspect="auto")
    _write_correlations(axes, shown, broad / (n - 1), high / (n - 1))
    label_cells(axes, names[:-1], broad / (n - 1), size)
    label_rows(axes, names[1:], high / (n - 1), size)
    axes.tick_params(labelcolor=INK)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure


def _write_correlations(axes: Axes, shown: np.ndarray, width: float, height: float) -> None:
    """Each r, where they fit into cells of so many inches."""
    size = size_in_cells(["−.99"], width, height, SMALL_SIZE - 0.5)
    for row, column in zip(*np.isfinite(shown).nonzero(), strict=True) if size else ():
        value = float(shown[row, column])
        color = PAPER if abs(value) > 0.6 else INK
        text = f"{value:.2f}".replace("-", "−").replace("0.", ".", 1)
        axes.text(column, row, text, ha="center", va="center", size=size, color=color)


@style()
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
    axes = figure.add_subplot(xlabel=axis_name(names[0]), ylabel=axis_name(names[1]))
    palette = np.array([color_of(k, len(groups)) for k in range(len(groups))] or [PALETTE[0]])
    colours = palette[np.array(group, dtype=int)] if groups else palette[0]
    size = 26 if len(x) <= 300 else 12
    axes.scatter(x, y, c=colours, s=size, edgecolors=PAPER, linewidths=0.5, alpha=0.85)
    # Below each other from the top on: labels are pushed apart.
    keys = [(1 - 1e-6 * k, shorten(name), str(palette[k])) for k, name in enumerate(groups)]
    label_at_right(axes, keys)
    for axis in (axes.xaxis, axes.yaxis):
        shorten_ticks(axis)
    return figure


@style()
def draw_importance(found: Importances) -> Figure:
    """Permutation importance of at least one column."""
    shown, n = found.columns[:MAX_COLUMNS], len(found.columns)
    some = f"The {len(shown)} most important of {n} columns. " if len(shown) < n else ""
    best = f"Most important for {found.metric}: {shorten(shown[0].name, 30)}"
    figure = new_figure(
        best if shown[0].low > 0 else "No column is significantly important",
        f"{some}Bars: how much worse {found.metric} gets when the column is shuffled; grey: not significant. "
        "Lines: 95 % intervals.",
        height=1.6 + 0.24 * max(len(shown), 3),
    )
    axes = figure.add_subplot(xlabel=f"loss of {found.metric}{f', {plain(found.unit)}' if found.unit else ''}")
    _draw_importance_bars(axes, shown)
    axes.set_yticks(range(len(shown)), [shorten_to(column.name, LONGEST_ROW, SMALL_SIZE) for column in shown])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()
    return figure


def _draw_importance_bars(axes: Axes, columns: Sequence[Importance]) -> None:
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
    axes.locator_params(axis="x", nbins=4)
    shorten_ticks(axes.xaxis)


@style()
def draw_weights(features: Sequence[str], weights: np.ndarray, outputs: Sequence[str]) -> Figure:
    """The largest weights of a linear model: weights (n_features, n_outputs) per unit of the scaled inputs."""
    size = np.abs(weights).max(axis=1)
    order = np.argsort(-size, kind="stable")[:MAX_FEATURES]
    top = shorten(features[order[0]], 40) if len(order) else "no feature"
    some = f"The {len(order)} largest of {len(features)}. " if len(order) < len(features) else ""
    figure = new_figure(
        f"Largest weight: {top}",
        f"{some}Weights of the scaled inputs: blue is positive, orange is negative.",
        plot=0.24 * max(len(order), 3) + BELOW + (MOST_DOWN if weights.shape[1] > 1 else 0),
    )
    axes = figure.add_subplot()
    names = [shorten_to(features[i], LONGEST_ROW, SMALL_SIZE) for i in order]
    if weights.shape[1] == 1:
        single = weights[order, 0]
        bars = axes.barh(range(len(names)), single, color=np.where(single >= 0, *PALETTE[:2]), height=0.68)
        labels = [_show(weight) for weight in single.tolist()]
        axes.bar_label(bars, labels, padding=4, size=SMALL_SIZE)
        axes.set_xlim(*_limits(single, WIDTH - MARGIN - widest(names, SMALL_SIZE), widest(labels, SMALL_SIZE) + 0.1))
        axes.set_yticks(range(len(names)), names)
        axes.axvline(0, color=INK, linewidth=1)
        axes.margins(y=0.02)
        axes.grid(visible=False, axis="y")
        axes.invert_yaxis()
    else:
        _draw_weight_cells(axes, names, weights[order], outputs)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.spines[:].set_visible(False)
    return figure


def _limits(weights: np.ndarray, broad: float, label: float) -> tuple[float, float]:
    """Ends of an axis of so many inches that leave room for labels of so many inches at the ends of the bars."""
    low, high = min(0.0, float(weights.min(initial=0))), max(0.0, float(weights.max(initial=0)))
    sides = label * (low < 0), label * (high > 0)
    inch = ((high - low) or 1.0) / max(0.2, broad - sum(sides))
    return low - inch * sides[0], high + inch * sides[1]


def _draw_weight_cells(axes: Axes, names: list[str], weights: np.ndarray, outputs: Sequence[str]) -> None:
    largest = float(np.abs(weights).max()) or 1.0
    axes.imshow(weights, cmap=_diverging(), vmin=-largest, vmax=largest, aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(names)), names)
    cell = (WIDTH - MARGIN - widest(names, SMALL_SIZE)) / len(outputs)
    label_cells(axes, [shorten(name, 14) for name in outputs], cell, SMALL_SIZE)
    axes.grid(visible=False)
    size = size_in_cells([_show(weight) for weight in weights.ravel().tolist()], cell, 0.2, SMALL_SIZE - 0.5)
    for row, column in np.ndindex(*weights.shape) if size else ():
        weight = float(weights[row, column])
        color = PAPER if abs(weight) > 0.6 * largest else INK
        axes.text(column, row, _show(weight), ha="center", va="center", size=size, color=color)


def _show(weight: float) -> str:
    return f"{weight:.3g}".replace("-", "−")


def _diverging() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("weights", [PALETTE[1], "#f7f6f4", PALETTE[0]])


@style()
def draw_first_layer(weights: np.ndarray, names: Sequence[str] = ()) -> Figure:
    """Incoming weights of the first layer's units as images.

    weights : (n_units, height, width[, channels])
    names   : of the units, such as the classes where there is no hidden layer
    """
    flat = weights.mean(axis=3) if weights.ndim == 4 else weights
    norms = np.zeros(len(flat)) if names else np.linalg.norm(flat.reshape(len(flat), -1), axis=1)
    order = np.argsort(-norms, kind="stable")[:MAX_UNITS].tolist()
    some = f"{len(order)} of " if len(order) < len(flat) else "" if names else "the "
    what = "outputs" if names else "units of the first layer"
    sorting = "" if names else " The largest weights come first."
    n_columns = min(UNITS_IN_ROW, len(order))
    n_rows, cell = -(-len(order) // n_columns), FILLED * WIDTH / n_columns - 0.1
    figure = new_figure(
        f"Weights of {some}{len(flat)} {what}",
        f"Blue: positive weight. Orange: negative weight.{sorting}",
        height=0.7 + n_rows * WIDTH / n_columns,
    )
    cells = figure.subplots(n_rows, n_columns, squeeze=False).ravel().tolist()
    for axes in cells:
        axes.set_axis_off()
    for axes, unit in zip(cells, order, strict=False):
        largest = float(np.abs(flat[unit]).max()) or 1.0
        axes.imshow(flat[unit], cmap=_diverging(), vmin=-largest, vmax=largest, interpolation="nearest")
        if names:
            axes.set_title(shorten_to(names[unit], cell, SMALL_SIZE), size=SMALL_SIZE, pad=3)
    return figure
