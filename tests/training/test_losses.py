"""Losses against their formulas in NumPy."""

import numpy as np
import pytest
import torch
from scipy.special import xlogy
from sklearn.metrics import mean_poisson_deviance

from mlcli.config.sections.config import Config
from mlcli.config.sections.model import PoissonLoss
from mlcli.models.task import Classification, Regression
from mlcli.training.losses import build_cost, build_loss

CPU = torch.device("cpu")
BINARY = Classification("y", ("no", "yes"), (30, 10), "sigmoid", True)
STEP = Classification("y", ("no", "yes"), (30, 10), "step", False)
THREE = Classification("y", ("a", "b", "c"), (6, 3, 1), "softmax", True)
NUMBERS = Regression(("u", "v"), (0.0, 0.0), (1.0, 1.0))

COUNTS = Regression(("u", "v"), (0.0, 0.0), (1.0, 1.0), output="exp")
ONE_COUNT = COUNTS.of_target(0)
YC = np.array([[0.0, 3.0], [1.0, 0.5]])

Z = np.array([[1.5], [-0.3], [0.0], [2.0]])
Y = np.array([[1.0], [1.0], [0.0], [0.0]])
P = 1 / (1 + np.exp(-Z))
BCE = -(Y * np.log(P) + (1 - Y) * np.log(1 - P))
SIGN = 2 * Y - 1
ZK = np.array([[1.0, 2.0, -1.0], [0.0, 0.5, 0.2]])
YK = np.array([1, 2])
LOGP = ZK - np.log(np.exp(ZK).sum(axis=1, keepdims=True))
CE = -LOGP[[0, 1], YK]
ZR = np.array([[0.2, 3.0], [-1.0, 0.5]])
YR = np.array([[0.0, 0.0], [-1.5, 1.0]])
D = ZR - YR


def cost(config, task, z, y):
    loss = build_loss(Config.model_validate({"name": "x", "dataset": {"name": "iris"}, "loss": config}).loss, task, CPU)
    return loss(torch.tensor(z), torch.tensor(y)).item()


@pytest.mark.parametrize(
    ("config", "task", "z", "y", "expected"),
    [
        ({"name": "auto"}, BINARY, Z, Y, BCE.mean()),
        ({"name": "bce"}, BINARY, Z, Y, BCE.mean()),
        ({"name": "auto"}, THREE, ZK, YK, CE.mean()),
        ({"name": "auto"}, NUMBERS, ZR, YR, (D**2).mean()),
        ({"name": "auto"}, STEP, Z, Y, np.maximum(0, -SIGN * Z).mean()),
        ({"name": "mse"}, NUMBERS, ZR, YR, (D**2).mean()),
        ({"name": "mae"}, NUMBERS, ZR, YR, np.abs(D).mean()),
        (
            {"name": "huber", "delta": 0.4},
            NUMBERS,
            ZR,
            YR,
            np.where(np.abs(D) < 0.4, D**2 / 2, 0.4 * (np.abs(D) - 0.2)).mean(),
        ),
        ({"name": "quantile", "q": 0.9}, NUMBERS, ZR, YR, np.where(D < 0, -0.9 * D, 0.1 * D).mean()),
        ({"name": "poisson"}, COUNTS, ZR, YC, (np.exp(ZR) - YC * ZR + xlogy(YC, YC) - YC).mean()),
        ({"name": "poisson"}, COUNTS, np.log(YR + 2), YR + 2, 0.0),
        ({"name": "poisson"}, ONE_COUNT, ZR[:, :1], YC[:, :1], mean_poisson_deviance(YC[:, 0], np.exp(ZR[:, 0])) / 2),
        ({"name": "hinge"}, STEP, Z, Y, np.maximum(0, 1 - SIGN * Z).mean()),
        ({"name": "perceptron"}, STEP, Z, Y, np.maximum(0, -SIGN * Z).mean()),
        ({"name": "focal", "gamma": 2.0}, BINARY, Z, Y, ((1 - np.where(Y == 1, P, 1 - P)) ** 2 * BCE).mean()),
        ({"name": "focal", "gamma": 2.0}, THREE, ZK, YK, ((1 - np.exp(-CE)) ** 2 * CE).mean()),
        ({"name": "bce", "class_weights": "balanced"}, BINARY, Z, Y, (np.where(Y == 1, 2, 2 / 3) * BCE).mean()),
        ({"name": "auto", "class_weights": {"c": 5.0}}, THREE, ZK, YK, (np.array([1, 5]) * CE).mean()),
        (
            {"name": "cross_entropy", "label_smoothing": 0.3},
            THREE,
            ZK,
            YK,
            (0.7 * CE - 0.3 * LOGP.mean(axis=1)).mean(),
        ),
        (
            {"name": "bce", "label_smoothing": 0.2},
            BINARY,
            Z,
            Y,
            -((0.8 * Y + 0.1) * np.log(P) + (0.9 - 0.8 * Y) * np.log(1 - P)).mean(),
        ),
    ],
)
def test_cost(config, task, z, y, expected):
    assert cost(config, task, z, y) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_the_gradient_of_the_poisson_loss_by_hand():
    built = build_cost(PoissonLoss(name="poisson"), COUNTS, CPU)
    value, grad = built.value_and_grad(torch.tensor(ZR), torch.tensor(YC))
    assert value.item() == pytest.approx(cost({"name": "poisson"}, COUNTS, ZR, YC))
    np.testing.assert_allclose(grad, (np.exp(ZR) - YC) / YC.size)


def test_balanced_weights_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.repeat([0, 1], BINARY.counts)
    zero, one = compute_class_weight("balanced", classes=np.array([0, 1]), y=labels)
    config = {"name": "bce", "class_weights": "balanced"}
    assert cost(config, BINARY, np.zeros((1, 1)), np.zeros((1, 1))) == pytest.approx(zero * np.log(2))
    assert cost(config, BINARY, np.zeros((1, 1)), np.ones((1, 1))) == pytest.approx(one * np.log(2))


def test_the_perceptron_moves_from_zero_weights():
    z = torch.zeros(2, 1, requires_grad=True)
    config = Config.model_validate({"name": "x", "dataset": {"name": "iris"}, "loss": {"name": "perceptron"}})
    build_loss(config.loss, STEP, CPU)(z, torch.tensor([[1.0], [0.0]])).backward()
    assert z.grad.tolist() == [[-0.5], [0.5]]
