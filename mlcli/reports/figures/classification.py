"""The confusion matrix, and ROC and precision-recall curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.io.text import shorten
from mlcli.metrics.probabilities import rank_class
from mlcli.reports.figures.style import (
    BELOW,
    BESIDE,
    FAINT,
    INK,
    LINE,
    LONGEST_ROW,
    MUTED,
    PALETTE,
    PAPER,
    SMALL_SIZE,
    WIDTH,
    color_of,
    label_at_right,
    label_cells,
    label_rows,
    new_figure,
    shorten_to,
    size_in_cells,
    style,
    widest,
    write_note,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# With more classes their cells have no edges. Inches of the matrix's sides, for up to five classes and for more.
MAX_EDGED, SMALL_SIDE, LARGE_SIDE = 30, 2.4, 3.4
EDGE = "#dfe4e8"
# More curves than this are drawn in grey, the lowest of them in colour.
MAX_NAMED = 8
# Points kept of a curve, and of a grey one; more cannot be seen.
MAX_POINTS, MAX_GREY_POINTS = 400, 60

Floats = NDArray[np.float64]


@style()
def draw_confusion(confusion: np.ndarray, classes: Sequence[str]) -> Figure:
    """Rows by true class (downwards) and predicted class: confusion is (K, K), shaded by share of the true class."""
    from matplotlib.colors import LinearSegmentedColormap

    n_classes = len(classes)
    support = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, support, out=np.zeros(confusion.shape), where=support > 0)
    n_rows, right = int(confusion.sum()), int(np.trace(confusion))
    title = f"{right:,} of {n_rows:,} rows are classified correctly ({100 * right / max(n_rows, 1):.1f} %)"
    size = SMALL_SIZE if n_classes <= 12 else 7.0
    names = [shorten_to(shorten(name), LONGEST_ROW, size) for name in classes]
    side = min(SMALL_SIDE if n_classes <= 5 else LARGE_SIDE, WIDTH - BESIDE - widest(names, size))
    deepest = size * LINE + widest(names, size)
    figure = new_figure(title, _most_frequent_error(confusion, classes), plot=side + deepest + BELOW)
    axes = figure.add_subplot(xlabel="predicted", ylabel="true")
    shading = LinearSegmentedColormap.from_list("shares", [PAPER, PALETTE[0]])
    axes.imshow(shares, cmap=shading, vmin=0, vmax=1, interpolation="nearest")
    if n_classes <= MAX_EDGED:
        edges = np.arange(n_classes + 1) - 0.5
        axes.vlines(edges, -0.5, n_classes - 0.5, color=EDGE, linewidth=0.6)
        axes.hlines(edges, -0.5, n_classes - 0.5, color=EDGE, linewidth=0.6)
    axes.set_anchor("W")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    label_cells(axes, names, side / n_classes, size)
    label_rows(axes, names, side / n_classes, size)
    axes.tick_params(labelcolor=INK)
    axes.xaxis.label.set_color(MUTED)
    _write_counts(axes, confusion, shares, side / n_classes)
    return figure


def _most_frequent_error(confusion: np.ndarray, classes: Sequence[str]) -> str:
    errors = confusion.copy()
    np.fill_diagonal(errors, 0)
    text = "Shade: share of the true class."
    if not errors.any():
        return text
    truth, predicted = divmod(int(errors.argmax()), len(classes))
    pair = f"'{shorten(classes[truth], 24)}' predicted as '{shorten(classes[predicted], 24)}'"
    return f"{text} Most frequent error: {pair} ({errors.max():,} {'row' if errors.max() == 1 else 'rows'})."


def _write_counts(axes: Axes, confusion: np.ndarray, shares: Floats, cell: float) -> None:
    """Rows of each cell that has any, where they fit into cells of so many inches."""
    grouped = "," if len(confusion) <= 5 else ""
    size = size_in_cells([f"{confusion.max():{grouped}}"], cell, cell, 11 if len(confusion) <= 5 else 9)
    for row, column in zip(*confusion.nonzero(), strict=True) if size else ():
        color = PAPER if shares[row, column] > 0.5 else INK
        count = f"{confusion[row, column]:{grouped}}"
        axes.text(column, row, count, ha="center", va="center", color=color, size=size)


@dataclass(frozen=True)
class _Curve:
    """One class against the rest; x, y and cuts are (n_points,)."""

    name: str
    x: Floats
    y: Floats
    cuts: Floats
    area: float


@style()
def draw_roc(
    truth: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    threshold: float | None = None,
    weights: Floats | None = None,
) -> Figure:
    """True against false positive rate at every cut.

    truth : (n,) class indices    scores : (n, K), as `ranking_scores` gives them
    threshold : of two classes, the cut in use, marked on the curve
    weights : (n,), how much each row counts; None where all count alike
    """
    curves = []
    for positive, score, name in _one_vs_rest(truth, scores, classes):
        cuts, hits, misses = _count_above(positive, score, weights)
        curves.append(_Curve(name, misses / misses[-1], hits / hits[-1], cuts, _areas(positive, score, weights)[0]))
    figure, axes = _curve_axes("ROC", "AUC", curves, classes, "Dashed: chance, AUC 0.5.")
    axes.set(xlabel="false positive rate", ylabel="true positive rate (recall)")
    if curves:
        axes.plot([0, 1], [0, 1], color=FAINT, linestyle=(0, (4, 3)), linewidth=1.2)
        _draw_curves(axes, curves)
        _mark_threshold(axes, curves, threshold, offset=(8, -4))
    return figure


@style()
def draw_precision_recall(
    truth: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    threshold: float | None = None,
    weights: Floats | None = None,
) -> Figure:
    """Precision against recall at every cut; arguments as for `draw_roc`."""
    curves, two = [], len(classes) == 2
    for positive, score, name in _one_vs_rest(truth, scores, classes):
        cuts, hits, misses = _count_above(positive, score, weights)
        y = np.append(1.0, hits[1:] / (hits + misses)[1:])  # without rows, as scikit-learn has it
        curves.append(_Curve(name, hits / hits[-1], y, cuts, _areas(positive, score, weights)[1]))
    chance = f"Dashed: chance, the share of '{shorten(classes[1])}' rows." if two else ""
    figure, axes = _curve_axes("Precision-recall", "average precision", curves, classes, chance)
    axes.set(xlabel="recall", ylabel="precision")
    if two and curves:
        axes.axhline(float(np.average(truth == 1, weights=weights)), color=FAINT, linestyle=(0, (4, 3)), linewidth=1.2)
    if curves:
        _draw_curves(axes, curves)
        _mark_threshold(axes, curves, threshold, offset=(-8, -8))
    return figure


def _count_above(positive: np.ndarray, score: np.ndarray, weights: Floats | None) -> tuple[Floats, Floats, Floats]:
    """Every cut from infinity down, and how many rows of the class, and others, have a score that is not below it."""
    order = np.argsort(-score, kind="stable")
    each = np.ones(len(order)) if weights is None else weights[order]
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)  # of each score
    found, others = (np.append(0.0, (each * own).cumsum()[last]) for own in (positive[order], ~positive[order]))
    return np.append(np.inf, score[order][last]), found, others


def _areas(positive: np.ndarray, score: np.ndarray, weights: Floats | None) -> tuple[float, float]:
    """ROC AUC and average precision."""
    each = np.ones(len(score), dtype=np.int32) if weights is None else weights
    roc, precision = rank_class(positive, score).areas(each[np.newaxis])[:, 0].tolist()
    return roc, precision


def _one_vs_rest(
    truth: np.ndarray, scores: np.ndarray, classes: Sequence[str]
) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
    """Of the second of two classes, or of each class among the rows: its rows, its scores, its name.

    Yields nothing where all rows have the same class.
    """
    present = np.unique(truth)
    if len(present) > 1:
        for k in [1] if len(classes) == 2 else present.tolist():
            yield truth == k, scores[:, k], classes[k]


def _curve_axes(what: str, area: str, curves: list[_Curve], classes: Sequence[str], chance: str) -> tuple[Figure, Axes]:
    """A figure whose title states the mean area, and its plot; a note where there are no curves."""
    mean = f"{area} {np.mean([curve.area for curve in curves]):.3f}" if curves else ""
    title = f"{what} curve: {mean}" if len(curves) == 1 else f"{what} curves: mean {mean}"
    who = f"Positive class: '{shorten(classes[1], 30)}'." if len(classes) == 2 else "Each class against the rest."
    title = title if curves else f"{what} curve: undefined for these rows"
    figure = new_figure(title, f"{who} {chance}".rstrip(), height=4.0)
    axes = figure.add_subplot()
    if not curves:
        write_note(axes, "The rows contain a single class.")
    return figure, axes


def _draw_curves(axes: Axes, curves: list[_Curve]) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), aspect="equal", anchor="W")
    ranked = sorted(curves, key=lambda curve: curve.area)
    named = ranked[:MAX_NAMED]
    for curve in ranked[MAX_NAMED:]:
        axes.plot(*_thin(curve, MAX_GREY_POINTS), color=FAINT, linewidth=1)
    labels = []
    for i, curve in enumerate(named):
        color = color_of(i, len(named))
        axes.plot(*_thin(curve, MAX_POINTS), color=color)
        labels.append((0.08 + 0.065 * i, f"{shorten(curve.name, 18)}: {curve.area:.3f}", color))
    if len(ranked) > len(named):
        labels.append((0.08 + 0.065 * len(named), f"{len(ranked) - len(named)} higher ones", MUTED))
    if len(curves) > 1:
        label_at_right(axes, labels)


def _thin(curve: _Curve, n_points: int) -> tuple[Floats, Floats]:
    """At most n_points points, evenly spaced along the curve."""
    if len(curve.x) <= n_points:
        return curve.x, curve.y
    length = np.concatenate([[0.0], np.hypot(np.diff(curve.x), np.diff(curve.y)).cumsum()])
    kept = np.unique(np.searchsorted(length, np.linspace(0, length[-1], n_points)).clip(0, len(length) - 1))
    return curve.x[kept], curve.y[kept]


def _mark_threshold(axes: Axes, curves: list[_Curve], threshold: float | None, offset: tuple[float, float]) -> None:
    """A dot where the curve's cut is the lowest that is not below the threshold."""
    if threshold is None or len(curves) != 1:
        return
    curve = curves[0]
    above = np.where(curve.cuts >= threshold, curve.cuts, np.inf)
    at = int(above.argmin())
    axes.plot(curve.x[at], curve.y[at], "o", color=INK, markersize=5.5, zorder=5)
    axes.annotate(
        f"threshold {threshold:.3g}", (curve.x[at], curve.y[at]), xytext=offset, textcoords="offset points",
        ha="left" if offset[0] > 0 else "right", va="top", size=SMALL_SIZE, color=INK,
    )  # fmt: skip
