"""Split-conformal intervals and sets contain the truth as often as they say (Lei et al., 2018, theorem 2.2)."""

import numpy as np
import pytest

from mlcli.errors import UsageError
from mlcli.metrics.conformal import conformal_quantile, predict_intervals, predict_sets, score_validation
from mlcli.metrics.coverage import measure_coverage
from mlcli.metrics.intervals import wilson_interval
from mlcli.models.predictions import Predictions
from mlcli.models.task import Regression
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression

N_SEEDS, N_NEW, N_VALID, LEVEL = 400, 200, 49, 0.9
COUNTS = Regression(("n",), (0.0,), (1.0,), output="exp")
MEDIAN = Regression(("y",), (0.0,), (1.0,), q=0.5, constant=(0.0,))


def mean_coverage(draw, task, tails=1):
    """Over many calibrations and new rows; with its bounds, widened by three standard errors."""
    shares = []
    for seed in range(N_SEEDS):
        rng = np.random.default_rng(seed)
        truth, predictions = draw(rng, N_VALID)
        kept = score_validation(task, truth, predictions, None, seed)
        truth, predictions = draw(rng, N_NEW)
        [whole, *_] = measure_coverage(task, kept, truth, predictions, LEVEL, 0.95, 0, None)
        shares.append(whole.value)
    error = 3 * np.std(shares) / np.sqrt(N_SEEDS)
    return np.mean(shares), LEVEL - error, LEVEL + tails / (N_VALID + 1) + error


def numbers(rng, n):
    prediction = rng.normal(size=(n, 1))
    return prediction + rng.exponential(size=(n, 1)), number_predictions(prediction)


def counts(rng, n):
    prediction = np.exp(rng.normal(1, 1, size=(n, 1)))
    return rng.gamma(prediction), number_predictions(prediction)


def classes(rng, n):
    shares = rng.dirichlet([1.0, 1.0, 1.0, 1.0], size=n)
    truth = (shares.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1)
    return truth, class_predictions(shares)


@pytest.mark.parametrize(
    ("draw", "task", "tails"),
    [(numbers, regression(), 1), (counts, COUNTS, 1), (numbers, MEDIAN, 2), (classes, classification(4), 1)],
)
def test_mean_coverage_is_within_the_bounds_of_the_theory(draw, task, tails):
    share, low, high = mean_coverage(draw, task, tails)
    assert low <= share <= high


def test_new_groups_are_covered():
    """Rows of a group share their error: rows as such cover too seldom, weighted by group often enough."""
    shares = {"groups": [], "rows": []}
    for seed in range(300):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(1, 30, size=20)
        groups = np.repeat(np.arange(20), sizes)
        errors = rng.normal(size=20)[groups][:, None]
        for name, own in (("groups", groups), ("rows", None)):
            kept = score_validation(regression(), errors, number_predictions(np.zeros(len(errors))), own, 0)
            low, high = predict_intervals(regression(), kept, number_predictions(np.zeros(1)), LEVEL)
            shares[name].append(wilson_free_share(low[0, 0], high[0, 0]))
    assert LEVEL - 0.01 <= np.mean(shares["groups"]) <= LEVEL + 1 / 21 + 0.01
    assert np.mean(shares["rows"]) < LEVEL - 0.01


def wilson_free_share(low, high):
    from scipy.stats import norm

    return norm.cdf(high) - norm.cdf(low)


@pytest.mark.parametrize(
    ("n", "level", "rank"), [(9, 0.9, 9), (19, 0.95, 19), (99, 0.9, 90), (100, 0.9, 91), (10, 0.5, 6)]
)
def test_the_quantile_is_of_the_finite_sample(n, level, rank):
    scores = np.random.default_rng(0).permutation(np.arange(1.0, n + 1))
    assert conformal_quantile(scores, np.ones(n), level) == rank == np.ceil((n + 1) * level - 1e-9)


def test_too_few_rows_are_refused_with_the_highest_level():
    kept = score_validation(regression(), np.zeros((8, 1)), number_predictions(np.zeros(8)), None, 0)
    with pytest.raises(UsageError, match=r"calibrated on 8 validation rows, too few .* use at most 0\.888"):
        predict_intervals(regression(), kept, number_predictions(np.zeros(1)), 0.9)
    predict_intervals(regression(), kept, number_predictions(np.zeros(1)), 0.888)


def test_counts_are_never_below_zero_and_several_targets_have_their_own_reach():
    kept = score_validation(COUNTS, np.full((20, 1), 9.0), number_predictions(np.ones(20)), None, 0)
    low, high = predict_intervals(COUNTS, kept, number_predictions([4.0]), 0.9)
    assert (low[0, 0], high[0, 0]) == (0.0, 4 + 8 * 2)
    truth = np.column_stack([np.ones(20), np.full(20, 3.0)])
    kept = score_validation(regression(2), truth, number_predictions(np.zeros((20, 2))), None, 0)
    low, high = predict_intervals(regression(2), kept, number_predictions(np.zeros((1, 2))), 0.9)
    assert high.tolist() == [[1.0, 3.0]]
    assert low.tolist() == [[-1.0, -3.0]]


def test_sets_of_two_classes_have_the_predicted_one():
    """Nine in ten true classes had 0.8 or more, so that only such classes, and the predicted one, are in a set."""
    truth = np.array([1] * 10 + [0] * 10)
    positive = np.where(truth == 1, 0.8, 0.2)
    task = classification(2, output="sigmoid")
    kept = score_validation(task, truth, class_predictions(np.column_stack([1 - positive, positive])), None, 0)
    new = Predictions(np.array([1, 0, 1]), np.array([[0.1, 0.9], [0.6, 0.4], [0.45, 0.55]]), np.zeros((3, 1)))
    assert predict_sets(task, kept, new, 0.9).tolist() == [[False, True], [True, False], [False, True]]


def test_coverage_of_groups_is_resampled_by_group():
    """Two rows a group that agree: the interval is as wide as that of half as many rows."""
    hits = np.repeat(np.random.default_rng(1).random(60) < 0.8, 2)
    kept = score_validation(regression(), np.ones((20, 1)), number_predictions(np.zeros(20)), None, 0)
    truth, predictions = np.where(hits, 0.0, 5.0)[:, None], number_predictions(np.zeros(120))
    [own] = measure_coverage(regression(), kept, truth, predictions, 0.9, 0.95, 0, np.repeat(np.arange(60), 2))
    low, high = wilson_interval(hits.mean(), 60, 0.95)
    assert own.high - own.low == pytest.approx(high - low, rel=0.15)
    assert own.value == hits.mean()
    assert own.mean_size == 2.0


@pytest.mark.parametrize("unusable", ["no rows", "no probabilities", "not finite"])
def test_nothing_is_kept_where_nothing_can_be_calibrated(unusable):
    truth, predictions, task = np.zeros((3, 1)), number_predictions([1.0, 2.0, 3.0]), regression()
    if unusable == "no rows":
        truth, predictions = truth[:0], predictions.at(slice(0))
    if unusable == "no probabilities":
        task, truth = classification(2, output="step", has_probabilities=False), np.array([0, 1, 1])
        predictions = Predictions(truth, None, np.zeros((3, 1)))
    if unusable == "not finite":
        predictions = number_predictions([1.0, np.nan, 3.0])
    assert score_validation(task, truth, predictions, None, 0) is None
