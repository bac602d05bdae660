"""Torch's steps against the chain rule of the course, derived by hand in NumPy.

Network: a1 = tanh(X W1ᵀ + b1), z = a1 W2ᵀ + b2; cost J = mean((z − y)²) over rows and outputs.
"""

import numpy as np
import pytest
import torch

from mlcli.config.sections.config import Config
from mlcli.models.task import Regression
from mlcli.training.context import build_context
from mlcli.training.datasets import TensorDataset
from mlcli.training.loop import new_state, train_model

STEPS = 10
LR = 0.05


def gradients(w, x, y):
    """Backpropagation in five moves: forward, cost, output gradient, propagate back, collect."""
    w1, b1, w2, b2 = w
    a1 = np.tanh(x @ w1.T + b1)
    z = a1 @ w2.T + b2
    dz = 2 * (z - y) / z.size
    da1 = dz @ w2
    dz1 = da1 * (1 - a1**2)
    return [dz1.T @ x, dz1.sum(axis=0), dz.T @ a1, dz.sum(axis=0)]


def sgd(w, x, y):
    for _ in range(STEPS):
        w = [p - LR * g for p, g in zip(w, gradients(w, x, y), strict=True)]
    return w


def momentum(w, x, y, nesterov=False):
    velocity = [np.zeros_like(p) for p in w]
    for _ in range(STEPS):
        g = gradients(w, x, y)
        velocity = [0.9 * v + gi for v, gi in zip(velocity, g, strict=True)]
        move = [gi + 0.9 * v for gi, v in zip(g, velocity, strict=True)] if nesterov else velocity
        w = [p - LR * m for p, m in zip(w, move, strict=True)]
    return w


def adam(w, x, y, decay=0.0):
    """Kingma and Ba (2015), algorithm 1; decay > 0 is the decoupled decay of AdamW on weights, not biases."""
    m = [np.zeros_like(p) for p in w]
    v = [np.zeros_like(p) for p in w]
    for t in range(1, STEPS + 1):
        g = gradients(w, x, y)
        m = [0.9 * mi + 0.1 * gi for mi, gi in zip(m, g, strict=True)]
        v = [0.999 * vi + 0.001 * gi**2 for vi, gi in zip(v, g, strict=True)]
        shrink = [1 - LR * decay if p.ndim == 2 else 1.0 for p in w]
        w = [
            p * s - LR * (mi / (1 - 0.9**t)) / (np.sqrt(vi / (1 - 0.999**t)) + 1e-8)
            for p, s, mi, vi in zip(w, shrink, m, v, strict=True)
        ]
    return w


CASES = {
    "sgd": ({"name": "sgd"}, sgd),
    "momentum": ({"name": "sgd", "momentum": 0.9}, momentum),
    "nesterov": ({"name": "sgd", "momentum": 0.9, "nesterov": True}, lambda w, x, y: momentum(w, x, y, True)),
    "adam": ({"name": "adam"}, adam),
    "adamw": ({"name": "adamw", "l2": 0.3}, lambda w, x, y: adam(w, x, y, 0.3)),
}


@pytest.mark.parametrize("case", CASES)
def test_ten_steps_follow_the_chain_rule(case):
    optimizer, by_hand = CASES[case]
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
    config = Config.model_validate(
        {
            "name": "hand",
            "dataset": {"name": "diabetes"},
            "model": {"hidden": [5], "activation": "tanh"},
            "optimizer": {**optimizer, "lr": LR},
            "training": {"epochs": STEPS, "batch_size": "full"},
        }
    )
    context = build_context(
        config,
        Regression(("a", "b"), (0.0, 0.0), (1.0, 1.0)),
        TensorDataset(torch.tensor(x), torch.tensor(y)),
        TensorDataset(torch.tensor(x[:0]), torch.tensor(y[:0])),
    )
    start = [p.detach().numpy().copy() for p in context.model.parameters()]

    trained = train_model(context, new_state(context))

    for ours, theirs in zip(trained.model.parameters(), by_hand(start, x, y), strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs, rtol=0, atol=1e-10)
