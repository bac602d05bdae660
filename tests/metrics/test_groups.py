"""Intervals over whole groups, whose rows are alike."""

import numpy as np
import pytest

from mlcli.metrics.measure import measure
from mlcli.metrics.paired import compare_predictions
from tests.evaluation.examples import (
    class_predictions,
    classification,
    number_predictions,
    regression,
    sampled_classes,
)

# The place among 60 rows of each of 420, every one seven times.
PLACES = np.random.default_rng(3).permutation(np.repeat(np.arange(60), 7))


def numbers(score):
    return [np.nan if one is None else one for one in (score.value, score.low, score.high)]


def samples(kind):
    """A task, and the truth and two models' predictions of 60 rows."""
    if kind == "numbers":
        rng = np.random.default_rng(1)
        truth = rng.normal(2, 3, (60, 1))
        models = (number_predictions(truth + rng.normal(0, size, (60, 1))) for size in (1, 2))
        return regression(), truth, *models
    truth, probabilities = sampled_classes(3, 60, seed=5)
    others = sampled_classes(3, 60, seed=6)[1]
    return classification(3), truth, class_predictions(probabilities), class_predictions(others)


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_rows_written_seven_times_say_no_more_than_once(kind):
    task, truth, ours, theirs = samples(kind)
    once = {own.name: own for own in measure(task, truth, ours, "auto", 0.9, 4, np.arange(60))}
    for own in measure(task, truth[PLACES], ours.at(PLACES), "auto", 0.9, 4, PLACES):
        expected = once[own.name]
        assert numbers(own) == pytest.approx(numbers(expected), rel=1e-6, nan_ok=True)
    pair = compare_predictions(task, truth, ours, theirs, "auto", 0.9, 4, np.arange(60))
    seven = compare_predictions(task, truth[PLACES], ours.at(PLACES), theirs.at(PLACES), "auto", 0.9, 4, PLACES)
    for one, own in zip(pair, seven, strict=True):
        assert numbers(own) == pytest.approx(numbers(one), rel=1e-6, abs=1e-9, nan_ok=True)


def test_the_interval_of_a_mean_over_groups_is_that_of_the_normal_theory():
    """The mean absolute error of 200 groups of 5 equal errors: ± 1.645 standard errors of 200 numbers, not of 1,000."""
    errors = np.abs(np.random.default_rng(0).normal(0, 1, 200))
    truth, groups = np.zeros((1000, 1)), np.repeat(np.arange(200), 5)
    [score] = measure(regression(), truth, number_predictions(errors[groups]), ("mae",), 0.9, 0, groups)
    half = 1.645 * errors.std() / np.sqrt(200)
    assert [score.low, score.high] == pytest.approx([errors.mean() - half, errors.mean() + half], abs=0.1 * half)


def test_one_group_has_no_interval():
    _, truth, ours, _ = samples("numbers")
    [score] = measure(regression(), truth, ours, ("rmse",), 0.9, 0, np.full(60, 8))
    assert (score.low, score.high) == (None, None)
