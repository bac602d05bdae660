"""configs/level0.yaml against the arithmetic of a network written by hand, and what its keys mean for others."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mlcli.config.loading.load import load_config
from mlcli.reporter import Silent
from mlcli.training.context import build_context
from mlcli.training.datasets import TensorDataset
from mlcli.training.inputs import gather_inputs
from mlcli.training.loop import new_state, optimizer_step, outputs_of, take_batch, train_model
from tests.training.contexts import make_context

LEVEL0 = Path(__file__).parents[2] / "configs" / "level0.yaml"


def write_idx(path, array):
    shape = b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + shape + array.tobytes())


@pytest.fixture
def level0(tmp_path, monkeypatch):
    """The context of the config on IDX files with four classes of 5 × 6 pixels, in float64."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    images, labels = rng.integers(0, 256, (80, 5, 6), np.uint8), rng.integers(0, 4, 80).astype(np.uint8)
    write_idx(tmp_path / "images", images)
    write_idx(tmp_path / "labels", labels)
    data = "dataset={name: idx, images: images, labels: labels, keep: [0, 3], split: {valid: 0, test: 0}}"
    config = load_config(LEVEL0, [data, "model.hidden=[60]"])
    inputs = gather_inputs(config, Silent())
    train, valid = (TensorDataset(rows.x.double(), rows.y.double()) for rows in inputs.training_arrays())
    kept = np.isin(labels, [0, 3])
    x, y = images[kept].reshape(-1, 30) / 255, labels[kept, None] == 3
    return build_context(config, inputs.task, train, valid, inputs.features.layout), x, y.astype(float)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def descend(x, y, w1, b1, w2, b2, rate):
    """One step of gradient descent on Σ (p − y)²: the sum before it, and the parameters after it."""
    hidden = sigmoid(x @ w1.T + b1)
    p = sigmoid(hidden @ w2.T + b2)
    out = 2 * (p - y) * p * (1 - p)
    back = (out @ w2) * hidden * (1 - hidden)
    slopes = back.T @ x, back.sum(axis=0), out.T @ hidden, out.sum(axis=0)
    moved = [value - rate * slope for value, slope in zip((w1, b1, w2, b2), slopes, strict=True)]
    return ((p - y) ** 2).sum(), moved


def test_level0_equals_numpy_in_every_step(level0):
    context, x, y = level0
    np.testing.assert_allclose(np.sort(context.train.x.numpy().sum(axis=1)), np.sort(x.sum(axis=1)), atol=1e-4)
    x, y = context.train.x.numpy(), context.train.y.numpy()
    assert 10 < y.sum() < len(y) - 10
    ours, state = list(context.model.parameters()), new_state(context)
    theirs = [parameter.detach().numpy().copy() for parameter in ours]
    assert -1 <= theirs[0].min() < -0.99
    assert 0.99 < theirs[0].max() <= 1
    assert not theirs[1].any()
    for _ in range(20):
        loss, theirs = descend(x, y, *theirs, 0.001)
        state.batch = 0
        optimizer_step(context, state, take_batch(context, None, 0))
        assert state.losses.item() * len(x) == pytest.approx(loss, rel=1e-5)  # losses are kept in float32
        for own, expected in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(own.detach().numpy(), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    "sections",
    [
        {"loss": {"name": "cross_entropy"}},
        {"loss": {"name": "bce", "class_weights": "balanced", "label_smoothing": 0.1}},
        {"loss": {"name": "mse"}, "model": {"output": "sigmoid"}},
        {"loss": {"name": "focal"}, "model": {"hidden": [5], "norm": "layer"}},
        {"loss": {"name": "hinge"}, "training": {"batch_size": 20}},
        {"kind": "regression", "loss": {"name": "mae"}, "model": {"hidden": [5], "dropout": 0.2}},
        {"kind": "counts", "loss": {"name": "poisson"}},
        {"loss": {"name": "auto"}, "model": {"name": "tabm", "members": 3, "hidden": [5]}},
    ],
    ids=str,
)
def test_a_sum_is_the_mean_times_the_rows_of_a_step(sections):
    """Of gradient descent: sums with lr / n and a penalty of l move as means with lr and l / n."""
    training = {"batch_size": "full", "epochs": 3, "shuffle": False, **sections.pop("training", {})}
    n = 60 if training["batch_size"] == "full" else 20
    loss = sections.pop("loss")
    mean, total = (
        make_context(
            training=training, loss={**loss, "reduction": reduction},
            optimizer={"name": "sgd", "lr": lr, "momentum": 0.5, "l1": l1, "l2": l1}, **sections,
        )
        for reduction, lr, l1 in (("mean", 0.1, 0.01 / n), ("sum", 0.1 / n, 0.01))
    )  # fmt: skip
    results = [train_model(context, new_state(context)) for context in (mean, total)]
    torch.testing.assert_close(outputs_of(mean, mean.train.x), outputs_of(total, total.train.x), rtol=1e-4, atol=1e-5)
    assert [one.train_loss for one in results[0].state.history] == pytest.approx(
        [one.train_loss for one in results[1].state.history], rel=1e-4
    )


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_lbfgs_finds_the_ridge_of_the_reduction(reduction):
    """Minimum of Σ (xw + b − y)² + l2/2 · w², with the sum divided by n for the mean."""
    context = make_context(
        "regression", model={"hidden": []}, loss={"name": "mse", "reduction": reduction},
        optimizer={"name": "lbfgs", "l2": 3.0}, training={"batch_size": "full", "epochs": 30},
    )  # fmt: skip
    train_model(context, new_state(context))
    x, y = context.train.x.numpy().astype(float), context.train.y.numpy().astype(float)
    weight = 2 / (len(x) if reduction == "mean" else 1)
    centred = x - x.mean(axis=0)
    expected = np.linalg.solve(weight * centred.T @ centred + 3 * np.eye(4), weight * centred.T @ (y - y.mean(axis=0)))
    np.testing.assert_allclose(context.model.output.weight.detach().numpy().T, expected, atol=1e-4)
