import numpy as np
import pytest
from scipy.stats import rankdata

from mlcli.metrics.catalog import CATALOG
from mlcli.metrics.paired import ScoreDifference, compare_predictions, compare_with_each
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression, sampled_classes


def looped(score, n_rows, n_resamples=1000):
    """Intervals of differences by a plain loop: score(rows) gives (ours, theirs) by metric."""
    rng = np.random.default_rng(11)
    draws = []
    for _ in range(n_resamples):
        ours, theirs = score(rng.integers(n_rows, size=n_rows))
        draws.append(np.subtract(ours, theirs))
    return np.quantile(draws, [0.025, 0.975], axis=0).T


def related(n_classes, n_rows, noise):
    """Truth, and two models that make much the same mistakes."""
    truth, ours = sampled_classes(n_classes, n_rows)
    odds = ours * np.exp(np.random.default_rng(3).normal(scale=noise, size=ours.shape))
    return truth, class_predictions(ours), class_predictions(odds / odds.sum(axis=1, keepdims=True))


def check_against(intervals, differences):
    for difference, (low, high) in zip(differences, intervals, strict=True):
        assert difference.low < difference.value < difference.high
        assert (difference.low, difference.high) == pytest.approx((low, high), abs=0.15 * (high - low)), difference.name


def test_class_differences_agree_with_a_plain_loop():
    truth, *models = related(2, 250, 0.7)

    def of_model(model, rows):
        positive, probabilities = truth[rows] == 1, model.probabilities[rows]
        ranks = rankdata(probabilities[:, 1])
        n_positive = positive.sum()
        above = ranks[positive].sum() - n_positive * (n_positive + 1) / 2
        return (
            (model.values[rows] == truth[rows]).mean(),
            above / n_positive / (len(rows) - n_positive),
            -np.log(probabilities[np.arange(len(rows)), truth[rows]]).mean(),
        )

    def score(rows):
        return [of_model(model, rows) for model in models]

    differences = compare_predictions(classification(2), truth, *models, ("accuracy", "roc_auc", "log_loss"), 0.95)
    assert [d.value for d in differences] == pytest.approx(np.subtract(*score(np.arange(250))))
    check_against(looped(score, 250), differences)


def test_number_differences_agree_with_a_plain_loop():
    rng = np.random.default_rng(2)
    truth = rng.normal(20, 5, size=200)
    ours = truth + rng.normal(size=200)
    theirs = ours + 0.5 * rng.normal(size=200)

    def score(rows):
        errors = [np.abs(values - truth)[rows] for values in (ours, theirs)]
        return [(np.sqrt(np.square(e).mean()), np.median(e), (e / np.abs(truth[rows])).mean()) for e in errors]

    models = number_predictions(ours), number_predictions(theirs)
    differences = compare_predictions(regression(), truth[:, None], *models, ("rmse", "median_ae", "mape"), 0.95)
    assert [d.value for d in differences] == pytest.approx(np.subtract(*score(np.arange(200))))
    check_against(looped(score, 200), differences)


def test_the_largest_error_has_no_interval():
    [difference] = compare_predictions(
        regression(),
        np.ones((9, 1)),
        number_predictions(np.ones(9)),
        number_predictions(np.arange(9)),
        ("max_error",),
        0.9,
    )
    assert (difference.value, difference.low, difference.verdict) == (-7, None, "undefined")


def test_a_paired_interval_is_narrower_than_those_of_each():
    truth, ours, _ = related(2, 2000, 0.0)
    flip = np.flatnonzero(ours.values == truth)[:30]
    worse = ours.probabilities.copy()
    worse[flip] = worse[flip, ::-1]
    [accuracy, roc] = compare_predictions(
        classification(2), truth, ours, class_predictions(worse), ("accuracy", "roc_auc"), 0.95
    )
    assert accuracy.value == pytest.approx(30 / 2000)
    half = 1.96 * np.sqrt(30) / 2000
    assert (accuracy.low, accuracy.high) == pytest.approx((0.015 - half, 0.015 + half), abs=1e-3)
    assert accuracy.verdict == roc.verdict == "better"


@pytest.mark.parametrize(
    ("low", "high", "higher_is_better", "verdict"),
    [
        (0.1, 0.2, True, "better"),
        (0.1, 0.2, False, "worse"),
        (-0.2, -0.1, True, "worse"),
        (-0.2, -0.1, False, "better"),
        (-0.1, 0.2, True, "no difference"),
        (0.0, 0.2, True, "no difference"),
        (None, None, True, "undefined"),
    ],
)
def test_verdict(low, high, higher_is_better, verdict):
    assert ScoreDifference("m", 0.1, low, high, higher_is_better).verdict == verdict


def test_a_model_does_not_differ_from_itself():
    truth, ours, _ = related(3, 100, 0.0)
    for difference in compare_predictions(classification(3), truth, ours, ours, "auto", 0.95):
        known = difference.name != "ece"  # its resamples hold more noise than its rows
        assert (difference.value, difference.low, difference.high) == (0, *((0, 0) if known else (None, None)))
        assert difference.verdict == ("no difference" if known else "undefined")


def test_what_is_undefined_for_one_has_no_difference():
    truth = np.array([0, 0, 1, 0])
    ours, none = class_predictions(0.1 + 0.8 * np.eye(2)[truth]), class_predictions([[0.9, 0.1]] * 4)
    [precision, recall] = compare_predictions(classification(2), truth, ours, none, ("precision", "recall"), 0.95)
    assert (precision.value, precision.low, precision.verdict) == (None, None, "undefined")
    assert recall.value == 1
    broken = number_predictions([np.nan])
    [mae] = compare_predictions(regression(), np.zeros((1, 1)), broken, number_predictions([0.0]), ("mae",), 0.95)
    assert (mae.value, mae.verdict, mae.higher_is_better) == (None, "undefined", CATALOG["mae"].higher_is_better)


def test_one_row_says_nothing_about_its_spread():
    [mae] = compare_predictions(
        regression(), np.ones((1, 1)), number_predictions([1.0]), number_predictions([3.0]), ("mae",), 0.95
    )
    assert (mae.value, mae.low, mae.verdict) == (-2, None, "undefined")


def test_several_models_are_compared_as_each_alone():
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=90)
    ours, *others = (class_predictions(rng.dirichlet([1, 1], size=90)) for _ in range(4))
    broken = class_predictions(np.full((90, 2), np.nan))
    others = [*others, broken]
    task, groups = classification(2), np.arange(90) // 3
    found = compare_with_each(task, truth, ours, others, "auto", 0.9, 3, groups)
    assert found == [compare_predictions(task, truth, ours, own, "auto", 0.9, 3, groups) for own in others]
    assert {own.value for own in found[-1]} == {None}
    assert all(own.low is not None for own in found[0] if own.name in ("roc_auc", "accuracy", "log_loss"))
