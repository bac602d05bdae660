"""Predicted against true numbers, and what a model of one or two inputs predicts everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.io.text import shorten, show_number
from mlcli.metrics.residuals import order_metrics
from mlcli.reports.figures.style import (
    FAINT,
    INK,
    MUTED,
    PALETTE,
    PAPER,
    SMALL_SIZE,
    axis_name,
    color_of,
    label_at_right,
    new_figure,
    shorten_ticks,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
Predict = Callable[[np.ndarray], np.ndarray]
# Cells a side of the grid that is predicted, and points of a curve.
GRID_CELLS, CURVE_POINTS = 200, 300
# More points than this are drawn as a density.
MAX_POINTS = 1500
# Above this many rows a plot leaves out the half per cent at either end, so that far errors do not flatten it.
MIN_TRIMMED = 200


@style()
def draw_residuals(
    truth: np.ndarray, predicted: np.ndarray, target: str, q: float | None = None, weights: Floats | None = None
) -> Figure:
    """Predicted against true values, and the histogram of true − predicted; (n,), (n,) in the target's units.

    q : the quantile that is predicted; None for the mean
    weights : (n,), how much each row counts in the title; None where all count alike
    """
    residuals = truth - predicted
    title = "There are no rows"
    if len(truth) and q is not None:
        share = np.average(truth <= predicted, weights=weights)
        title = f"{share:.1%} of the true values are at most the prediction; {q:.4g} is right"
    elif len(truth):
        errors = order_metrics(truth[:, np.newaxis], predicted[:, np.newaxis])
        each = np.ones(len(truth), np.int64) if weights is None else weights
        median = float(errors.scores(each[np.newaxis])["median_ae"][0])
        title = f"Half of the predictions are within {show_number(median)} of the truth"
    figure = new_figure(
        title,
        f"Target: {shorten(target, 40)}. Left: the line marks perfect predictions. Right: residual = true − predicted.",
        height=3.3,
    )
    left, right = figure.subplots(1, 2)
    _compare(left, truth, predicted)
    _count(right, residuals)
    for axes in (left, right):
        axes.locator_params(axis="x", nbins=3)
        shorten_ticks(axes.xaxis)
        shorten_ticks(axes.yaxis)
    return figure


def _compare(axes: Axes, truth: Floats, predicted: Floats) -> None:
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    axes.set(xlabel="true", ylabel="predicted")
    if not len(truth):
        return
    low, high = _span(np.concatenate([_central(truth), _central(predicted)]))
    if len(truth) > MAX_POINTS:
        shading = LinearSegmentedColormap.from_list("density", ["#d6e6f2", PALETTE[0], "#06304f"])
        inside = (np.minimum(truth, predicted) >= low) & (np.maximum(truth, predicted) <= high)
        x, y = truth[inside], predicted[inside]
        axes.hexbin(x, y, gridsize=36, cmap=shading, norm=LogNorm(), mincnt=1, linewidths=0.1)
        axes.set_ylabel("predicted (dark: many rows)")
    else:
        axes.scatter(truth, predicted, s=14, color=PALETTE[0], alpha=0.55, linewidths=0)
    axes.plot([low, high], [low, high], color=INK, linewidth=1)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.locator_params(axis="y", nbins=5)


def _span(values: Floats) -> tuple[float, float]:
    """Limits with a margin on both sides."""
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or max(abs(high), 1.0) * 0.1
    return low - margin, high + margin


def _central(values: Floats) -> Floats:
    """The values without the extreme ones, when there are many."""
    if len(values) <= MIN_TRIMMED:
        return values
    low, high = np.quantile(values, [0.005, 0.995])
    kept: Floats = values[(values >= low) & (values <= high)]
    return kept


def _count(axes: Axes, residuals: Floats) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set(xlabel="residual", ylabel="rows")
    axes.grid(visible=False, axis="x")
    if not len(residuals):
        return
    low, high = _span(_central(residuals))
    bins = int(np.clip(2 * len(residuals) ** (1 / 3), 5, 40))
    axes.hist(residuals, bins=np.linspace(low, high, bins + 1).tolist(), color=PALETTE[0], rwidth=0.92)
    axes.axvline(0, color=INK, linewidth=1)
    beyond = int(((residuals < low) | (residuals > high)).sum())
    if beyond:
        text = f"{beyond:,} beyond"
        axes.text(0.98, 0.97, text, transform=axes.transAxes, ha="right", va="top", color=MUTED, size=SMALL_SIZE)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


@style()
def draw_decision_boundary(
    predict: Predict, points: np.ndarray, truth: np.ndarray, names: tuple[str, str], classes: Sequence[str]
) -> Figure:
    """Regions of the classes over two inputs, paler where the model is less sure, with the rows over them.

    predict : (m, 2) → class probabilities (m, K), or class indices (m,) where there are none
    points  : (n, 2)    truth : (n,) class indices
    """
    from matplotlib.colors import to_rgb

    sides = (*_limits(points[:, 0]), *_limits(points[:, 1]))
    answers = predict(_grid(*sides))
    shown = _sample(len(points))
    figure = new_figure(
        f"Predicted class by {shorten(names[0], 20)} and {shorten(names[1], 20)}",
        f"Background: predicted class, paler where less probable. Points: {_how_many(shown, points)}.",
        height=4.2,
    )
    axes = figure.add_subplot(xlabel=axis_name(names[0]), ylabel=axis_name(names[1]))
    palette = np.array([to_rgb(color_of(k, len(classes))) for k in range(len(classes))])
    image = _shade_classes(answers, palette).reshape(GRID_CELLS, GRID_CELLS, 3)
    axes.imshow(image, extent=sides, origin="lower", aspect="auto", interpolation="bilinear")
    axes.grid(visible=False)
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(FAINT)
    _draw_borders(axes, sides, answers)
    x, y = points[shown].T
    axes.scatter(x, y, c=palette[truth[shown]], s=_point_size(len(shown)), edgecolors=PAPER, linewidths=0.6)
    # Also a class without points here has its colour in the legend.
    n_classes = len(classes)
    keys = [(1 - 1e-6 * k, shorten(name), color_of(k, n_classes)) for k, name in enumerate(classes)]
    label_at_right(axes, keys)
    return figure


@style()
def draw_heat_map(
    predict: Predict, points: np.ndarray, truth: np.ndarray, names: tuple[str, str], target: str
) -> Figure:
    """The predicted number over two inputs, with the rows in the colour of their true value.

    predict : (m, 2) → (m,)    points : (n, 2)    truth : (n,)
    """
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    sides = (*_limits(points[:, 0]), *_limits(points[:, 1]))
    answers = predict(_grid(*sides)).reshape(GRID_CELLS, GRID_CELLS)
    shown = _sample(len(points))
    figure = new_figure(
        f"Predicted {shorten(target, 30)}",
        f"Background: predictions. Points: {_how_many(shown, points)}, true values on the same scale.",
        height=4.2,
    )
    axes = figure.add_subplot(xlabel=axis_name(names[0]), ylabel=axis_name(names[1]))
    shading = LinearSegmentedColormap.from_list("values", [PALETTE[1], "#f6f4f1", PALETTE[0]])
    limits = np.quantile(truth, [0.01, 0.99]) if len(truth) else (answers.min(), answers.max())
    scale = Normalize(*limits)
    image = axes.imshow(
        answers, extent=sides, origin="lower", aspect="auto", cmap=shading, norm=scale, interpolation="bilinear"
    )
    x, y = points[shown].T
    axes.scatter(
        x, y, c=truth[shown], cmap=shading, norm=scale, s=_point_size(len(shown)), edgecolors=PAPER, linewidths=0.6
    )
    axes.grid(visible=False)
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.03)
    bar.outline.set_visible(False)
    return figure


@style()
def draw_line_fit(predict: Predict, x: np.ndarray, truth: np.ndarray, name: str, target: str) -> Figure:
    """The fitted curve of one input over the rows: predict (m, 1) → (m,), x (n,), truth (n,)."""
    low, high = _limits(x)
    inputs = np.linspace(low, high, CURVE_POINTS)
    curve = predict(inputs[:, None])
    shown = _sample(len(x))
    figure = new_figure(
        f"Predicted {shorten(target, 20)} by {shorten(name, 20)}",
        f"Line: predictions. Points: {_how_many(shown, x)}.",
    )
    axes = figure.add_subplot(xlabel=axis_name(name), ylabel=axis_name(target))
    axes.scatter(x[shown], truth[shown], s=_point_size(len(shown)), color=PALETTE[0], alpha=0.5, linewidths=0)
    axes.plot(inputs, curve, color=PALETTE[1], linewidth=2.2)
    axes.set_xlim(low, high)
    shorten_ticks(axes.xaxis)
    shorten_ticks(axes.yaxis)
    return figure


def _limits(values: Floats) -> tuple[float, float]:
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    margin = 0.06 * (high - low) or 1.0
    return low - margin, high + margin


def _axis_values(low: float, high: float) -> Floats:
    """Centres of the grid's cells along one side."""
    return low + (np.arange(GRID_CELLS) + 0.5) * (high - low) / GRID_CELLS


def _grid(left: float, right: float, bottom: float, top: float) -> Floats:
    """Centres of all cells, (GRID_CELLS², 2), bottom row first."""
    x, y = np.meshgrid(_axis_values(left, right), _axis_values(bottom, top))
    return np.column_stack([x.ravel(), y.ravel()])


def _sample(n_rows: int) -> NDArray[np.int64]:
    """Indices of at most MAX_POINTS rows, the same ones each time."""
    if n_rows <= MAX_POINTS:
        return np.arange(n_rows)
    return np.random.default_rng(0).choice(n_rows, MAX_POINTS, replace=False)


def _how_many(shown: np.ndarray, rows: np.ndarray) -> str:
    return f"{len(shown):,} of {len(rows):,} rows" if len(shown) < len(rows) else f"all {len(rows):,} rows"


def _point_size(n: int) -> float:
    return 26.0 if n <= 300 else 16.0 if n <= 800 else 10.0


def _shade_classes(answers: np.ndarray, palette: Floats) -> Floats:
    """(m, 3) colours: the class answered, mixed with white as its probability falls to 1 / K."""
    if answers.ndim == 1:
        return 1 - 0.38 * (1 - palette[answers.astype(np.int64)])
    chance = 1 / len(palette)
    sure = (answers.max(axis=1, keepdims=True) - chance) / (1 - chance)
    strength = 0.06 + 0.44 * sure.clip(0, 1)
    colors: Floats = 1 - strength * (1 - palette[answers.argmax(axis=1)])
    return colors


def _draw_borders(axes: Axes, sides: tuple[float, float, float, float], answers: np.ndarray) -> None:
    """Lines where the answer changes: where a class is as probable as the next one."""
    x, y = _axis_values(*sides[:2]), _axis_values(*sides[2:])
    margins = answers[:, None] if answers.ndim == 1 else answers
    if answers.ndim == 1:
        classes = np.unique(answers)[1:]
        leads = [(answers >= k) - 0.5 for k in classes]
    else:
        top = np.sort(margins, axis=1)[:, -2:]
        best = margins.argmax(axis=1)
        leads = [np.where(best == k, top[:, 1] - top[:, 0], margins[:, k] - top[:, 1]) for k in np.unique(best)]
    for lead in leads[: 1 if margins.shape[1] == 2 else None]:
        if lead.min() < 0 < lead.max():
            axes.contour(x, y, lead.reshape(GRID_CELLS, GRID_CELLS), levels=[0], colors=[INK], linewidths=1)
