"""The learning-rate range test: its numbers by hand, and on a tiny training."""

import math

import pytest
import torch

from mlcli.diagnosis.range_test import RateRange, run_range_test

RATES = RateRange(1.0, (1e-3, 1e-2, 1e-1, 1.0), (0.9, 0.4, 0.2, 0.8), 10.0)


def test_the_range_tests_numbers():
    assert RATES.lowest == 0.2
    assert RATES.best_rate == 0.1
    assert RATES.suggested == pytest.approx(0.01)  # steepest from 0.9 to 0.4, and a decade below the lowest


@pytest.mark.parametrize(("lr", "steps", "loss"), [(1e-5, 10, 1.0), (1e-4, 12, 0.9), (1e-3, 12, 0.4), (1.0, 12, 0.2)])
def test_how_far_descent_gets_is_the_sum_of_its_rates(lr, steps, loss):
    """1e-3 · (1 + 0.1 + 0.01 + …) = 1.11e-3 is what the test has gone after its first rate, and so on."""
    assert RATES.loss_after(lr, steps) == loss


def test_the_test_leaves_the_rows_alone_and_is_the_same_each_time(make_experiment):
    experiment = make_experiment()
    before = experiment.train.x.clone()
    first, second = run_range_test(experiment), run_range_test(experiment)
    assert first == second
    assert torch.equal(experiment.train.x, before)
    assert first.lowest < 0.5 * math.log(2)
    assert 0.003 < first.suggested < 0.3


def test_an_automatic_batch_size_does_not_move_the_rates(make_experiment):
    """lr is meant for 32 rows; the reported rates are those of the configuration."""
    fixed, auto = (run_range_test(make_experiment(f"training.batch_size={size}")) for size in (16, "auto"))
    assert auto.rates[: len(fixed.rates)] == pytest.approx(fixed.rates[: len(auto.rates)])


def test_a_test_that_ends_at_once_still_suggests():
    assert RateRange(2.0, (1e-3, 1.1e-3), (1.5, 1.0), 1.2e-3).suggested == pytest.approx(1.1e-4)
