"""What is checked before a search, on tiny real trainings; expected losses are computed by hand."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance

from mlcli.config.sections.model import PoissonLoss
from mlcli.diagnosis.checks import (
    RateRange,
    check_few_rows,
    check_initial_loss,
    check_learning_rate,
    run_checks,
    run_range_test,
)
from mlcli.diagnosis.experiment import measure_chance
from mlcli.models.task import Regression
from mlcli.training.losses import build_cost


def test_the_first_loss_is_that_of_an_untrained_network_beside_ln_k(make_experiment):
    experiment = make_experiment()
    checks = run_checks(experiment)
    first = checks.checks[0]
    network = experiment.context().model.eval()
    with torch.no_grad():
        z, y = network(experiment.train.x).double(), experiment.train.y.double()
    loss = (z.exp().log1p() - y * z).mean().item()
    assert first.passed
    assert first.evidence == f"{loss:.4g} before the first step; chance: ln 2 = {math.log(2):.4g}"


PLANE = "dataset={name: plane, rows: 160, noise: 0.0, split: {test: 0, valid: 0.25}}"


def test_chance_is_the_best_constant_of_the_loss(make_experiment):
    experiment = make_experiment(PLANE, "loss={name: quantile, q: 0.9}")
    y = experiment.train.y[:, 0].double().numpy()
    constants = [mean_pinball_loss(y, np.full(len(y), other), alpha=0.9) for other in y]
    assert experiment.chance(experiment.context()).uniform_loss == pytest.approx(min(constants), rel=1e-5)


def test_chance_of_counts_is_half_the_deviance_from_their_mean():
    task = Regression(("n",), (0.0,), (2.5,), output="exp")
    counts = np.array([[0.0], [1.0], [3.0], [6.0]])
    cost = build_cost(PoissonLoss(name="poisson"), task, torch.device("cpu"))
    expected = mean_poisson_deviance(counts, np.full((4, 1), 2.5)) / (2 * 2.5)
    assert measure_chance(cost, task, task.standardise(counts)).uniform_loss == pytest.approx(expected)


def test_weighted_chance_is_not_called_ln_k(make_experiment):
    first = make_experiment().task.classes[0]
    experiment = make_experiment(f"loss={{name: bce, class_weights: {{'{first}': 3}}}}")
    evidence = check_initial_loss(experiment, experiment.context()).evidence
    assert "; chance: " in evidence
    assert "ln 2" not in evidence


@pytest.mark.parametrize(
    ("sets", "passed"),
    [
        ([], True),
        (["model.hidden=[]"], None),
        (["model.activation=identity"], False),
        (["model.init=zeros"], False),
        (
            ["optimizer.lr=1e-9", "optimizer.l2=10", "model.dropout=0.9"],
            True,
        ),  # without regularisation
    ],
)
def test_a_few_rows_are_overfitted(make_experiment, sets, passed):
    assert check_few_rows(make_experiment(*sets)).passed is passed


RATES = RateRange(1.0, (1e-3, 1e-2, 1e-1, 1.0), (0.9, 0.4, 0.2, 0.8), 10.0)


@pytest.mark.parametrize(
    ("lr", "passed", "evidence"),
    [
        (0.01, True, "0.01; in the range test"),
        (0.5, False, "0.5 is too high"),
        (1e-6, False, "1e-06 is too low for 240 steps"),
    ],
)
def test_the_rate_is_judged_by_the_range_test(make_experiment, lr, passed, evidence):
    check = check_learning_rate(make_experiment(f"optimizer.lr={lr}").context(), RATES)
    assert check.passed is passed
    assert check.evidence.startswith(evidence)
    assert "lowest (0.2) at 0.1, and diverges at 10" in check.evidence


def test_lbfgs_has_no_rate_to_test(make_experiment):
    experiment = make_experiment("optimizer={name: lbfgs}", "training.batch_size=full")
    assert run_range_test(experiment) is None
    assert check_learning_rate(experiment.context(), None).passed is None


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
