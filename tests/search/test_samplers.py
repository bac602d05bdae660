import math

import pytest
import torch

from mlcli.metrics.catalog import beats
from mlcli.search.samplers import MIN_CURVES, MedianPruning, best_curve, is_behind_median
from mlcli.training.state import EpochRecord, TrainingState

NAN = math.nan


def history(losses, accuracies=None):
    accuracies = accuracies or [0.5] * len(losses)
    return [
        EpochRecord(epoch, epoch, 0.1, 1.0, loss, {"accuracy": accuracy})
        for epoch, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True), start=1)
    ]


@pytest.mark.parametrize(
    ("score", "other", "metric", "expected"),
    [
        (0.1, 0.2, "loss", True),
        (0.2, 0.1, "loss", False),
        (0.2, 0.2, "loss", False),
        (0.2, 0.1, "accuracy", True),
        (NAN, 0.1, "loss", False),
        (0.1, NAN, "loss", True),
        (math.inf, 0.1, "r2", False),
        (NAN, NAN, "loss", False),
    ],
)
def test_beats(score, other, metric, expected):
    assert beats(score, other, metric) is expected


@pytest.mark.parametrize(
    ("losses", "expected"),
    [([3, 2, 2.5, 1], (3, 2, 2, 1)), ([3, NAN, 2], (3, 3, 2)), ([], ()), ([math.inf, 2], (math.inf, 2))],
)
def test_best_so_far(losses, expected):
    assert best_curve(history(losses), "loss") == expected


def test_best_so_far_of_a_metric_that_rises():
    assert best_curve(history([1, 1, 1], [0.5, 0.9, 0.7]), "accuracy") == (0.5, 0.9, 0.9)


def line(level, length=10):
    return (level,) * length


FIVE = [line(level) for level in (0.1, 0.2, 0.3, 0.4, 0.5)]


@pytest.mark.parametrize(
    ("curve", "others", "expected"),
    [
        (line(0.31, 4), FIVE, True),
        (line(0.30, 4), FIVE, False),
        (line(0.29, 4), FIVE, False),
        (line(9.0, 2), FIVE, False),  # still warming up
        (line(9.0, 4), FIVE[: MIN_CURVES - 1], False),
        (line(0.31, 9), [curve[:3] for curve in FIVE], True),  # the others ended earlier
        ((NAN,) * 4, FIVE, True),
        (line(9.0, 4), [], False),
    ],
)
def test_lags_behind_the_median_at_the_same_epoch(curve, others, expected):
    assert is_behind_median(curve, others, "loss") is expected


def test_higher_metrics_lag_the_other_way():
    assert is_behind_median(line(0.29, 4), FIVE, "accuracy")
    assert not is_behind_median(line(0.31, 4), FIVE, "accuracy")


def test_the_rule_reads_the_state_and_does_not_change_it():
    rule = MedianPruning(FIVE, "loss")
    state = TrainingState(torch.zeros(1))
    assert not rule.should_stop(state)
    state.history = history([0.9, 0.8, 0.7, 0.6])
    assert rule.should_stop(state)
    state.history = history([0.9, 0.8, 0.7, 0.1])
    assert not rule.should_stop(state)
    assert len(state.history) == 4
