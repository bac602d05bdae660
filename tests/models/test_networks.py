"""Shapes, initial weights and activations of networks; ensembles answer with the mean of their members."""

from typing import get_args

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, softmax

from mlcli.config.sections.model import Activation, Init, MlpConfig
from mlcli.models.embeddings import embedding_width
from mlcli.models.inference import FittedEnsemble, combine_outputs
from mlcli.models.networks import ACTIVATIONS, count_parameters
from tests.models.builders import build_network, layout_of, task_of

E = np.exp
FORMULAS = {
    "identity": lambda x: x,
    "step": lambda x: (x > 0) * 1.0,
    "sigmoid": lambda x: 1 / (1 + E(-x)),
    "tanh": lambda x: (E(x) - E(-x)) / (E(x) + E(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, E(x) - 1),
    "celu": lambda x: np.where(x > 0, x, E(x) - 1),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (E(x) - 1)),
    "silu": lambda x: x / (1 + E(-x)),
    "mish": lambda x: x * np.tanh(np.log1p(E(x))),
    "softplus": lambda x: np.log1p(E(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "relu6": lambda x: np.clip(x, 0, 6),
}


def test_every_activation_but_gelu_has_its_formula_here():
    assert set(get_args(Activation)) == {*FORMULAS, "gelu"}


@pytest.mark.parametrize("name", FORMULAS)
def test_activation_follows_its_formula(name):
    x = np.linspace(-4, 8, 41)
    np.testing.assert_allclose(ACTIVATIONS[name]()(torch.tensor(x)).numpy(), FORMULAS[name](x), atol=1e-12)


def test_gelu_is_x_times_the_normal_distribution_function():
    from scipy.stats import norm

    x = np.linspace(-4, 4, 33)
    np.testing.assert_allclose(ACTIVATIONS["gelu"]()(torch.tensor(x)).numpy(), x * norm.cdf(x), atol=1e-12)


def test_step_passes_a_gradient_through():
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    ACTIVATIONS["step"]()(x).sum().backward()
    np.testing.assert_allclose(x.grad, [0.25, np.e / (1 + np.e) ** 2], rtol=1e-6)


@pytest.mark.parametrize(
    ("hidden", "parameters"), [((), 4 * 3 + 3), ((5,), 4 * 5 + 5 + 5 * 3 + 3), ((5, 2), 25 + 12 + 9)]
)
def test_parameters_are_counted_as_by_hand(hidden, parameters):
    model = build_network(MlpConfig(hidden=hidden), 4, (), 3, seed=0)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert model(torch.zeros(7, 4)).shape == (7, 3)


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize(("hidden", "cardinalities"), [((), ()), ((7,), (3,)), ((5, 6, 2), (4, 9))])
def test_parameters_are_counted_without_a_network(norm, hidden, cardinalities):
    config = MlpConfig(hidden=hidden, norm=norm)
    model = build_network(config, 4, cardinalities, 3, seed=0)
    counted = count_parameters(config, layout_of(4, cardinalities), task_of(3))
    assert counted == sum(one.numel() for one in model.parameters())


def test_without_hidden_layers_the_output_is_linear():
    model = build_network(MlpConfig(hidden=()), 4, (), 1, seed=0)
    x = torch.randn(9, 4)
    torch.testing.assert_close(model(x), x @ model.output.weight.T + model.output.bias)


def test_last_columns_are_looked_up_as_codes():
    model = build_network(MlpConfig(hidden=()), 1, (3, 2), 1, seed=0)
    first, second = model.embeddings
    x = torch.tensor([[0.5, 2.0, 1.0]])
    joined = torch.cat([torch.tensor([[0.5]]), first.weight[2:3], second.weight[1:2]], dim=1)
    torch.testing.assert_close(model(x), model.output(joined))


@pytest.mark.parametrize(("n", "width"), [(2, 2), (10, 6), (100, 21), (10_000, 50)])
def test_embedding_width(n, width):
    assert embedding_width(n) == width


@pytest.mark.parametrize(
    ("init", "activation", "std"),
    [
        ("auto", "relu", np.sqrt(2 / 300)),
        ("auto", "tanh", np.sqrt(2 / 700)),
        ("auto", "selu", np.sqrt(1 / 300)),
        ("he_uniform", "relu", np.sqrt(2 / 300)),
        ("glorot_normal", "relu", np.sqrt(2 / 700)),
        ("glorot_uniform", "relu", np.sqrt(2 / 700)),
        ("lecun_normal", "relu", np.sqrt(1 / 300)),
        ("zeros", "relu", 0.0),
    ],
)
def test_initial_weights_have_the_variance_of_their_source(init, activation, std):
    model = build_network(MlpConfig(hidden=(400,), init=init, activation=activation), 300, (), 2, seed=1)
    weight = model.hidden[0].weight
    assert weight.std().item() == pytest.approx(std, rel=0.02)
    assert weight.mean().item() == pytest.approx(0.0, abs=1e-3)
    assert not model.hidden[0].bias.any()


@pytest.mark.parametrize("init", get_args(Init))
def test_every_init_builds(init):
    assert build_network(MlpConfig(hidden=(4,), init=init), 3, (), 2, seed=0)(torch.zeros(1, 3)).isfinite().all()


def test_weights_depend_on_the_seed_alone():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    one, same, other = (build_network(MlpConfig(), 4, (), 1, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.output.weight, same.output.weight)
    assert not torch.equal(one.output.weight, other.output.weight)


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_norm_stands_before_the_activation(norm):
    model = build_network(MlpConfig(hidden=(4,), norm=norm, dropout=0.5), 3, (), 1, seed=0)
    kinds = [type(layer).__name__ for layer in model.hidden]
    assert kinds == ["Linear", {"batch": "BatchNorm1d", "layer": "LayerNorm"}[norm], "ReLU", "Dropout"]


def logits(*shape):
    return np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)


def test_probabilities_of_classes_are_averaged():
    outputs = logits(4, 50, 3)
    each = np.exp(outputs.astype(float))
    mean = (each / each.sum(axis=2, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(softmax(combine_outputs(outputs, "softmax"), axis=1), mean, rtol=1e-5)


def test_probabilities_of_two_classes_are_averaged():
    outputs = logits(4, 50, 1)
    mean = (1 / (1 + np.exp(-outputs.astype(float)))).mean(axis=0)
    np.testing.assert_allclose(expit(combine_outputs(outputs, "sigmoid")), mean, rtol=1e-5)


def test_counts_are_averaged():
    outputs = logits(4, 50, 2)
    mean = np.exp(outputs.astype(float)).mean(axis=0)
    np.testing.assert_allclose(np.exp(combine_outputs(outputs, "exp")), mean, rtol=1e-5)


@pytest.mark.parametrize("output", ["identity", "step"])
def test_numbers_and_scores_are_averaged(output):
    outputs = logits(4, 50, 2)
    mean = outputs.mean(axis=0)
    np.testing.assert_allclose(combine_outputs(outputs, output), mean, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_certain_members_give_finite_outputs(output):
    certain = np.array([[[200.0, -200.0]], [[200.0, -200.0]]])
    assert np.isfinite(combine_outputs(certain, output)).all()


@pytest.mark.parametrize("output", ["identity", "exp", "sigmoid", "softmax", "step"])
def test_an_ensemble_of_one_is_its_member(output):
    member, x = build_network(MlpConfig(hidden=(4,)), 3, (), 2, 0).fitted(), logits(20, 3)
    alone = log_softmax(member.outputs(x), axis=1) if output == "softmax" else member.outputs(x)
    np.testing.assert_allclose(FittedEnsemble([member], output).outputs(x), alone, rtol=1e-5, atol=1e-5)
