"""The confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.evaluation.figures.style import INK, MUTED, PALETTE, PAPER, new_figure, styled
from mlcli.evaluation.names import plain, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Above these many classes cells hold no counts, and not every class has a label.
MAX_COUNTED, MAX_LABELLED = 16, 30
EDGE = "#dfe4e8"


@styled
def draw_confusion(confusion: np.ndarray, classes: Sequence[str]) -> Figure:
    """Rows by true class (downwards) and predicted class: confusion is (K, K), shaded by share of the true class."""
    from matplotlib.colors import LinearSegmentedColormap

    n_classes = len(classes)
    support = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, support, out=np.zeros(confusion.shape), where=support > 0)
    figure = new_figure(_title(confusion), _subtitle(confusion, classes), height=3.7 if n_classes <= 5 else 5.0)
    axes = figure.add_subplot(xlabel="predicted", ylabel="true")
    shading = LinearSegmentedColormap.from_list("shares", [PAPER, PALETTE[0]])
    axes.imshow(shares, cmap=shading, vmin=0, vmax=1, interpolation="nearest")
    if n_classes <= MAX_LABELLED:
        _draw_cells(axes, n_classes)
    axes.set_anchor("W")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    _label_classes(axes, classes)
    if n_classes <= MAX_COUNTED:
        _write_counts(axes, confusion, shares)
    return figure


def _title(confusion: np.ndarray) -> str:
    n_rows, right = int(confusion.sum()), int(np.trace(confusion))
    return f"{right:,} of {n_rows:,} rows are right ({100 * right / max(n_rows, 1):.1f} %)"


def _subtitle(confusion: np.ndarray, classes: Sequence[str]) -> str:
    errors = confusion.copy()
    np.fill_diagonal(errors, 0)
    text = "Shade: share of the true class."
    if not errors.any():
        return text
    truth, predicted = divmod(int(errors.argmax()), len(classes))
    pair = f"'{shorten(classes[truth], 24)}' taken for '{shorten(classes[predicted], 24)}'"
    return f"{text} Most frequent error: {pair} ({errors.max():,} {'row' if errors.max() == 1 else 'rows'})."


def _draw_cells(axes: Axes, n_classes: int) -> None:
    edges = np.arange(n_classes + 1) - 0.5
    axes.vlines(edges, -0.5, n_classes - 0.5, color=EDGE, linewidth=0.6)
    axes.hlines(edges, -0.5, n_classes - 0.5, color=EDGE, linewidth=0.6)


def _label_classes(axes: Axes, classes: Sequence[str]) -> None:
    n_classes = len(classes)
    every = -(-n_classes // MAX_LABELLED)
    ticks = np.arange(0, n_classes, every)
    names = [shorten(classes[i]) for i in ticks.tolist()]
    letters = sum(len(plain(name)) for name in names)
    slanted = letters > 36 or (n_classes > 12 and max(map(len, names)) > 2)
    angle = 0 if not slanted else 40 if n_classes <= 12 else 90
    size = 8.5 if n_classes <= 12 else 7.0
    axes.set_xticks(ticks, names, rotation=angle, ha="right" if angle == 40 else "center", size=size)
    axes.set_yticks(ticks, names, size=size)
    for label in axes.get_xticklabels() if angle == 40 else ():
        label.set_rotation_mode("anchor")
    axes.tick_params(labelcolor=INK)
    axes.xaxis.label.set_color(MUTED)


def _write_counts(axes: Axes, confusion: np.ndarray, shares: NDArray[np.float64]) -> None:
    n_classes = len(confusion)
    size = 11 if n_classes <= 5 else 9 if n_classes <= 10 else 7
    if confusion.max() > 999 and n_classes > 5:
        size -= 2
    for row, column in zip(*confusion.nonzero(), strict=True):
        color = PAPER if shares[row, column] > 0.5 else INK
        count = f"{confusion[row, column]:,}" if n_classes <= 5 else str(confusion[row, column])
        axes.text(column, row, count, ha="center", va="center", color=color, size=size)
