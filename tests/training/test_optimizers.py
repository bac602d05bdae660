"""Penalties beside the trajectories, learning-rate factors against their formulas, and Muon against NumPy."""

import math

import numpy as np
import pytest
import torch
from torch import nn, optim

from mlcli.config.sections.config import Config
from mlcli.config.sections.optimizer import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    InverseSqrtSchedule,
    MuonConfig,
    OneCycleSchedule,
    PlateauSchedule,
    StepSchedule,
)
from mlcli.training.callbacks import Callback
from mlcli.training.loop import new_state, train_model
from mlcli.training.muon import orthogonalise
from mlcli.training.optimizers import Parameters, build_optimizer, clip_gradients, lr_factor, penalty
from mlcli.training.state import EpochRecord


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ({"name": "lbfgs"}, None),
        ({"name": "lbfgs", "l1": 0.5}, 0.5 * (4 * 2 + 2 * 3)),
        ({"name": "lbfgs", "l2": 3.0}, 1.5 * (4 * 4 + 2 * 9)),
        ({"name": "lbfgs", "l1": 0.5, "l2": 3.0}, 0.5 * 14 + 1.5 * 34),
        ({"name": "adam", "l2": 3.0}, None),  # its weight decay
        ({"name": "adam", "l1": 0.5, "l2": 3.0}, 0.5 * 14),
    ],
)
def test_penalty_sums_over_weights_and_leaves_out_biases(optimizer, expected):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    for layer, weight in zip(model, (-2.0, 3.0), strict=True):
        nn.init.constant_(layer.weight, weight)
        nn.init.constant_(layer.bias, 100.0)
    config = Config.model_validate({"name": "x", "dataset": {"name": "iris"}, "optimizer": optimizer})
    found = penalty(config.optimizer, model)
    assert found is None if expected is None else found.item() == pytest.approx(expected)


def factor(config, step, total=101, per_epoch=10, history=()):
    return lr_factor(config, step, per_epoch, total, history)


@pytest.mark.parametrize(
    ("config", "step", "expected"),
    [
        (ConstantSchedule(), 77, 1.0),
        (ConstantSchedule(warmup=0.5), 9, 10 / 50.5),
        (ConstantSchedule(warmup=0.5), 90, 1.0),
        (StepSchedule(name="step", every=2, factor=0.1), 19, 1.0),
        (StepSchedule(name="step", every=2, factor=0.1), 20, 0.1),
        (StepSchedule(name="step", every=2, factor=0.1), 40, 0.01),
        (ExponentialSchedule(name="exponential", factor=0.5), 5, math.sqrt(0.5)),
        (CosineSchedule(name="cosine"), 0, 1.0),
        (CosineSchedule(name="cosine"), 50, 0.5),
        (CosineSchedule(name="cosine", end=0.1), 100, 0.1),
        (OneCycleSchedule(name="one_cycle", peak=0.5), 0, 1 / 25),
        (OneCycleSchedule(name="one_cycle", peak=0.5), 50, 1.0),
        (OneCycleSchedule(name="one_cycle", peak=0.5), 100, 1e-5),
        (InverseSqrtSchedule(name="inverse_sqrt", after=4), 3, 1.0),
        (InverseSqrtSchedule(name="inverse_sqrt", after=4), 15, 0.5),
    ],
)
def test_factor(config, step, expected):
    assert factor(config, step) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("losses", "drops"),
    [([3, 2, 1], 0), ([1, 2], 0), ([1, 2, 2], 1), ([1, 2, 2, 2, 2], 2), ([1, 2, 0.5, 2], 0), ([1, 2, 2, 0.5, 2, 2], 2)],
)
def test_plateau_drops_after_patience_epochs_without_a_new_lowest(losses, drops):
    history = [EpochRecord(i, i, 0.1, 9.0, float(loss), {}) for i, loss in enumerate(losses, start=1)]
    config = PlateauSchedule(name="plateau", factor=0.5, patience=2)
    assert factor(config, 0, history=history) == 0.5**drops


@pytest.mark.parametrize(
    ("scores", "drops"),
    [([0.1, 0.2, 0.3], 0), ([0.2, 0.1, 0.1], 1), ([None, None, 0.3], 1), ([0.2, None, 0.3], 0), ([0.2, None, None], 1)],
)
def test_plateau_watches_a_metric_that_can_be_undefined(scores, drops):
    history = [
        EpochRecord(i, i, 0.1, 9.0, float(-i), {} if score is None else {"f1": score})
        for i, score in enumerate(scores, start=1)
    ]
    config = PlateauSchedule(name="plateau", factor=0.5, patience=2, metric="f1")
    assert factor(config, 0, history=history) == 0.5**drops


@pytest.mark.parametrize("gradients", [[[3.0, 0.0, -4.0, 12.0]], [[3.0, 0.0], [0.0, -4.0, 12.0], None]], ids=str)
@pytest.mark.parametrize("max_norm", [0.5, 5.0, 50.0])
def test_gradients_are_clipped_by_their_joint_norm(max_norm, gradients):
    parameters = [nn.Parameter(torch.zeros(len(own or [0]))) for own in gradients]
    for parameter, own in zip(parameters, gradients, strict=True):
        parameter.grad = None if own is None else torch.tensor(own)
    clip_gradients(parameters, max_norm)
    factor = min(1, max_norm / 13)  # the norm of 3, 4 and 12
    for parameter, own in zip(parameters, gradients, strict=True):
        assert own is None or parameter.grad.tolist() == pytest.approx([factor * value for value in own], rel=1e-5)


def newton_schulz(matrix):
    """The iteration written out, in float64."""
    x = matrix / (np.sqrt((matrix**2).sum()) + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (6, 6), (1, 5)])
def test_orthogonalise_equals_the_iteration_and_evens_out_singular_values(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    ours = orthogonalise(matrix).numpy()
    np.testing.assert_allclose(ours, newton_schulz(matrix.numpy().astype(np.float64)), atol=1e-5)
    values = np.linalg.svd(ours, compute_uv=False)
    assert values.min() > 0.3
    assert values.max() < 1.3


class TwoLayers(nn.Module):
    """Nine inputs, four hidden units, three outputs."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.hidden, self.output = nn.Sequential(nn.Linear(9, 4)), nn.Linear(4, 3)

    def forward(self, x):
        return self.output(self.hidden(x).relu())


def steps_of(model, optimizer, count=3):
    """Gradient steps on seeded rows; the gradients of the hidden weight, one a step."""
    gradients = []
    for step in range(count):
        x = torch.randn(8, 9, generator=torch.Generator().manual_seed(step))

        def cost(x=x):
            model.zero_grad()
            value = model(x).square().mean()
            value.backward()
            gradients.append(model.hidden[0].weight.grad.numpy().astype(np.float64))
            return value.detach()

        optimizer.step(cost)
    return gradients


def test_muon_updates_hidden_weights_as_numpy_does_and_the_rest_as_adamw():
    model, config = TwoLayers(), MuonConfig(name="muon", lr=0.1, momentum=0.9, adamw_lr=0.02, l2=0.5)
    weight, momentum = model.hidden[0].weight.detach().numpy().astype(np.float64), np.zeros((4, 9))
    for gradient in steps_of(model, build_optimizer(config, Parameters.of(model))):
        momentum = 0.9 * momentum + 0.1 * gradient
        update = newton_schulz(0.1 * gradient + 0.9 * momentum)
        weight = weight * (1 - 0.1 * 0.5) - 0.1 * math.sqrt(max(1, 4 / 9)) * update
    np.testing.assert_allclose(model.hidden[0].weight.detach().numpy(), weight, rtol=1e-4, atol=1e-5)

    other = TwoLayers()
    rest = [
        {"params": [other.output.weight], "weight_decay": 0.5},
        {"params": [other.hidden[0].bias, other.output.bias], "weight_decay": 0.0},
    ]
    reference = optim.Muon([other.hidden[0].weight], lr=0.1, momentum=0.9, weight_decay=0.5)
    both = Both(reference, optim.AdamW(rest, lr=0.02))
    steps_of(other, both)
    for name, parameter in model.named_parameters():
        # torch orthogonalises in bfloat16, of three digits.
        torch.testing.assert_close(parameter, other.get_parameter(name), rtol=0.03, atol=0.01)


class Both:
    """Two optimizers that step together."""

    def __init__(self, *optimizers):
        self.optimizers = optimizers

    def step(self, cost):
        cost()
        for optimizer in self.optimizers:
            optimizer.step()


class KeepWeights(Callback):
    """The output layer's weights when training ends, before the best ones are restored."""

    def on_train_end(self, context, state, stopped):
        self.weights = context.model.output.weight.detach().numpy().astype(np.float64)


def test_averaged_weights_follow_their_recurrence(make_context):
    decay, sections = 0.4, {"model": {"hidden": [3]}, "optimizer": {"name": "sgd", "lr": 0.1}}
    own, expected = [], None
    for n_steps in range(1, 9):  # two epochs of four steps
        plain = make_context(**sections, training={"epochs": 2, "batch_size": 16})
        steps = iter([False] * (n_steps - 1) + [True])
        state = new_state(plain)
        keeper = KeepWeights()
        train_model(plain, state, [keeper], interrupted=lambda steps=steps: next(steps))
        own.append(keeper.weights)
    for step, weight in enumerate(own, start=1):
        share = min(decay, (1 + step) / (10 + step))
        expected = weight if expected is None else share * expected + (1 - share) * weight
    context = make_context(**sections, training={"epochs": 2, "batch_size": 16, "average": decay})
    state = new_state(context)
    trained = train_model(context, state)
    np.testing.assert_allclose(state.average["output.weight"].numpy(), expected, rtol=1e-5)
    assert state.best_epoch in (1, 2)
    if state.best_epoch == 2:
        np.testing.assert_allclose(trained.model.output.weight.detach().numpy(), expected, rtol=1e-5)
