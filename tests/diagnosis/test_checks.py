"""What is checked before a search, on tiny real trainings; expected losses are computed by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance

from mlcli.config.sections.model import PoissonLoss
from mlcli.diagnosis.checks import (
    DRAWS,
    LATE,
    Check,
    Checks,
    check_few_rows,
    check_initial_loss,
    check_learning_rate,
    run_checks,
)
from mlcli.diagnosis.experiment import measure_chance
from mlcli.diagnosis.range_test import RateRange, run_range_test
from mlcli.models.task import Regression
from mlcli.reports.figures.learning import draw_rates
from mlcli.training.losses import build_cost
from mlcli.training.state import derive_seed

PLANE = "dataset={name: plane, rows: 160, noise: 0.0, split: {test: 0, valid: 0.25}}"
WIDE = "{name: uniform, low: -20, high: 20}"


def test_the_first_loss_is_that_of_untrained_networks_beside_ln_k(make_experiment):
    experiment = make_experiment()
    checks = run_checks(experiment)
    first = checks.checks[0]
    y, losses = experiment.train.y.double(), []
    for draw in range(DRAWS):
        seed = derive_seed(experiment.config.seed, draw)
        network = experiment.context(experiment.config.model_copy(update={"seed": seed})).model.eval()
        with torch.no_grad():
            z = network(experiment.train.x).double()
        losses.append((z.exp().log1p() - y * z).mean().item())
    assert first.passed
    assert first.evidence.startswith(
        f"{np.mean(losses):.4g} before the first step, the mean over 32 draws of the initial weights; "
        f"chance: ln 2 = {math.log(2):.4g}, near: up to "
    )


@pytest.mark.parametrize(("loss", "passed"), [(1.0, True), (2.9, True), (5.76, False), (4.5, False), (0.5, False)])
def test_only_a_first_loss_near_chance_passes(make_experiment, monkeypatch, loss, passed):
    """Outputs of Glorot's last layer have a variance of 2, so that the squared error is about 1 + 2."""
    monkeypatch.setattr("mlcli.diagnosis.checks.mean_loss", lambda context, rows: loss)
    experiment = make_experiment(PLANE)
    assert check_initial_loss(experiment, experiment.context()).passed is passed


@pytest.mark.parametrize(
    "sets",
    [["features.scale=none", "model.activation=relu", "features.derive={big: 1000 * x1}"], [f"model.init={WIDE}"]],
)
def test_large_inputs_and_initial_weights_do_not_pass(make_experiment, sets):
    experiment = make_experiment(PLANE, *sets)
    assert check_initial_loss(experiment, experiment.context()).passed is False


@pytest.mark.parametrize("sets", [[], ["model.activation=relu"], ["model.hidden=[]"], ["model.hidden=[32, 32]"]])
@pytest.mark.parametrize("dataset", ["xor", "plane"])
def test_initial_weights_of_every_kind_pass(make_experiment, dataset, sets):
    experiment = make_experiment(f"dataset.name={dataset}", *sets)
    assert check_initial_loss(experiment, experiment.context()).passed


def mean_weight(experiment, weight):
    """Of rows whose first class has this weight and whose second has 1."""
    return np.where(experiment.train.y.numpy() == 0, weight, 1.0).mean()


@pytest.mark.parametrize(
    ("sets", "formula", "expected"),
    [
        ([], "ln 2", lambda experiment: math.log(2)),
        (["model.output=softmax"], "ln 2", lambda experiment: math.log(2)),
        (["loss={name: bce, label_smoothing: 0.2}"], "ln 2", lambda experiment: math.log(2)),
        (["loss={name: focal, gamma: 2}"], "(1 − 1/2)^2 × ln 2", lambda experiment: math.log(2) / 4),
        (["loss.name=hinge"], "max(0, 1 − 0)", lambda experiment: 1.0),
        (["loss.name=mse", "model.output=sigmoid"], "(1 − 1/2)²", lambda experiment: 0.25),
        (
            ["loss={name: bce, class_weights: {'-1': 3}}"],
            "the mean class weight,",
            lambda experiment: mean_weight(experiment, 3) * math.log(2),
        ),
        ([PLANE], "the loss of 0 for the standardised target", lambda experiment: 1.0),
        (
            [PLANE, "loss={name: mae}"],
            "the loss of 0 for the standardised target",
            lambda experiment: experiment.train.y.abs().mean().item(),
        ),
        (
            [PLANE, "loss={name: quantile, q: 0.9}"],
            "the loss of the 0.9-quantile",
            lambda experiment: min(
                mean_pinball_loss(y, np.full(len(y), other), alpha=0.9)
                for y in [experiment.train.y[:, 0].double().numpy()]
                for other in y
            ),
        ),
    ],
)
def test_the_chance_loss_stands_beside_its_formula(make_experiment, sets, formula, expected):
    experiment = make_experiment(*sets)
    evidence = check_initial_loss(experiment, experiment.context()).evidence
    assert f"{formula} = {expected(experiment):.4g}, near: up to " in evidence


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
    assert measure_chance(cost, task, torch.from_numpy(task.standardise(counts))).uniform_loss == pytest.approx(
        expected
    )


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


def test_what_the_time_named_does_not_allow_is_left_out(make_experiment):
    late = replace(make_experiment(), deadline=0.0)
    found = run_checks(late)
    assert found.rates is None
    assert {check.name: (check.passed, check.evidence == LATE) for check in found.checks} == {
        "first_loss": (True, False),
        "handful": (None, True),
        "learning_rate": (None, True),
    }


@pytest.mark.parametrize(("passed", "shown"), [(True, False), (False, True), (None, True)])
def test_no_rate_is_suggested_where_the_configured_one_passes(passed, shown):
    checks = Checks((Check("first_loss", "", True, ""), Check("learning_rate", "", passed, "")), RATES)
    assert checks.suggested_rate == (RATES.suggested if shown else None)
    assert checks.to_json()["learning_rate_test"]["suggested"] == checks.suggested_rate
    assert Checks(checks.checks, None).suggested_rate is None
    texts = [text.get_text() for text in draw_rates(RATES, 0.01, checks.suggested_rate).axes[0].texts]
    assert [text.split()[0] for text in texts] == ["configured", *["suggested"] * shown]
