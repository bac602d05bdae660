"""What a network has learned to look at: weights of linear models, first-layer weights over pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlcli.evaluation.figures.style import INK, PALETTE, PAPER, SMALL_SIZE, WIDTH, new_figure, styled
from mlcli.evaluation.names import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

# Features and units drawn at most, the weightiest first, and units a row.
MAX_FEATURES, MAX_UNITS, MAX_COLUMNS = 20, 36, 6


@styled
def draw_weights(features: Sequence[str], weights: np.ndarray, outputs: Sequence[str]) -> Figure:
    """The largest weights of a linear model: weights (n_features, n_outputs) per unit of the scaled inputs."""
    size = np.abs(weights).max(axis=1)
    order = np.argsort(-size, kind="stable")[:MAX_FEATURES]
    top = shorten(features[order[0]], 40) if len(order) else "no feature"
    some = f"The {len(order)} largest of {len(features)}. " if len(order) < len(features) else ""
    figure = new_figure(
        f"{top} weighs most",
        f"{some}Weights of the scaled inputs: blue raises the output, orange lowers it.",
        height=1.5 + 0.24 * max(len(order), 3),
    )
    axes = figure.add_subplot()
    names = [shorten(features[i], 26) for i in order]
    if weights.shape[1] == 1:
        _draw_bars(axes, names, weights[order, 0])
    else:
        _draw_cells(axes, names, weights[order], outputs)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.spines[:].set_visible(False)
    return figure


def _draw_bars(axes: Axes, names: list[str], weights: np.ndarray) -> None:
    colors = [PALETTE[0] if weight >= 0 else PALETTE[1] for weight in weights]
    bars = axes.barh(range(len(names)), weights, color=colors, height=0.68)
    axes.bar_label(bars, [_show(weight) for weight in weights.tolist()], padding=4, size=SMALL_SIZE)
    axes.set_yticks(range(len(names)), names)
    axes.axvline(0, color=INK, linewidth=1)
    axes.margins(x=0.16, y=0.02)
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()


def _draw_cells(axes: Axes, names: list[str], weights: np.ndarray, outputs: Sequence[str]) -> None:
    largest = float(np.abs(weights).max()) or 1.0
    axes.imshow(weights, cmap=_diverging(), vmin=-largest, vmax=largest, aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(names)), names)
    labels = [shorten(name, 14) for name in outputs]
    slanted = sum(map(len, labels)) > 44
    axes.set_xticks(range(len(outputs)), labels, rotation=40 if slanted else 0, ha="right" if slanted else "center")
    axes.grid(visible=False)
    if len(outputs) > 8:
        return
    for row, column in np.ndindex(*weights.shape):
        weight = float(weights[row, column])
        color = PAPER if abs(weight) > 0.6 * largest else INK
        axes.text(column, row, _show(weight), ha="center", va="center", size=SMALL_SIZE - 0.5, color=color)


def _show(weight: float) -> str:
    return f"{weight:.3g}".replace("-", "−")


def _diverging() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("weights", [PALETTE[1], "#f7f6f4", PALETTE[0]])


@styled
def draw_first_layer(weights: np.ndarray, names: Sequence[str] = ()) -> Figure:
    """Incoming weights of the first layer's units as pictures.

    weights : (n_units, height, width[, channels])
    names   : of the units, such as the classes where there is no hidden layer
    """
    flat = weights.mean(axis=3) if weights.ndim == 4 else weights
    norms = np.zeros(len(flat)) if names else np.linalg.norm(flat.reshape(len(flat), -1), axis=1)
    order = np.argsort(-norms, kind="stable")[:MAX_UNITS].tolist()
    figure, cells = _tiles(len(order), *_describe_units(len(order), len(flat), named=bool(names)))
    for axes, unit in zip(cells, order, strict=False):
        largest = float(np.abs(flat[unit]).max()) or 1.0
        axes.imshow(flat[unit], cmap=_diverging(), vmin=-largest, vmax=largest, interpolation="nearest")
        if names:
            axes.set_title(shorten(names[unit], 14), size=SMALL_SIZE, pad=3)
    return figure


def _describe_units(n_shown: int, n_units: int, named: bool) -> tuple[str, str]:
    """Title and subtitle."""
    some = f"{n_shown} of " if n_shown < n_units else "the " if not named else ""
    what = "outputs" if named else "units of the first layer"
    order = "" if named else "; the largest weights first"
    return f"What {some}{n_units} {what} look for", f"Blue pixels excite a unit, orange ones inhibit it{order}."


def _tiles(n: int, title: str, subtitle: str) -> tuple[Figure, list[Axes]]:
    """A figure with room for n square pictures."""
    n_columns = min(MAX_COLUMNS, n)
    n_rows = -(-n // n_columns)
    figure = new_figure(title, subtitle, height=0.7 + n_rows * WIDTH / n_columns)
    cells = figure.subplots(n_rows, n_columns, squeeze=False).ravel().tolist()
    for axes in cells:
        axes.set_axis_off()
    return figure, cells
