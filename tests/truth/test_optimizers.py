"""mlcli's optimizers beside torch.optim step by step, and beside what the tests of Keras expect."""

import pytest
import torch
from torch import nn, optim

from tests.truth.optimizers import KERAS, follow

STEPS = 30
START = [1.0, -2.0, 0.5, 3.0]
CURVATURE = torch.tensor(
    [[4.0, 1.0, 0.0, 0.5], [1.0, 3.0, 0.2, 0.0], [0.0, 0.2, 0.5, 0.1], [0.5, 0.0, 0.1, 1.0]]
).double()
BETAS = {"beta1": 0.8, "beta2": 0.97, "eps": 1e-5}
THEIR_BETAS = {"betas": (0.8, 0.97), "eps": 1e-5}

# Section of the config → torch's class and arguments.
SAME = [
    ({"name": "sgd", "lr": 0.1}, optim.SGD, {"lr": 0.1}),
    ({"name": "sgd", "lr": 0.1, "momentum": 0.9}, optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (
        {"name": "sgd", "lr": 0.1, "momentum": 0.7, "nesterov": True, "l2": 0.3},
        optim.SGD,
        {"lr": 0.1, "momentum": 0.7, "nesterov": True, "weight_decay": 0.3},
    ),
    ({"name": "adagrad", "lr": 0.2, "l2": 0.1}, optim.Adagrad, {"lr": 0.2, "weight_decay": 0.1}),
    (
        {"name": "adadelta", "lr": 0.7, "rho": 0.8, "l2": 0.1},
        optim.Adadelta,
        {"lr": 0.7, "rho": 0.8, "weight_decay": 0.1},
    ),
    (
        {"name": "rmsprop", "lr": 0.05, "rho": 0.8, "momentum": 0.6, "l2": 0.1},
        optim.RMSprop,
        {"lr": 0.05, "alpha": 0.8, "momentum": 0.6, "weight_decay": 0.1},
    ),
    *(
        ({"name": name, "lr": 0.1, "l2": 0.2, **BETAS}, kind, {"lr": 0.1, "weight_decay": 0.2, **THEIR_BETAS})
        for name, kind in {
            "adam": optim.Adam,
            "adamw": optim.AdamW,
            "adamax": optim.Adamax,
            "nadam": optim.NAdam,
            "radam": optim.RAdam,
        }.items()
    ),
    ({"name": "adam"}, optim.Adam, {"lr": 0.001}),
    ({"name": "rmsprop"}, optim.RMSprop, {"lr": 0.001}),
]


@pytest.mark.parametrize(("section", "kind", "arguments"), SAME)
def test_every_step_is_torchs(section, kind, arguments):
    weights = nn.Parameter(torch.tensor([START], dtype=torch.float64))
    optimizer = kind([weights], foreach=False, **arguments)
    expected = []
    for _ in range(STEPS):
        weights.grad = weights.detach() @ CURVATURE
        optimizer.step()
        expected.append(weights.detach().clone()[0])
    found = follow(section, START, lambda w, _: w @ CURVATURE, STEPS)
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-10, atol=1e-12)
    assert not torch.allclose(found[-1], found[0])


def half_square(weights):
    return (weights @ CURVATURE @ weights.mT).sum() / 2


def test_every_step_of_lbfgs_is_torchs():
    weights = nn.Parameter(torch.tensor([START], dtype=torch.float64))
    optimizer = optim.LBFGS([weights], lr=0.3, max_iter=2, history_size=3, line_search_fn="strong_wolfe")

    def closure():
        weights.grad = weights.detach() @ CURVATURE
        return half_square(weights.detach())

    expected = []
    for _ in range(4):
        optimizer.step(closure)
        expected.append(weights.detach().clone()[0])
    section = {"name": "lbfgs", "lr": 0.3, "iterations": 2, "history": 3}
    found = follow(section, START, lambda w, _: w @ CURVATURE, 4, half_square)
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-10, atol=1e-12)
    assert not torch.allclose(found[-1], found[0])


@pytest.mark.parametrize("golden", KERAS, ids=lambda golden: golden.test)
def test_steps_are_those_that_keras_expects(golden):
    difference, allowed = golden.differences()
    assert difference <= allowed
