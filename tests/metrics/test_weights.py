"""Scores of rows with weights: as scikit-learn has them, and as of rows that are there several times."""

from dataclasses import replace

import numpy as np
import pytest
import sklearn.metrics as sk

from mlcli.metrics import sampling
from mlcli.metrics.catalog import names_for
from mlcli.metrics.conformal import conformal_quantile, score_validation
from mlcli.metrics.coverage import measure_coverage
from mlcli.metrics.intervals import Resampler, effective_size, wilson_interval
from mlcli.metrics.measure import measure
from mlcli.metrics.paired import compare_predictions
from mlcli.metrics.sampling import sample_scores
from tests.evaluation.examples import (
    class_predictions,
    classification,
    number_predictions,
    regression,
    sampled_classes,
)
from tests.metrics.peers import of_classes, of_numbers

WEIGHTS = np.random.default_rng(1).exponential(size=300) * 40
TIMES = np.random.default_rng(2).integers(4, size=300)


def classes(n_classes):
    """Task, truth and predictions of 300 rows, with equal probabilities among them."""
    truth, probabilities = sampled_classes(n_classes, 300)
    rounded = np.round(probabilities, 1) + 0.01
    return classification(n_classes), truth, class_predictions(rounded / rounded.sum(axis=1, keepdims=True))


def numbers(q=None):
    """The same of numbers, of two targets."""
    rng = np.random.default_rng(6)
    truth = rng.poisson(4.0, (300, 2)) + 1.0
    return (
        replace(regression(2), q=q),
        truth,
        number_predictions(truth + rng.normal(size=(300, 2)) * rng.exponential(size=300)[:, None]),
    )


CASES = {"two": lambda: classes(2), "seven": lambda: classes(7), "mean": numbers, "quantile": lambda: numbers(0.3)}


def names_of(task):
    return names_for(task.measured_as)


def values(scores):
    return {score.name: score.value for score in scores}


@pytest.mark.parametrize("n_classes", [2, 7])
def test_classes_agree_with_scikit_learn(n_classes):
    task, truth, predictions = classes(n_classes)
    expected = of_classes(truth, predictions.values, predictions.probabilities, WEIGHTS)
    scores = values(measure(task, truth, predictions, tuple(expected), weights=WEIGHTS))
    assert scores == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("q", [None, 0.3])
def test_numbers_agree_with_scikit_learn(q):
    task, truth, predictions = numbers(q)
    expected = of_numbers(truth, predictions.values, q, WEIGHTS)
    wanted = [name for name in names_of(task) if name in expected]
    scores = values(measure(task, truth, predictions, wanted, weights=WEIGHTS))
    assert scores == pytest.approx({name: expected[name] for name in wanted}, rel=1e-11)


@pytest.mark.parametrize("case", CASES)
def test_a_weight_counts_as_so_many_rows_and_0_as_none(case):
    task, truth, predictions = CASES[case]()
    places = np.repeat(np.arange(300), TIMES)
    weighted = values(measure(task, truth, predictions, names_of(task), weights=TIMES / 7))
    assert weighted == pytest.approx(values(measure(task, truth[places], predictions.at(places), names_of(task))))


@pytest.mark.parametrize("case", CASES)
def test_equal_weights_change_nothing(case):
    task, truth, predictions = CASES[case]()
    same = measure(task, truth, predictions, names_of(task), weights=np.ones(300))
    assert values(same) == values(measure(task, truth, predictions, names_of(task)))


def test_weights_of_0_alone_leave_nothing_to_measure():
    task, truth, predictions = classes(2)
    scores = measure(task, truth, predictions, ("accuracy", "roc_auc"), 0.9, weights=np.zeros(300))
    assert {score.reason for score in scores} == {"the weights of the rows are all 0"}


@pytest.mark.parametrize("many", [False, True], ids=["rows", "blocks"])
def test_resamples_weigh_the_rows_they_draw(many, monkeypatch):
    """Rows are drawn alike; each counts as often as it is drawn, times its weight. Of few rows, each is a block."""
    task, truth, predictions = classes(3)
    drawn = np.concatenate(list(Resampler(3, 3).counts(np.ones(300, np.int64)))) * WEIGHTS
    if many:
        monkeypatch.setattr(sampling, "MAX_SINGLE_ROWS", 100)
    wanted = {
        "accuracy": lambda by: sk.accuracy_score(truth, predictions.values, sample_weight=by),
        "f1_macro": lambda by: sk.f1_score(truth, predictions.values, average="macro", sample_weight=by),
        "log_loss": lambda by: sk.log_loss(truth, predictions.probabilities, sample_weight=by),
        "roc_auc": lambda by: sk.roc_auc_score(
            truth, predictions.probabilities, multi_class="ovr", labels=range(3), sample_weight=by
        ),
    }
    (sample,) = sample_scores(task, truth, [predictions], tuple(wanted), Resampler(3, 3), None, WEIGHTS)
    for name, expected in wanted.items():
        near = 1e-3 if many and name == "roc_auc" else 1e-6  # blocks rank rows in bins
        assert sample.draws[name].tolist() == pytest.approx([expected(by) for by in drawn], rel=near)


def test_an_accuracy_has_the_interval_of_as_many_equal_rows():
    task, truth, predictions = classes(2)
    (score,) = measure(task, truth, predictions, ("accuracy",), 0.95, weights=WEIGHTS)
    n = WEIGHTS.sum() ** 2 / np.square(WEIGHTS).sum()
    assert effective_size(300, WEIGHTS) == pytest.approx(n)
    assert n < 200
    assert (score.low, score.high) == pytest.approx(wilson_interval(score.value, n, 0.95))
    assert effective_size(300, np.full(300, 7.0)) == pytest.approx(300)


def test_two_models_are_compared_by_weighted_scores():
    task, truth, predictions = numbers()
    others = number_predictions(predictions.values + 0.4)
    (difference,) = compare_predictions(task, truth, predictions, others, ("mae",), 0.9, weights=WEIGHTS)
    errors = [np.average(np.abs(truth - own.values), axis=0, weights=WEIGHTS).mean() for own in (predictions, others)]
    assert difference.value == pytest.approx(errors[0] - errors[1])
    assert difference.low < difference.value < difference.high


def test_an_interval_reaches_to_the_weighted_quantile():
    """Scores 1 to 9, the first with the weight of four: as if it were there four times."""
    scores, weights = np.arange(1.0, 10.0), np.array([4.0, *[1.0] * 8])
    repeated = np.array([1.0] * 3 + scores.tolist())
    for level in (0.2, 0.5, 0.8):
        assert conformal_quantile(scores, weights, level) == conformal_quantile(repeated, np.ones(12), level)
    task, truth, predictions = numbers()
    kept = score_validation(task, truth, predictions, None, 0, TIMES * 5.0)
    places = np.repeat(np.arange(300), TIMES)
    alike = score_validation(task, truth[places], predictions.at(places), None, 0)
    assert len(kept.scores) == (TIMES > 0).sum()
    assert kept.row_weights.mean() == pytest.approx(1)
    coverage = [
        measure_coverage(task, alike, truth[places], predictions.at(places), 0.8, 0.95, 0, None),
        measure_coverage(task, alike, truth, predictions, 0.8, 0.95, 0, None, TIMES * 1.0),
    ]
    for many, weighted in zip(*coverage, strict=True):
        assert (weighted.value, weighted.mean_size) == pytest.approx((many.value, many.mean_size))
        assert weighted.low < many.low
