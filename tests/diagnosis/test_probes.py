"""What the experiments measure, against numbers worked out by hand or by NumPy and autograd."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from mlcli.diagnosis.evidence import ForestFacts, RowCurve
from mlcli.diagnosis.experiment import skill_of
from mlcli.diagnosis.forest import grow_forest, suspect_labels
from mlcli.diagnosis.probes import (
    compare_with_linear,
    measure_regularised,
    measure_rows,
    probe_columns,
    probe_network,
    run_probes,
    share_of_worst,
)
from mlcli.training.datasets import TensorDataset
from mlcli.training.loop import new_state, train_model


@pytest.mark.parametrize(
    ("truth", "predicted", "skill"),
    [
        ([[0.0], [2.0]], [[0.0], [2.0]], 1.0),
        ([[0.0], [2.0]], [[1.0], [1.0]], 0.0),
        ([[0.0], [2.0]], [[2.0], [0.0]], -3.0),
        ([[1.0, 0.0], [0.0, 1.0]], [[0.8, 0.2], [0.2, 0.8]], 0.84),
        ([[3.0], [3.0]], [[1.0], [1.0]], 1.0),
    ],
)
def test_skill(truth, predicted, skill):
    assert skill_of(np.array(truth), np.array(predicted)) == pytest.approx(skill)


def test_the_skill_of_a_quantile_is_that_of_its_loss(make_experiment):
    plane = "dataset={name: plane, rows: 160, noise: 0.0, split: {test: 0, valid: 0.25}}"
    experiment = make_experiment(plane, "loss={name: quantile, q: 0.9}", "model.hidden=[]")
    context = experiment.context()
    with torch.no_grad():
        context.model.output.weight.zero_()
        context.model.output.bias.copy_(torch.from_numpy(experiment.task.outputs_of(experiment.task.best_constant)))
    assert probe_network(experiment, context).skill == pytest.approx(0, abs=1e-5)


def test_units_and_gradients_of_a_network(make_experiment):
    experiment = make_experiment("model.activation=relu", "model.hidden=[4, 3]")
    context = experiment.context()
    first, second = context.model.hidden[0], context.model.hidden[2]
    with torch.no_grad():
        first.bias[1] = -1e3  # one of four is 0 for every row
        second.bias[:2] = -1e3
    facts = probe_network(experiment, context)
    assert facts.dead == (0.25, pytest.approx(2 / 3))
    assert facts.saturated == ()
    assert sum(facts.predicted) == len(experiment.train)

    twin = experiment.context()
    twin.model.load_state_dict(context.model.state_dict())
    z = twin.model(experiment.train.x)
    weights = [layer.weight for layer in (twin.model.hidden[0], twin.model.hidden[2], twin.model.output)]
    loss = functional.binary_cross_entropy_with_logits(z, experiment.train.y)
    slopes = torch.autograd.grad(loss, weights)
    assert facts.gradients == pytest.approx([slope.square().mean().sqrt().item() for slope in slopes], rel=1e-4)
    probability = z.detach().sigmoid().numpy().reshape(-1)
    truth = experiment.train.y.numpy().reshape(-1)
    brier = np.square(probability - truth).sum() / np.square(truth - truth.mean()).sum()
    assert facts.skill == pytest.approx(1 - brier, rel=1e-5)


def test_a_saturated_tanh(make_experiment):
    experiment = make_experiment("model.hidden=[4]")
    context = experiment.context()
    with torch.no_grad():
        context.model.hidden[0].weight.zero_()
        context.model.hidden[0].bias.copy_(torch.tensor([9.0, -9.0, 9.0, 0.0]))
    assert probe_network(experiment, context).saturated == (0.75,)
    assert probe_network(experiment, context).dead == ()


def test_looking_at_a_network_does_not_change_it(make_experiment):
    experiment = make_experiment("model.dropout=0.3")
    context = experiment.context()
    before = {name: tensor.clone() for name, tensor in context.model.state_dict().items()}
    first = probe_network(experiment, context)
    assert first == probe_network(experiment, context)
    assert all(torch.equal(tensor, before[name]) for name, tensor in context.model.state_dict().items())


def test_columns(make_experiment):
    experiment = make_experiment("features.scale=none", "features.derive={sum: x1 + x2, sign: x1 * x2 > 0}")
    sizes, skills = probe_columns(experiment)
    x = experiment.train.x.numpy()
    assert list(sizes) == ["x1", "x2", "sum", "sign"]
    assert list(sizes.values()) == pytest.approx(np.sqrt((x.astype(float) ** 2).mean(axis=0)).tolist())
    assert skills["sign"] == pytest.approx(1.0)  # xor's target
    assert max(skills[name] for name in ("x1", "x2")) < 0.5


def test_the_forest_finds_what_can_be_found_and_nothing_else(make_experiment):
    xor = make_experiment()
    facts = grow_forest(xor)
    assert facts.skill > 0.7
    assert np.array_equal(facts.truth.argmax(axis=1), xor.train.y.numpy()[facts.rows, 0])
    assert facts.predicted.sum(axis=1) == pytest.approx(1.0)
    generator = torch.Generator().manual_seed(1)
    by_chance = xor.train.y[torch.randperm(len(xor.train), generator=generator)]
    xor.train.y.copy_(by_chance)
    assert grow_forest(xor).skill < 0.15


def test_a_forest_of_numbers(make_experiment):
    assert grow_forest(make_experiment("dataset.name=plane")).skill > 0.9


def test_wrong_labels_by_confident_learning():
    """Thresholds are the mean probabilities of the own class: 0.5 and 0.7; rows 1 and 4 are confidently the other."""
    p = np.array([0.9, 0.1, 0.5, 0.2, 0.9, 0.2, 0.1, 0.1])
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    probabilities = np.stack([p, 1 - p], axis=1)
    usual = [p[labels == 0].mean(), (1 - p)[labels == 1].mean()]
    assert usual == pytest.approx([0.5, 0.7])
    alike = np.array([0, 1, 2, 3, 4, 5, 6, 6])
    forest = ForestFacts(np.arange(8) + 10, np.eye(2)[labels], probabilities, alike)
    facts = suspect_labels(forest, np.arange(1, 19))
    assert facts.suspects == (12, 15)  # rows 1 and 4 of the sample, which are 11 and 14 of the training rows, from 0
    assert suspect_labels(forest, np.arange(100, 1900, 100)).suspects == (1200, 1500)
    assert facts.all_errors == pytest.approx(2 / 8)  # rows 1 and 4; row 2 is undecided
    assert (facts.n_confident, facts.n_distinct) == (2, 2)
    copies = replace(forest, alike=np.zeros(8, dtype=np.int64))
    assert suspect_labels(copies, np.arange(1, 19)).n_distinct == 1
    assert facts.error_rate == pytest.approx(0.5)  # the most confident are rows 0, right, and 1, wrong


def test_twice_the_rows_by_a_straight_line():
    curve = RowCurve((100, 200, 400, 800), (1.0, 0.9, 0.8, 0.7))
    assert curve.gain == pytest.approx(0.1)


def test_the_learning_curve_over_rows(make_experiment):
    experiment = make_experiment("training.epochs=10")
    curve = measure_rows(experiment, steps=80)
    assert curve.rows == tuple(math.ceil(share * len(experiment.train)) for share in (0.2, 0.4, 0.6, 0.8, 1.0))
    assert curve == measure_rows(experiment, steps=80)
    assert curve.losses[-1] < curve.losses[0]


def test_the_validation_loss_with_weight_decay(make_experiment):
    experiment = make_experiment("training.epochs=9", "optimizer={name: adam, lr: 0.01}")
    decayed = make_experiment("training.epochs=4", "optimizer={name: adam, lr: 0.01, l2: 0.003}").context()
    history = train_model(decayed, new_state(decayed)).state.history
    loss = measure_regularised(experiment, history[-1].step)  # it ends with the step, not with the ninth epoch
    assert loss == min(record.valid_loss for record in history)


def test_a_learning_curve_that_would_take_too_long_is_left_out(make_experiment, monkeypatch):
    monkeypatch.setattr("mlcli.diagnosis.experiment.EFFORT", 1000)
    assert measure_rows(make_experiment(), steps=80) is None
    assert measure_regularised(make_experiment(), steps=80) is None


def test_what_only_tells_a_group_apart_has_no_skill(make_experiment):
    """30 groups of 10 rows: the inputs are the group's own, and so is the target; neither is that of another group."""
    rng, plane = np.random.default_rng(0), make_experiment("dataset.name=plane")
    groups = rng.permutation(np.repeat(np.arange(30), 10))
    x = torch.from_numpy(rng.normal(size=(30, 2))[groups] + rng.normal(0, 0.01, (300, 2))).float()
    y = torch.from_numpy(rng.normal(size=(30, 1))[groups]).float()
    rows = replace(plane, train=TensorDataset(x, y))
    assert grow_forest(rows).skill > 0.8
    assert min(probe_columns(rows)[1].values()) > 0.5
    apart = replace(rows, groups=groups)
    assert grow_forest(apart).skill < 0.1
    assert max(probe_columns(apart)[1].values()) < 0.1
    order = apart.by_groups().numpy()
    assert sorted(order) == list(range(300))
    assert (np.diff(groups[order]) != 0).sum() == 29


def test_probes_that_are_late_are_left_out(make_experiment, trained_evidence):
    experiment = make_experiment()
    evidence = trained_evidence(experiment.config)
    late = replace(experiment, deadline=0.0)
    assert run_probes(late, None, evidence, experiment.context()) == evidence
    assert measure_rows(late, 300) is None


def test_the_share_of_the_worst_rows():
    assert share_of_worst([1.0] * 99 + [99.0]) == pytest.approx(0.5)
    assert share_of_worst([1.0] * 149 + [51.0, 100.0]) == pytest.approx(151 / 300)  # two of 151
    assert share_of_worst([1.0] * 49) == 0.0
    assert share_of_worst([0.0] * 100) == 0.0


def test_a_linear_model_of_a_plane_is_perfect_and_an_untrained_network_is_not(make_experiment):
    experiment = make_experiment("dataset={name: plane, rows: 240, noise: 0.0, split: {test: 0, valid: 0.25}}")
    context = experiment.context()
    linear, network = compare_with_linear(experiment, context)
    parts = (experiment.train.x, experiment.train.y, experiment.valid.x, experiment.valid.y)
    x, y, asked, truth = (part.double().numpy() for part in parts)
    centred, mean = x - x.mean(axis=0), y.mean(axis=0)
    weights = np.linalg.solve(centred.T @ centred + np.eye(2), centred.T @ (y - mean))  # ridge regression, α = 1
    error = truth - mean - (asked - x.mean(axis=0)) @ weights
    assert linear == pytest.approx(1 - np.square(error).sum() / np.square(truth - truth.mean()).sum(), rel=1e-6)
    assert linear > 0.99 > 0.5 > network
