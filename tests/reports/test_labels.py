"""No two texts of a figure overlap and none leaves it, whatever the number and length of names: boxes are measured."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from mlcli.diagnosis.range_test import RateRange
from mlcli.reports.figures.classification import draw_confusion, draw_precision_recall, draw_roc
from mlcli.reports.figures.columns import draw_correlations, draw_first_layer, draw_importance, draw_plane, draw_weights
from mlcli.reports.figures.learning import draw_learning_curve, draw_overlay, draw_rates
from mlcli.reports.figures.probabilities import draw_thresholds
from mlcli.reports.figures.regression import draw_decision_boundary
from mlcli.reports.figures.style import label_log, lay_out, new_figure, style
from tests.evaluation.examples import sampled_classes
from tests.reports.test_figures import CASES, history, importances

# Pixels that boxes may share: they have a margin around the letters.
TOUCH = 0.6


def corners(text, renderer):
    """The corners of a text's box, (4, 2) in pixels, turned as the text is."""
    angle = text.get_rotation()
    text.set_rotation(0)
    level = text.get_window_extent(renderer)
    text.set_rotation(angle)
    turned = text.get_window_extent(renderer)
    centre = [(turned.x0 + turned.x1) / 2, (turned.y0 + turned.y1) / 2]
    sine, cosine = np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (level.width / 2, level.height / 2)
    return half @ [[cosine, sine], [-sine, cosine]] + centre


def apart(first, second):
    """Whether a line parallel to a side separates two rectangles."""
    for box in (first, second):
        for start, end in ((0, 1), (1, 2)):
            across = np.array([box[start, 1] - box[end, 1], box[end, 0] - box[start, 0]])
            across /= np.hypot(*across)
            a, b = first @ across, second @ across
            if a.max() <= b.min() + TOUCH or b.max() <= a.min() + TOUCH:
                return True
    return False


def drawn_texts(figure):
    """The texts that are seen: of ticks, only those within the limits."""
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            inside = axis._update_ticks() if axes.axison else []
            seen = {id(label) for tick in inside for label in (tick.label1, tick.label2)}
            every = [label for tick in axis.get_major_ticks() for label in (tick.label1, tick.label2)]
            every += [] if axes.axison else [axis.label, axis.offsetText]
            hidden |= {id(label) for label in every} - seen
    texts = (text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip())
    return [text for text in texts if id(text) not in hidden]


def misplaced(figure):
    """Pairs of texts that overlap, and texts that leave the figure."""
    with style():
        canvas = FigureCanvasAgg(figure)
        lay_out(figure)
        canvas.draw()
        renderer, size = canvas.get_renderer(), figure.get_size_inches() * figure.dpi
        boxes = [(text.get_text(), corners(text, renderer)) for text in drawn_texts(figure)]
    outside = [(name,) for name, box in boxes if (box < -1).any() or (box > size + 1).any()]
    return outside + [(a, b) for (a, one), (b, other) in combinations(boxes, 2) if not apart(one, other)]


def wide(n, letters=30):
    """Long names that differ at their ends."""
    return [f"{'W' * letters}{i}" for i in range(n)]


def crowd(n, epochs=20):
    """Curves that end at nearly the same height."""
    return {name: [1 + 1e-3 * i] * (epochs - i % 3) for i, name in enumerate(wide(n))}


def confusion(n, most):
    return draw_confusion(np.full((n, n), most), wide(n))


def plane(n):
    points = np.linspace(0, 1, n).tolist()
    return draw_plane(("a" * 60, "b" * 60), points, points, wide(n), range(n), n, "c" * 60)


def boundary(n):
    points = np.random.default_rng(0).normal(size=(n, 2))
    return draw_decision_boundary(lambda grid: np.zeros(len(grid), int), points, np.arange(n), ("a", "b"), wide(n))


def rates(lr, low, high):
    losses = (*np.linspace(1.0, 0.2, 20), *np.linspace(0.2, 5.0, 10))
    rates = RateRange(1.0, tuple(np.geomspace(low, high, 30).tolist()), losses, high)
    return draw_rates(rates, lr, rates.suggested)


def roc(n, draw=draw_roc):
    return draw(*sampled_classes(n, 40 * n), wide(n))


def correlations(n):
    return draw_correlations(wide(n), np.full((n, n), -0.99).tolist())


def weights(n):
    return draw_weights(wide(20), np.full((20, n), -1.234e-5), wide(n))


def overlay(n):
    return draw_overlay("validation loss", "After each epoch.", crowd(n))


def decades():
    return draw_learning_curve(history(np.geomspace(1e-9, 1e9, 9).tolist(), np.geomspace(1e9, 1, 9).tolist()), 5)


CROWDED = {
    **{f"confusion of {n}": (confusion, n, 12345) for n in (2, 5, 6, 12, 30, 100)},
    "confusion of few rows": (confusion, 16, 7),
    **{f"plane of {n}": (plane, n) for n in (2, 13, 60)},
    "boundary of 20": (boundary, 20),
    **{f"overlay of {n}": (overlay, n) for n in (6, 16, 40)},
    **{f"correlations of {n}": (correlations, n) for n in (3, 8, 15, 60)},
    **{f"weights of {n}": (weights, n) for n in (1, 3, 8, 40)},
    "importance": (lambda: draw_importance(importances(20, loss=1e-7, name="W" * 40)),),
    "first layer": (lambda: draw_first_layer(np.ones((6, 4, 4)), wide(6)),),
    **{f"roc of {n}": (roc, n) for n in (3, 20)},
    "precision-recall of 20": (roc, 20, draw_precision_recall),
    "thresholds that end alike": (lambda: draw_thresholds(np.array([0, 1]), np.array([0.5, 0.5]), wide(2), 0.5),),
    "rates side by side": (rates, 0.01, 1e-6, 10.0),
    "rates at both ends": (rates, 1e-6, 1e-6, 10.0),
    "rates in less than a decade": (rates, 0.02, 0.02, 0.04),
    "a loss over many decades": (decades,),
}


@pytest.mark.parametrize("case", CASES)
def test_texts_of_usual_figures_stand_apart(case):
    assert not misplaced(CASES[case]())


@pytest.mark.parametrize("case", CROWDED)
def test_texts_of_crowded_figures_stand_apart(case):
    draw, *arguments = CROWDED[case]
    assert not misplaced(draw(*arguments))


def test_texts_that_overlap_are_found():
    figure = new_figure("title", "subtitle")
    axes = figure.add_subplot(xlabel="x")
    axes.text(0.5, 0.5, "one")
    axes.text(0.52, 0.5, "two")
    axes.annotate("far", (0.5, 0.5), xytext=(2000, 0), textcoords="offset points", annotation_clip=False)
    figure.set_layout_engine("none")
    assert {("far",), ("one", "two")} <= set(misplaced(figure))


@pytest.mark.parametrize("case", ["overlay of 40", "plane of 60"])
def test_labels_that_do_not_fit_are_counted(case):
    draw, *arguments = CROWDED[case]
    texts = [text.get_text() for text in drawn_texts(draw(*arguments))]
    n, names = int(case.rpartition(" ")[2]), [text for text in texts if text.startswith("WWW") and text[-1].isdigit()]
    more = [text for text in texts if text.startswith("and ")]
    assert len(names) + sum(int(text.split()[1]) for text in more) == n


@pytest.mark.parametrize(("across", "low", "times"), [
    ("x", 1e-12, 1e12), ("x", 98765.0, 1.01), ("x", 0.0123, 7), ("y", 1e-12, 30), ("y", 1.0, 1.3), ("y", 0.02, 2),
])  # fmt: skip
def test_a_logarithmic_axis_has_labels_however_short_it_is(across, low, times):
    figure = new_figure("title", "subtitle")
    axes = figure.add_subplot(**{f"{across}scale": "log", f"{across}lim": (low, low * times)})
    axis = getattr(axes, f"{across}axis")
    label_log(axis)
    assert 2 <= len(axis.get_ticklocs()) <= 7
    for value, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True):
        assert float(label.get_text()) == pytest.approx(value)
        assert low <= value <= low * times
    assert not misplaced(figure)
