from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import sklearn.metrics as sk
import torch
from scipy.stats import binomtest

from mlcli.config.sections.model import AutoLoss
from mlcli.config.sections.training import Metric
from mlcli.errors import ConfigError
from mlcli.metrics.catalog import CATALOG, auto_names, names_for
from mlcli.metrics.counts import class_table, confusion_matrix, count_classes
from mlcli.metrics.measure import measure, why_never_defined
from mlcli.metrics.paired import compare_predictions
from mlcli.metrics.scorer import QUICK, build_scorer
from mlcli.metrics.weighting import describe_weighting
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification
from tests.evaluation.examples import (
    class_predictions,
    classification,
    number_predictions,
    regression,
    sampled_classes,
    three_classes,
)
from tests.metrics.peers import of_classes, of_numbers


def values(scores):
    return {score.name: score.value for score in scores}


def reasons(scores):
    return {score.name: score.reason for score in scores}


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_classes_agree_with_scikit_learn(n_classes):
    truth, probabilities = sampled_classes(n_classes, 400)
    predictions = class_predictions(probabilities)
    expected = of_classes(truth, predictions.values, probabilities)
    scores = values(measure(classification(n_classes), truth, predictions, names_for("classification")))
    assert {name for name, value in scores.items() if value is None} == set(scores) - set(expected)
    assert {name: scores[name] for name in expected} == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n_classes", [2, 6])
def test_equal_probabilities_and_classes_without_rows_agree_with_scikit_learn(n_classes):
    rng = np.random.default_rng(5)
    truth = rng.integers(n_classes - (n_classes > 2), size=150)
    odds = rng.integers(1, 4, size=(150, n_classes))
    predictions = class_predictions(odds / odds.sum(axis=1, keepdims=True))
    expected = of_classes(truth, predictions.values, predictions.probabilities)
    scores = values(measure(classification(n_classes), truth, predictions, tuple(expected)))
    assert scores == pytest.approx(expected, rel=1e-12)


def test_macro_averages_leave_out_classes_without_rows():
    truth = np.array([0, 0, 1, 1])
    predictions = class_predictions(np.eye(3)[[0, 2, 1, 0]])
    scores = values(measure(classification(3), truth, predictions, ("precision", "recall", "f1")))
    labels = {"labels": [0, 1], "average": "macro"}
    assert scores["precision"] == sk.precision_score(truth, predictions.values, **labels)
    assert scores["recall"] == sk.recall_score(truth, predictions.values, **labels)
    assert scores["f1"] == pytest.approx(sk.f1_score(truth, predictions.values, **labels))


@pytest.mark.parametrize("n_targets", [1, 3])
def test_numbers_agree_with_scikit_learn(n_targets):
    rng = np.random.default_rng(1)
    truth = rng.normal(1e6, 5, size=(300, n_targets))
    guess = truth + rng.normal(size=truth.shape)
    scores = measure(regression(n_targets), truth, number_predictions(guess), (*ERRORS, "poisson_deviance"))
    assert values(scores) == pytest.approx(of_numbers(truth, guess), rel=1e-9)
    units = {score.name: score.unit for score in scores}
    pure = dict.fromkeys(units, "")
    assert units == (
        pure | dict.fromkeys(("rmse", "mae", "median_ae", "max_error"), "y1") | {"mse": "y1²"}
        if n_targets == 1
        else pure
    )


def test_per_class_table_and_confusion_agree_with_scikit_learn():
    truth, probabilities = sampled_classes(4, 200)
    predicted = probabilities.argmax(axis=1)
    confusion = confusion_matrix(truth, predicted, 4)
    assert (confusion == sk.confusion_matrix(truth, predicted)).all()
    table = class_table(count_classes(confusion), tuple("abcd"))
    expected = np.array(sk.precision_recall_fscore_support(truth, predicted)).T
    assert np.array([(r.precision, r.recall, r.f1, r.support) for r in table]) == pytest.approx(expected)


def test_per_class_scores_are_none_where_undefined():
    table = class_table(count_classes(confusion_matrix(np.array([0, 0]), np.array([0, 1]), 3)), tuple("abc"))
    assert [(r.precision, r.recall, r.f1, r.support) for r in table] == [
        (1.0, 0.5, pytest.approx(2 / 3), 2),
        (0.0, None, None, 0),
        (None, None, None, 0),
    ]


@pytest.mark.parametrize(
    ("truth", "predicted", "undefined"),
    [
        pytest.param([1, 1], [1, 0], {"balanced_accuracy", "mcc", "roc_auc", "pr_auc"}, id="all positive"),
        pytest.param(
            [0, 0],
            [0, 0],
            {"balanced_accuracy", "precision", "recall", "f1", "mcc", "kappa", "roc_auc", "pr_auc"},
            id="all negative, none predicted",
        ),
        pytest.param([0, 1], [0, 0], {"precision", "mcc"}, id="one class predicted"),
        pytest.param([1], [1], {"balanced_accuracy", "mcc", "kappa", "roc_auc", "pr_auc"}, id="one row"),
        pytest.param([], [], set(auto_names("classification", 2)), id="no row"),
    ],
)
def test_undefined_class_metrics_have_a_reason_and_no_value(truth, predicted, undefined):
    probabilities = 0.1 + 0.8 * np.eye(2)[np.array(predicted, dtype=int)]
    scores = measure(classification(2), np.array(truth, dtype=int), class_predictions(probabilities), "auto", 0.95)
    assert {name for name, value in values(scores).items() if value is None} == undefined
    assert {name for name, reason in reasons(scores).items() if reason} == undefined
    assert all(score.low is None for score in scores if score.value is None)


def test_reasons_name_the_positive_class():
    predictions = class_predictions([[0.9, 0.1]])
    scores = reasons(measure(classification(2), np.array([0]), predictions, ("precision", "recall", "f1")))
    assert scores == {
        "precision": "no row was predicted 'b'",
        "recall": "no row is 'b'",
        "f1": "no row is 'b'",
    }


@pytest.mark.parametrize("truth", [[3.0], [4.0, 4.0, 4.0], [0.1, 0.1, 0.1]])
def test_r2_of_a_constant_target_is_undefined(truth):
    scores = measure(regression(), np.array(truth)[:, None], number_predictions([1.0] * len(truth)), "auto", 0.95)
    assert [score.name for score in scores if score.value is None] == ["r2"]
    assert reasons(scores)["r2"] == "a target has the same value in all rows"


def test_r2_is_undefined_when_one_of_several_targets_is_constant():
    truth = np.array([[1.0, 5.0], [2.0, 5.0]])
    assert values(measure(regression(2), truth, number_predictions(truth), ("r2", "mae"))) == {"r2": None, "mae": 0.0}


def test_a_model_without_probabilities_is_ranked_by_its_output():
    task = classification(2, output="step", has_probabilities=False)
    truth, margin = np.array([0, 1, 0, 1]), np.array([-2.0, -0.5, 0.3, 1.0])
    predictions = Predictions((margin > 0).astype(int), None, margin[:, None])
    scores = measure(task, truth, predictions, "auto")
    assert values(scores)["roc_auc"] == sk.roc_auc_score(truth, margin) == 0.75
    without = {name for name, reason in reasons(scores).items() if reason == "the model gives no probabilities"}
    assert without == {"log_loss", "brier", "ece"}


def test_non_finite_predictions_are_counted_and_not_measured():
    scores = measure(regression(), np.zeros((3, 1)), number_predictions([1.0, np.nan, np.inf]), "auto", 0.95)
    assert {score.value for score in scores} == {None}
    assert scores[0].reason == "2 of 3 predictions are not finite numbers"


def test_errors_beyond_floating_point_are_undefined():
    scores = measure(regression(), np.array([[0.0], [1.0]]), number_predictions([1e200, 0.0]), ("mse", "mae"), 0.95)
    assert values(scores) == {"mse": None, "mae": pytest.approx(5e199)}


@pytest.mark.parametrize("metric", names_for("classification"))
def test_direction_of_class_metrics(metric):
    truth = np.arange(6)
    good, bad = 0.02 + np.eye(6), 0.02 + np.eye(6)
    bad[0] = np.arange(6)
    task, models = (
        classification(6),
        [class_predictions(odds / odds.sum(axis=1, keepdims=True)) for odds in (good, bad)],
    )
    better, worse = (measure(task, truth, model, (metric,))[0] for model in models)
    assert (better.value > worse.value) == better.higher_is_better
    assert better.value != worse.value


@pytest.mark.parametrize("metric", names_for("regression"))
def test_direction_of_number_metrics(metric):
    truth = np.array([[0.5], [1.0], [3.0]])
    [better], [worse] = (measure(regression(), truth, number_predictions(truth + e), (metric,)) for e in (0.1, 1.0))
    assert (better.value > worse.value) == better.higher_is_better


MEASURED_AS = ["classification", "regression", "quantile", "counts"]


@pytest.mark.parametrize("measured_as", MEASURED_AS)
def test_every_metric_of_the_configuration_is_in_the_catalog(measured_as):
    kind = "classification" if measured_as == "classification" else "regression"
    assert all(CATALOG[name].task == kind for name in names_for(measured_as))
    assert set(CATALOG) == set(get_args(Metric)) == {name for own in MEASURED_AS for name in names_for(own)}


ERRORS = ("rmse", "mae", "r2", "mse", "median_ae", "max_error", "mape")


@pytest.mark.parametrize(
    ("measured_as", "auto"),
    [
        ("regression", ERRORS),
        ("quantile", ("pinball", "coverage")),
        ("counts", ("poisson_deviance", *ERRORS)),
    ],
)
def test_auto_measures_first_what_the_loss_minimises(measured_as, auto):
    assert auto_names(measured_as, 0) == auto
    assert QUICK[measured_as][0] == auto[0]
    assert set(auto) <= set(names_for(measured_as))


QUARTILE = replace(regression(), q=0.25, constant=(1.0,))


def test_pinball_and_coverage_by_hand():
    truth, guess = np.array([[1.0], [2.0], [3.0], [6.0]]), number_predictions([2.0, 2.0, 2.0, 2.0])
    pinball, coverage = measure(QUARTILE, truth, guess, "auto")
    assert pinball.value == (0.75 * 1 + 0 + 0.25 * 1 + 0.25 * 4) / 4  # 1 too high; 1 and 4 too low
    assert (pinball.unit, pinball.higher_is_better) == ("y1", False)
    assert (coverage.value, coverage.target, coverage.higher_is_better) == (0.5, 0.25, None)


@pytest.mark.parametrize(
    ("n_covered", "note"),
    [
        (25, "0.25 is right, and within the interval"),
        (60, "0.25 is right, and outside the interval: the predictions are too high"),
        (5, "0.25 is right, and outside the interval: the predictions are too low"),
    ],
)
def test_coverage_is_compared_with_the_quantile_by_wilsons_interval(n_covered, note):
    truth = np.arange(100.0)[:, None]
    [score] = measure(QUARTILE, truth, number_predictions(np.full(100, n_covered - 0.5)), ("coverage",), 0.95)
    interval = binomtest(n_covered, 100).proportion_ci(0.95, method="wilson")
    assert (score.value, score.low, score.high) == pytest.approx((n_covered / 100, *interval))
    assert score.note == note


def test_two_quantile_models_are_compared_by_pinball_and_not_by_coverage():
    truth = np.random.default_rng(0).normal(size=(200, 1))
    ours, theirs = number_predictions(np.full(200, -0.67)), number_predictions(np.full(200, 3.0))
    pinball, coverage = compare_predictions(QUARTILE, truth, ours, theirs, "auto", 0.95)
    assert pinball.verdict == "better"
    assert coverage.value == pytest.approx((truth <= -0.67).mean() - (truth <= 3).mean())
    assert coverage.verdict == "undefined"


@pytest.mark.parametrize(("truth", "mean"), [(1.0, 0.0), (0.0, 0.0), (1.0, -1.0), (-1.0, 1.0)])
def test_a_deviance_needs_means_above_0_and_counts(truth, mean):
    [score] = measure(regression(), np.array([[truth], [2.0]]), number_predictions([mean, 2.0]), ("poisson_deviance",))
    assert (score.value, score.reason) == (None, "a prediction is not above 0, or a true value is negative")


def test_zero_counts_have_a_deviance():
    [score] = measure(regression(), np.array([[0.0], [2.0]]), number_predictions([0.5, 2.0]), ("poisson_deviance",))
    assert score.value == 2 * 0.5 / 2
    assert why_never_defined(regression(), np.array([[0.0], [2.0]]), "poisson_deviance") is None
    assert why_never_defined(regression(), np.array([[-1.0], [2.0]]), "poisson_deviance") is not None


def test_quantile_metrics_need_a_quantile():
    with pytest.raises(ConfigError, match="'pinball' needs loss quantile; choose from rmse"):
        measure(regression(), np.ones((2, 1)), number_predictions([1.0, 2.0]), ("pinball",))


def test_resamples_without_a_value_are_counted():
    """The only positive of n rows is in none of (1 − 1/n)ⁿ of the resamples."""
    truth = (np.arange(40) == 0).astype(int)
    odds = np.where(truth, 0.4, 0.2 + 0.01 * np.arange(40))
    predictions = class_predictions(np.stack([1 - odds, odds], axis=1))
    [score] = measure(classification(2), truth, predictions, ("roc_auc",), 0.95)
    n_undefined, rest = score.note.split(" ", 1)
    assert int(n_undefined) == pytest.approx(1000 * (1 - 1 / 40) ** 40, abs=60)
    assert rest == "of 1,000 resamples have no value; the interval leaves them out"
    assert score.low < score.value < score.high


def test_auto_leaves_out_what_another_metric_says():
    two, three, many = (set(auto_names("classification", n)) for n in (2, 3, 10))
    truth, probabilities = sampled_classes(3, 90)
    scores = values(measure(classification(3), truth, class_predictions(probabilities), names_for("classification")))
    left_out = set(names_for("classification")) - three
    assert {name for name in left_out if scores[name] is not None} == {
        "precision_macro", "recall_macro", "f1_macro", "recall_weighted",
    }  # fmt: skip
    told = [scores[name] for name in three]
    assert all(any(scores[name] == pytest.approx(value) for value in told) for name in left_out if scores[name])
    assert two - three == {"f1_macro"}
    assert many - three == {"top_3_accuracy", "top_5_accuracy"}


@pytest.mark.parametrize(
    ("n_classes", "expected"),
    [(3, set()), (4, {"top_3_accuracy"}), (5, {"top_3_accuracy"}), (6, {"top_3_accuracy", "top_5_accuracy"})],
)
def test_auto_measures_top_k_where_there_are_more_classes_than_k(n_classes, expected):
    assert {name for name in auto_names("classification", n_classes) if name.startswith("top_")} == expected


def test_fewer_classes_than_k_are_the_reason_for_no_top_k():
    scores = measure(*three_classes(), ("top_3_accuracy", "top_5_accuracy"))
    assert [(score.value, score.reason) for score in scores] == [(None, "there are only 3 classes")] * 2


def test_mape_is_undefined_where_a_true_value_is_0():
    truth = np.array([[0.0], [2.0]])
    [score] = measure(regression(), truth, number_predictions(truth + 1), ("mape",), 0.95)
    assert (score.value, score.reason, score.low) == (None, "a true value is 0", None)


def test_metrics_come_in_the_order_asked_for():
    names = [score.name for score in measure(*three_classes(), ("f1", "accuracy", "f1", "log_loss"))]
    assert names == ["f1", "accuracy", "log_loss"]


@pytest.mark.parametrize(
    ("task", "name", "message"),
    [
        (classification(2), "rmse", "'rmse' does not suit classification; choose from accuracy"),
        (regression(), "f1", "'f1' does not suit regression; choose from rmse"),
        (regression(), "rsme", "unknown metric 'rsme'; did you mean 'rmse'?"),
    ],
)
def test_unsuitable_metrics_are_a_config_error(task, name, message):
    with pytest.raises(ConfigError) as caught:
        measure(task, np.zeros((1, 1)), number_predictions([0.0]), ("mae" if task.kind == "regression" else "f1", name))
    assert str(caught.value).startswith(f"evaluation.metrics: {message}")


@pytest.mark.parametrize(
    ("loss", "truth", "said"),
    [
        ({"class_weights": {"b": 9}}, None, "the mean of 'b' is 0.5, its share of the training rows is 0.1"),
        ({"class_weights": {"b": 9}}, [0, 0, 0, 1], "the mean of 'b' is 0.5, its share of these rows is 0.25"),
        ({}, None, None),
    ],
)
def test_what_class_weights_change_is_said(loss, truth, said):
    task = Classification("y", ("a", "b"), (90, 10), "sigmoid", has_probabilities=True)
    predictions = task.decode(torch.zeros(4, 1))
    text = describe_weighting(
        task, AutoLoss(**loss), predictions.mean_probabilities, None if truth is None else np.array(truth)
    )
    assert text is None if said is None else said in text
    corrected = replace(task, divisors=(1.0, 9.0))
    assert describe_weighting(corrected, AutoLoss(**loss), predictions.mean_probabilities) is None


@pytest.mark.parametrize(
    ("counts", "names"),
    [((50, 50), ["accuracy"]), ((990, 10), ["pr_auc", "accuracy"]), ((10, 990), ["f1_macro", "accuracy"])],
)
def test_imbalanced_classes_are_judged_after_every_epoch_by_more_than_accuracy(counts, names):
    task = Classification("y", ("a", "b"), counts, "sigmoid", has_probabilities=True)
    outputs, y = torch.tensor([[-2.0], [-1.0], [1.0], [-3.0]]), torch.tensor([[0.0], [1.0], [0.0], [0.0]])
    scores = build_scorer(task)(outputs, y)
    assert list(scores) == names
    assert scores["accuracy"] == 0.5
    assert scores[names[0]] == {"accuracy": 0.5, "pr_auc": 0.5, "f1_macro": pytest.approx(1 / 3)}[names[0]]
