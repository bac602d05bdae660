"""Backpropagation written out, against torch's autograd."""

import copy
from dataclasses import replace

import pytest
import torch

from mlcli.config.sections.config import Config
from mlcli.config.sections.model import MlpConfig
from mlcli.models.networks import build_model
from mlcli.models.task import Classification, Regression
from mlcli.training.backprop import ACTIVATIONS, Backprop, is_plain
from mlcli.training.gradients import Autograd, choose_gradients
from mlcli.training.losses import build_cost
from tests.models.builders import build_network, layout_of

CPU = torch.device("cpu")
BINARY = Classification("y", ("no", "yes"), (30, 10), "sigmoid", True)
THREE = Classification("y", ("a", "b", "c"), (6, 3, 1), "softmax", True)
NUMBERS = Regression(("u", "v"), (0.0, 0.0), (1.0, 1.0))
STEP = Classification("y", ("no", "yes"), (30, 10), "step", False)

TASKS = {
    "two classes": (BINARY, {}),
    "two classes, smoothed": (BINARY, {"name": "bce", "label_smoothing": 0.2}),
    "two classes, weighted": (BINARY, {"name": "bce", "class_weights": "balanced"}),
    "three classes": (THREE, {}),
    "three classes, smoothed": (THREE, {"name": "cross_entropy", "label_smoothing": 0.1}),
    "three classes, weighted": (THREE, {"name": "auto", "class_weights": {"c": 5.0}}),
    "focal": (THREE, {"name": "focal", "gamma": 2.0}),
    "numbers": (NUMBERS, {}),
    "absolute error": (NUMBERS, {"name": "mae"}),
    "quantile": (NUMBERS, {"name": "quantile", "q": 0.9}),
    "counts": (replace(NUMBERS, output="exp"), {"name": "poisson"}),
    "perceptron": (STEP, {}),
}


def batch(task, n=24):
    random = torch.Generator().manual_seed(5)
    x = torch.randn(n, 5, generator=random, dtype=torch.float64)
    if isinstance(task, Regression) and task.output == "exp":
        return x, torch.poisson(torch.ones(n, task.n_outputs, dtype=torch.float64), generator=random)
    if isinstance(task, Regression):
        return x, torch.randn(n, task.n_outputs, generator=random, dtype=torch.float64)
    codes = torch.randint(len(task.classes), (n,), generator=random)
    return x, codes if task.output == "softmax" else codes.double().unsqueeze(1)


def engines(task, loss, dtype=torch.float64, precision=torch.float32, **model):
    """Both ways for equal networks."""
    config = MlpConfig.model_validate({"hidden": [7, 6], **model})
    network = build_model(config, layout_of(5), task, seed=2).to(dtype)
    loss_config = _loss(loss)
    cost = build_cost(loss_config, task, CPU)
    twin = copy.deepcopy(network)
    return network, Backprop(network, config, cost, precision), twin, Autograd(twin, config, cost, precision)


def _loss(loss):
    return Config.model_validate({"name": "x", "dataset": {"name": "iris"}, "loss": loss or {"name": "auto"}}).loss


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [[], [7], [7, 6, 5]], ids=str)
@pytest.mark.parametrize("task", TASKS)
def test_gradients_are_those_of_autograd(task, hidden, activation):
    ours, backprop, theirs, autograd = engines(*TASKS[task], hidden=hidden, activation=activation)
    x, y = batch(TASKS[task][0])
    value, expected = backprop.compute_gradients(x, y, seed=0), autograd.compute_gradients(x, y, seed=0)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
    for mine, his in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, his.grad, rtol=1e-10, atol=1e-12)


def test_a_second_batch_replaces_the_gradients_of_the_first():
    ours, backprop, theirs, autograd = engines(THREE, {})
    x, y = batch(THREE)
    backprop.compute_gradients(x, y, seed=0)
    backprop.compute_gradients(x[:9], y[:9], seed=1)
    autograd.compute_gradients(x[:9], y[:9], seed=1)
    for mine, his in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, his.grad, rtol=1e-10, atol=1e-12)


def test_an_update_of_the_flat_parameters_changes_the_network():
    network, backprop, _, _ = engines(THREE, {})
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.no_grad():
        for parameter in (*backprop.parameters.weights, *backprop.parameters.others):
            parameter += 1
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, before[name] + 1)


def test_weights_and_biases_are_separate():
    network, backprop, _, _ = engines(THREE, {})
    with torch.no_grad():
        backprop.parameters.weights[0].zero_()
        backprop.parameters.others[0].fill_(3)
    for parameter in network.parameters():
        assert (parameter == (0 if parameter.ndim == 2 else 3)).all()


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "leaky_relu"])
def test_dropout_gradients_are_those_of_the_masks_drawn(activation):
    """Central differences: with the same seed the cost is one smooth function of the parameters."""
    network, backprop, _, _ = engines(THREE, {}, dropout=0.4, activation=activation)
    x, y = batch(THREE)
    backprop.compute_gradients(x, y, seed=9)
    found = [parameter.grad.flatten()[1].item() for parameter in network.parameters()]
    for parameter, slope in zip(network.parameters(), found, strict=True):
        place, step = parameter.data.view(-1)[1:2], 1e-5
        place += step
        above = backprop.compute_gradients(x, y, seed=9).item()
        place -= 2 * step
        below = backprop.compute_gradients(x, y, seed=9).item()
        place += step
        assert (above - below) / (2 * step) == pytest.approx(slope, abs=1e-8)


def test_dropout_zeroes_its_share_and_keeps_the_mean():
    _, backprop, _, _ = engines(THREE, {}, hidden=[4000], activation="identity", dropout=0.3)
    x, _ = batch(THREE)
    trace = backprop._trace(x, seed=1)
    assert (trace.masks[0] == 0).double().mean().item() == pytest.approx(0.3, abs=0.01)
    assert trace.masks[0].mean().item() == pytest.approx(1, abs=0.01)
    assert not torch.equal(trace.masks[0], backprop._trace(x, seed=2).masks[0])
    assert torch.equal(trace.masks[0], backprop._trace(x, seed=1).masks[0])


@pytest.mark.parametrize("task", [BINARY, THREE, NUMBERS], ids=["two", "three", "numbers"])
def test_bfloat16_is_accurate_to_its_digits(task):
    """Eight bits of mantissa: a part in 256, over three layers."""
    ours, low, theirs, _ = engines(task, {}, torch.float32, torch.bfloat16, hidden=[64, 32])
    full = Backprop(theirs, MlpConfig(name="mlp", hidden=[64, 32]), build_cost(_loss({}), task, CPU), torch.float32)
    x, y = (tensor.float() if tensor.is_floating_point() else tensor for tensor in batch(task))
    assert low.input_dtype is torch.bfloat16
    value, expected = low.compute_gradients(x.bfloat16(), y, seed=0), full.compute_gradients(x, y, seed=0)
    assert value.dtype is torch.float32
    torch.testing.assert_close(value, expected, rtol=0.02, atol=0.02)
    for mine, his in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.grad.dtype is torch.float32
        assert (mine.grad - his.grad).norm() <= 0.03 * his.grad.norm()


@pytest.mark.parametrize(
    ("model", "plain"),
    [
        ({}, True),
        ({"hidden": []}, True),
        ({"dropout": 0.5}, True),
        ({"norm": "batch"}, False),
        ({"norm": "layer"}, False),
        ({"activation": "gelu"}, False),
        ({"activation": "step"}, False),
    ],
)
def test_plain_networks_on_the_cpu_do_without_autograd(model, plain):
    config = MlpConfig.model_validate(model)
    network = build_network(config, 5, (), 3, seed=0)
    assert is_plain(network, config) == plain
    assert not is_plain(build_network(config, 4, (9,), 3, seed=0), config)
    chosen = choose_gradients(network, config, build_cost(_loss({}), THREE, CPU), torch.float32, CPU)
    assert isinstance(chosen, Backprop if plain else Autograd)
