"""Backpropagation of TabM written out, against torch's autograd."""

import copy

import numpy as np
import pytest
import torch

from mlcli.config.sections.config import Config
from mlcli.models.networks import build_model
from mlcli.training.backprop import ACTIVATIONS
from mlcli.training.gradients import Autograd, choose_gradients
from mlcli.training.losses import build_cost
from mlcli.training.tabm_backprop import TabmBackprop, draw_mask
from tests.models.builders import layout_of
from tests.training.test_gradients import CPU, NUMBERS, TASKS, THREE, batch

EMBEDDINGS = {
    "none": {"name": "none"},
    "piecewise": {"name": "piecewise", "bins": 4, "width": 3},
    "periodic": {"name": "periodic", "frequencies": 3, "width": 4},
}


def engines(task, loss, dtype=torch.float64, precision=torch.float32, cardinalities=(), **model):
    """The network, `TabmBackprop`, and `Autograd` of an equal network; every parameter matters."""
    written = {"name": "tabm", "members": 3, "hidden": [7, 6], "dropout": 0.0, **model}
    config = Config.model_validate(
        {"name": "x", "dataset": {"name": "iris"}, "loss": loss or {"name": "auto"}, "model": written}
    )
    network = build_model(config.model, layout_of(5 - len(cardinalities), cardinalities), task, seed=2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(4))
    network.fit(torch.randn(50, 5, generator=torch.Generator().manual_seed(3)))
    network.to(dtype)
    cost, twin = build_cost(config.loss, task, CPU), copy.deepcopy(network)
    chosen = choose_gradients(network, config.model, cost, precision, CPU)
    return network, chosen, twin, Autograd(twin, config.model, cost, precision)


def assert_same_gradients(ours, theirs, **tolerance):
    for (name, mine), his in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, his.grad, msg=lambda text, name=name: f"{name}: {text}", **tolerance)


@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize("hidden", [[7], [7, 6, 5]], ids=str)
@pytest.mark.parametrize("task", TASKS)
def test_gradients_are_those_of_autograd(task, hidden, embedding):
    ours, backprop, theirs, autograd = engines(*TASKS[task], hidden=hidden, embedding=EMBEDDINGS[embedding])
    assert isinstance(backprop, TabmBackprop)
    x, y = batch(TASKS[task][0])
    for rows in (slice(None), slice(9)):  # the second batch replaces the gradients of the first
        value = backprop.compute_gradients(x[rows], y[rows], seed=0)
        expected = autograd.compute_gradients(x[rows], y[rows], seed=0)
        torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
        assert_same_gradients(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("embedding", ["none", "piecewise"])
def test_activations_and_categories(activation, embedding):
    model = {"activation": activation, "embedding": EMBEDDINGS[embedding], "cardinalities": (4, 3)}
    ours, backprop, theirs, autograd = engines(THREE, {}, **model)
    x, y = batch(THREE)
    x[:, 3:] = torch.randint(3, (len(x), 2)).double()
    value, expected = backprop.compute_gradients(x, y, seed=0), autograd.compute_gradients(x, y, seed=0)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
    assert_same_gradients(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "leaky_relu"])
def test_dropout_gradients_are_those_of_the_masks_drawn(activation):
    """Central differences: with the same seed the cost is one smooth function of the parameters."""
    model = {"dropout": 0.4, "activation": activation, "embedding": EMBEDDINGS["piecewise"]}
    network, backprop, _, _ = engines(THREE, {}, **model)
    x, y = batch(THREE)
    backprop.compute_gradients(x, y, seed=9)
    found = [parameter.grad.flatten()[-1].item() for parameter in network.parameters()]
    for parameter, slope in zip(network.parameters(), found, strict=True):
        place, step = parameter.data.view(-1)[-1:], 1e-5
        place += step
        above = backprop.compute_gradients(x, y, seed=9).item()
        place -= 2 * step
        below = backprop.compute_gradients(x, y, seed=9).item()
        place += step
        assert (above - below) / (2 * step) == pytest.approx(slope, abs=1e-8)
    assert backprop.compute_gradients(x, y, seed=10).item() != backprop.compute_gradients(x, y, seed=9).item()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("keep", [0.9, 0.5, 0.03])
def test_a_mask_keeps_its_share(keep, dtype):
    mask = draw_mask(torch.empty(1001, 401, dtype=dtype), keep, np.random.SFC64(1))
    assert set(mask.unique().tolist()) == {-1, 0}
    n = mask.numel()
    assert (mask == -1).double().mean().item() == pytest.approx(keep, abs=4 * (keep * (1 - keep) / n) ** 0.5)
    kept = torch.bitwise_and(torch.full(mask.shape, 1.5, dtype=dtype).view(mask.dtype), mask).view(dtype)
    assert set(kept.unique().tolist()) == {0.0, 1.5}
    assert not torch.equal(mask, draw_mask(kept, keep, np.random.SFC64(2)))


def test_dropout_keeps_the_mean():
    network, backprop, _, autograd = engines(NUMBERS, {}, hidden=[4000], activation="identity", dropout=0.3, members=2)
    x, y = batch(NUMBERS)
    sums = [backprop.compute_gradients(x, y, seed) for seed in range(40)]
    assert len(network.output.weight) == 4
    assert torch.stack(sums).mean().item() == pytest.approx(
        autograd._cost(autograd._model.eval().member_outputs(x), y.repeat_interleave(2, 0)).item(), rel=0.1
    )


@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_bfloat16_is_accurate_to_its_digits(embedding):
    model = {"hidden": [64, 32], "embedding": EMBEDDINGS[embedding]}
    ours, low, _, _ = engines(THREE, {}, torch.float32, torch.bfloat16, **model)
    theirs, full, _, _ = engines(THREE, {}, torch.float32, torch.float32, **model)
    x, y = (tensor.float() if tensor.is_floating_point() else tensor for tensor in batch(THREE))
    assert low.input_dtype is torch.float32  # embedded numbers need their digits
    value, expected = low.compute_gradients(x, y, seed=0), full.compute_gradients(x, y, seed=0)
    torch.testing.assert_close(value, expected, rtol=0.02, atol=0.02)
    for mine, his in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.grad.dtype is torch.float32
        assert (mine.grad - his.grad).norm() <= 0.1 * his.grad.norm() + 1e-6


def test_weights_are_separate_from_scales_and_embedded_numbers():
    network, backprop, _, _ = engines(THREE, {}, embedding=EMBEDDINGS["piecewise"])
    with torch.no_grad():
        backprop.parameters.weights[0].zero_()
        backprop.parameters.others[0].fill_(3)
    for name, parameter in network.named_parameters():
        is_weight = name in ("hidden.0.weight", "hidden.2.weight", "output.weight")
        assert (parameter == (0 if is_weight else 3)).all(), name


@pytest.mark.parametrize(
    ("model", "plain"),
    [({}, True), ({"hidden": []}, False), ({"norm": "layer"}, False), ({"activation": "silu"}, False)],
)
def test_other_networks_are_left_to_autograd(model, plain):
    _, chosen, _, autograd = engines(THREE, {}, **model)
    assert isinstance(chosen, TabmBackprop if plain else Autograd)
    x, y = batch(THREE)
    assert chosen.compute_gradients(x, y, 0).item() == pytest.approx(autograd.compute_gradients(x, y, 0).item())
