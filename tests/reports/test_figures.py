import xml.etree.ElementTree as ET

import numpy as np
import pytest

from mlcli.evaluation.effects import Effect, Interaction
from mlcli.evaluation.importance import Importance, Importances
from mlcli.io.text import shorten
from mlcli.metrics.measure import measure
from mlcli.reports.figures.classification import draw_confusion, draw_precision_recall, draw_roc
from mlcli.reports.figures.columns import draw_correlations, draw_first_layer, draw_importance, draw_plane, draw_weights
from mlcli.reports.figures.effects import draw_effect, draw_interaction
from mlcli.reports.figures.learning import (
    draw_learning_curve,
    draw_metric_curve,
    draw_rate_curve,
    rate_moved,
    shown_metric,
)
from mlcli.reports.figures.probabilities import draw_calibration, draw_thresholds, measure_reliability, trace_thresholds
from mlcli.reports.figures.regression import draw_decision_boundary, draw_heat_map, draw_line_fit, draw_residuals
from mlcli.reports.figures.style import save_svg, svg_text
from mlcli.training.state import EpochRecord
from tests.evaluation.examples import class_predictions, classification, sampled_classes

NASTY = "<script>alert('$x_1$ & \"y\"')</script>\x07 猫"


def history(train, valid=None):
    pairs = enumerate(zip(train, valid or [None] * len(train), strict=True), 1)
    return [EpochRecord(epoch, epoch, 0.1, t, v, {}) for epoch, (t, v) in pairs]


def watched(values, rates):
    triples = enumerate(zip(values, rates, strict=True), 1)
    return [EpochRecord(e, e, rate, 1.0, 1.0, {} if v is None else {"accuracy": v}) for e, (v, rate) in triples]


def importances(n_columns, loss=0.3, name="x"):
    columns = (
        Importance((f"{name}{i}",), loss - i / 100, loss - i / 100 - 0.1, loss - i / 100 + 0.1)
        for i in range(n_columns)
    )
    return Importances("accuracy", "", 40, tuple(columns))


def effect(kind, at, column="x"):
    mean = np.linspace(-1, 1, len(at))
    return draw_effect(
        Effect(column, kind, f"prediction of {NASTY}", at, tuple(mean), tuple(mean - 1), tuple(mean + 1)), (-2, 2)
    )


def interaction(kinds, at):
    means = np.arange(len(at[0]) * len(at[1]), dtype=float).reshape(len(at[0]), -1).tolist()
    means[-1][0] = None
    return draw_interaction(Interaction((NASTY, "y"), kinds, NASTY, at, tuple(map(tuple, means)), 0.25))


def scored(n_classes, n_rows=200):
    truth, probabilities = sampled_classes(n_classes, n_rows)
    return truth, probabilities


def confusion(n_classes):
    return np.arange(n_classes**2).reshape(n_classes, n_classes)


def halves(grid):
    positive = 1 / (1 + np.exp(-grid.sum(axis=1)))
    return np.column_stack([1 - positive, positive])


POINTS = np.random.default_rng(0).normal(size=(40, 2))
SIGNS = (POINTS.sum(axis=1) > 0).astype(int)
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")

CASES = {
    "learning": lambda: draw_learning_curve(history([3.0, 2.0, 1.5], [3.1, 2.5, 2.8]), 2),
    "learning without validation": lambda: draw_learning_curve(history([3.0, 0.01]), 2),
    "learning, other epoch kept": lambda: draw_learning_curve(history([1.0, 0.9], [1.0, 1.2]), 2),
    "learning, one epoch": lambda: draw_learning_curve(history([1.0], [1.0]), 1),
    "learning, nothing": lambda: draw_learning_curve([], 0),
    "learning, forged": lambda: draw_learning_curve(history([1e300, 1.0], [1e-310, -1e308]), 1),
    "learning, diverged": lambda: draw_learning_curve(history([1.0, np.nan, np.inf], [1.0, np.nan, np.nan]), 1),
    "metric": lambda: draw_metric_curve(watched([0.5, 0.9, 0.7], [1, 1, 1]), "accuracy", True, 3),
    "metric, lower": lambda: draw_metric_curve(watched([0.5, None, 0.7], [1, 1, 1]), "accuracy", False, 1),
    "rate": lambda: draw_rate_curve(watched([None] * 3, [0.1, 0.2, 1e-9])),
    "rate, falling": lambda: draw_rate_curve(watched([None] * 2, [0.2, 0.1])),
    "rate, to nothing": lambda: draw_rate_curve(watched([None] * 3, [0.2, 0.1, 1e-14])),
    "calibration": lambda: draw_calibration(*scored(2), ("no", NASTY)),
    "calibration, 3 classes": lambda: draw_calibration(*scored(3), "abc"),
    "calibration, no rows": lambda: draw_calibration(np.empty(0, int), np.empty((0, 2)), "ab"),
    "thresholds": lambda: draw_thresholds(np.array([0, 1, 1]), np.array([0.2, 0.4, 0.9]), ("no", NASTY), 0.5),
    "thresholds, one class": lambda: draw_thresholds(np.ones(3, int), np.full(3, 0.5), "ab", 0.5),
    "importance": lambda: draw_importance(importances(30)),
    "importance, nasty": lambda: draw_importance(importances(3, name=NASTY)),
    "importance, unsure": lambda: draw_importance(importances(1, loss=0.0)),
    "effect": lambda: effect("number", (1.0, 2.0, 1e6), NASTY),
    "effect, date": lambda: effect("date", ("2024-01-01", "2024-02-01T12:00:00", "2025-01-01")),
    "effect, category": lambda: effect("category", (NASTY, None, "b" * 99)),
    "effect, boolean": lambda: effect("boolean", ("false", "true")),
    "interaction": lambda: interaction(("number", "number"), ((1.0, 2.0, 3.0), (0.1, 0.2, 0.3, 0.4))),
    "interaction, dates": lambda: interaction(("date", "boolean"), (("2024-01-01", "2025-01-01"), ("true", "false"))),
    "interaction, categories": lambda: interaction(("category", "category"), ((NASTY, "b"), ("c", None))),
    "confusion": lambda: draw_confusion(confusion(3), (NASTY, "b", "c" * 300)),
    "confusion, 12 long names": lambda: draw_confusion(confusion(12), [f"a long name {i}" for i in range(12)]),
    "confusion, 40 classes": lambda: draw_confusion(confusion(40), [str(i) for i in range(40)]),
    "confusion, no rows": lambda: draw_confusion(np.zeros((2, 2), int), "ab"),
    "correlations": lambda: draw_correlations((NASTY, "b"), ((1.0, -0.7), (-0.7, 1.0))),
    "correlations, many": lambda: draw_correlations([f"c{i}" for i in range(40)], np.eye(40).tolist()),
    "correlations, none": lambda: draw_correlations("abc", [[None] * 3] * 3),
    "plane": lambda: draw_plane((NASTY, "x2"), (0.0, 1.0), (2.0, 3.0), (NASTY, "b"), (0, 1), 9, NASTY),
    "plane, one colour": lambda: draw_plane(("x", "y"), (0.0,), (1e9,), (), (), 1),
    "roc": lambda: draw_roc(*scored(2), (NASTY, NASTY), 0.5),
    "roc, 12 classes": lambda: draw_roc(*scored(12), LETTERS[:12]),
    "roc, undefined": lambda: draw_roc(np.ones(3, int), np.full((3, 2), 0.5), "ab", 0.5),
    "precision-recall": lambda: draw_precision_recall(*scored(2), ("no", NASTY), 0.3),
    "precision-recall, 3 classes": lambda: draw_precision_recall(*scored(3), (NASTY, "b", "c")),
    "precision-recall, undefined": lambda: draw_precision_recall(np.ones(3, int), np.full((3, 2), 0.5), "ab"),
    "residuals": lambda: draw_residuals(POINTS[:, 0], POINTS[:, 1], NASTY),
    "residuals, many": lambda: draw_residuals(*np.random.default_rng(0).normal(size=(2, 2000)), "y"),
    "residuals, one": lambda: draw_residuals(np.array([3.0]), np.array([2.0]), "y"),
    "residuals, perfect": lambda: draw_residuals(np.ones(300), np.ones(300), "y"),
    "residuals, none": lambda: draw_residuals(np.empty(0), np.empty(0), "y"),
    "boundary": lambda: draw_decision_boundary(halves, POINTS, SIGNS, ("x1", NASTY), (NASTY, "b")),
    "boundary, no probabilities": lambda: draw_decision_boundary(
        lambda grid: (grid[:, 0] > 0).astype(int), POINTS, SIGNS, ("x1", "x2"), "ab"
    ),
    "boundary, one answer": lambda: draw_decision_boundary(
        lambda grid: np.zeros(len(grid), int), POINTS, SIGNS, ("x1", "x2"), "ab"
    ),
    "heat map": lambda: draw_heat_map(lambda g: g.sum(axis=1), POINTS, POINTS[:, 0], ("x1", "x2"), NASTY),
    "line": lambda: draw_line_fit(lambda x: 2 * x[:, 0], POINTS[:, 0], POINTS[:, 1], NASTY, "price"),
    "weights": lambda: draw_weights(["size", NASTY], np.array([[2.0], [-1.0]]), ["price"]),
    "weights, many": lambda: draw_weights([f"f{i}" for i in range(50)], np.ones((50, 12)), LETTERS[:12]),
    "weights, 3 outputs": lambda: draw_weights("ab", np.array([[0.0, 1, 2], [3, -4, 5]]), [NASTY, "2", "3"]),
    "first layer": lambda: draw_first_layer(np.random.default_rng(0).normal(size=(40, 5, 4))),
    "first layer in colour": lambda: draw_first_layer(np.zeros((2, 4, 4, 3))),
    "first layer, named": lambda: draw_first_layer(np.ones((3, 4, 4)), (NASTY, "b", "c")),
}


def texts(svg):
    return [element.text or "" for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("case", CASES)
def test_every_figure_is_well_formed_svg_that_loads_and_runs_nothing(case):
    svg = svg_text(CASES[case]())
    elements = list(ET.fromstring(svg).iter())
    assert not {element.tag.rpartition("}")[2] for element in elements} & {"script", "foreignObject", "metadata"}
    links = [value for element in elements for key, value in element.attrib.items() if key.endswith("href")]
    assert all(link.startswith(("#", "data:image/png")) for link in links)
    assert len(svg) < 400_000


@pytest.mark.parametrize("case", ["learning", "roc", "boundary"])
def test_figures_are_the_same_bytes_each_time(case):
    assert svg_text(CASES[case]()) == svg_text(CASES[case]())


def test_dollar_signs_are_no_formula():
    assert "a $x_1$" in texts(svg_text(draw_weights(["a $x_1$"], np.ones((1, 1)), ["y"])))


def test_names_reach_the_picture_as_text():
    svg = svg_text(CASES["weights"]())
    assert "size" in texts(svg)
    assert {shorten(NASTY, letters) for letters in range(20, 40)} & set(texts(svg))
    assert "−1" in texts(svg)


@pytest.mark.parametrize(
    ("case", "title"),
    [
        ("learning", "Validation loss is lowest after epoch 2: 2.500"),
        ("learning without validation", "Training loss changes from 3.000 to 0.0100 in 2 epochs"),
        ("learning, other epoch kept", "Validation loss is lowest after epoch 1; the model has the weights"),
        ("learning, nothing", "No epoch ended with a finite loss"),
        ("metric", "Validation accuracy is highest after epoch 2: 0.9000"),
        ("metric, lower", "Validation accuracy is lowest after epoch 1: 0.5000"),
        ("rate", "The learning rate peaks at 0.2 in epoch 2"),
        ("rate, falling", "The learning rate changes from 0.2 to 0.1"),
        ("rate, to nothing", "The learning rate changes from 0.2 to nearly 0"),
        ("calibration, no rows", "Calibration: undefined without rows"),
        ("thresholds", "F1 is 0.667 at the threshold 0.5; its maximum is 1.000 at 0.4"),
        ("thresholds, one class", "Thresholds: undefined for rows of one class"),
        ("importance", "Most important for accuracy: x0"),
        ("importance, unsure", "No column is significantly important"),
        ("effect, boolean", "x: −1.000 to +1.000"),
        ("interaction", "with y"),
        ("confusion, 40 classes", "31,980 of 1,279,200 rows are classified correctly (2.5 %)"),
        ("roc, undefined", "ROC curve: undefined for these rows"),
        ("residuals, one", "Half of the predictions are within 1.000 of the truth"),
        ("weights", "Largest weight: size"),
        ("first layer", "Weights of 36 of 40 units of the first layer"),
        ("first layer, named", "Weights of 3 outputs"),
    ],
)
def test_titles_say_what_is_seen(case, title):
    assert title in " ".join(texts(svg_text(CASES[case]()))).replace(
        "\N{NO-BREAK SPACE}", " "
    )  # a long one has several lines


def test_the_threshold_is_marked_where_the_model_decides():
    truth, probabilities = scored(2, 300)
    for cut in (0.2, 0.5, 0.8, 1.0):
        chosen = probabilities[:, 1] >= cut
        false_positives, recall = chosen[truth == 0].mean(), chosen[truth == 1].mean()
        marker = draw_roc(truth, probabilities, "ab", cut).axes[0].get_lines()[-1]
        assert (marker.get_xdata()[0], marker.get_ydata()[0]) == pytest.approx((false_positives, recall), abs=0.03)


@pytest.mark.parametrize("digits", [1, 9])
def test_roc_and_precision_recall_are_those_of_scikit_learn(digits):
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    truth, probabilities = scored(2, 80)
    scores = probabilities.round(digits)  # with ties, and without
    wrong, right, _ = roc_curve(truth, scores[:, 1], drop_intermediate=False)
    precision, recall, _ = precision_recall_curve(truth, scores[:, 1])
    for draw, (x, y), area in (
        (draw_roc, (wrong, right), roc_auc_score(truth, scores[:, 1])),
        (draw_precision_recall, (recall[::-1], precision[::-1]), average_precision_score(truth, scores[:, 1])),
    ):
        figure = draw(truth, scores, "ab")
        (drawn,) = (line for line in figure.axes[0].get_lines() if len(line.get_xdata()) == len(x))
        assert drawn.get_xdata() == pytest.approx(x)
        assert drawn.get_ydata() == pytest.approx(y)
        assert f"{area:.3f}" in " ".join(texts(svg_text(figure)))


def test_threshold_curves_are_those_of_scikit_learn():
    from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score, recall_score

    truth, probabilities = scored(2, 80)
    curves = trace_thresholds(truth, probabilities[:, 1], 0.4)
    assert set(curves.thresholds) == {0.0, 0.4, 1.0, *probabilities[:, 1]}
    for at in (0, 20, 40, 60):
        chosen = probabilities[:, 1] >= curves.thresholds[at]
        for name, score in (
            ("precision", precision_score),
            ("recall", recall_score),
            ("f1", f1_score),
            ("balanced_accuracy", balanced_accuracy_score),
        ):
            assert getattr(curves, name)[at] == pytest.approx(score(truth, chosen)), (name, at)
    assert np.isnan(curves.precision[-1])


def test_reliability_is_that_of_scikit_learn():
    from sklearn.calibration import calibration_curve

    truth, probabilities = scored(2, 400)
    found = measure_reliability(probabilities[:, 1], truth == 1)
    filled = found.counts > 0
    seen, said = calibration_curve(truth, probabilities[:, 1], n_bins=15)
    assert found.seen[filled] == pytest.approx(seen)
    assert found.said[filled] == pytest.approx(said)


def test_calibration_error_by_hand():
    """Four rows at 0.9, of which half are right, and one at 0.2, which is not: (4 · 0.4 + 1 · 0.2) / 5."""
    found = measure_reliability(np.array([0.9, 0.9, 0.9, 0.9, 0.2]), np.array([True, True, False, False, False]))
    assert (found.error, found.excess) == (pytest.approx(0.36), pytest.approx(0.36))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_calibration_error_in_the_title_is_the_metric(n_classes):
    truth, probabilities = scored(n_classes, 150)
    found = measure(classification(n_classes), truth, class_predictions(probabilities), ["ece"])[0]
    title = texts(svg_text(draw_calibration(truth, probabilities, "abcd"[:n_classes])))
    assert f"(ECE {found.value:.3f})" in " ".join(title)


def test_the_weightiest_column_has_the_longest_bar_on_top():
    axes = CASES["importance"]().axes[0]
    assert [round(bar.get_width(), 2) for bar in axes.patches] == [round(0.3 - i / 100, 2) for i in range(20)]
    assert axes.yaxis_inverted()


@pytest.mark.parametrize(("values", "headline", "shown"), [
    ([0.5, 0.6], "accuracy", "accuracy"),
    ([0.5, 0.6], "f1", "accuracy"),
    ([None, None], "accuracy", None),
    ([np.nan, np.nan], "accuracy", None),
])  # fmt: skip
def test_the_metric_drawn_is_the_headline_where_it_was_watched(values, headline, shown):
    assert shown_metric(watched(values, [1, 1]), headline) == shown


@pytest.mark.parametrize(("rates", "moved"), [([0.1, 0.1], False), ([0.1, 0.2], True), ([0.1, np.inf], False)])
def test_only_a_rate_that_moved_is_drawn(rates, moved):
    assert rate_moved(watched([None, None], rates)) == moved


def test_the_kept_epoch_is_marked_on_the_validation_curve():
    marker = CASES["learning"]().axes[0].get_lines()[-1]
    assert (marker.get_xdata()[0], marker.get_ydata()[0]) == (2, 2.5)


@pytest.mark.parametrize(("text", "expected"), [("short", "short"), ("aaaaaaaaaabc", "aaaaa…abc"), ("a\nb", "a b")])
def test_shorten(text, expected):
    assert shorten(text, 9) == expected


def test_the_users_own_matplotlib_settings_are_left_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    svg_text(CASES["line"]())
    assert dict(matplotlib.rcParams) == before


def test_save_svg(tmp_path):
    save_svg(CASES["line"](), tmp_path / "line.svg")
    assert (tmp_path / "line.svg").read_text(encoding="utf-8") == svg_text(CASES["line"]())


@pytest.mark.parametrize(
    ("high", "expected"),
    [(120_000, "40k"), (4_000, "1000"), (9_000, "4k"), (8e6, "4M"), (-120_000, "−40k"), (0.3, "0.10")],
)
def test_ticks_of_large_numbers_are_short(high, expected):
    figure = draw_line_fit(lambda x: x[:, 0] * high, np.array([0.0, 1.0]), np.array([0.0, high]), "x", "y")
    assert expected in texts(svg_text(figure))


@pytest.mark.parametrize(("at", "whole"), [((1.0, 2.0, 3.0), True), ((1.0, 2.5, 3.0), False)])
def test_ticks_of_whole_numbers_are_whole(at, whole):
    axes = effect("number", at).axes[0]
    ticks = [tick for tick in axes.get_xticks() if 1 <= tick <= 3]
    assert all(tick == round(tick) for tick in ticks) == whole
