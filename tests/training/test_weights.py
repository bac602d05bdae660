"""Trainings on rows with weights: as on rows that are there several times, and as scikit-learn fits them."""

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlcli.config.sections.config import Config
from mlcli.data.tables.types import Column, Table
from mlcli.errors import DataError
from mlcli.io.row_file import RowFile
from mlcli.models.fit_task import class_weights, fit_task
from mlcli.training.context import build_context
from mlcli.training.datasets import FileDataset, TensorDataset
from mlcli.training.loop import new_state, outputs_of, row_order, score, take_batch, train_model

N = 24
X = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
TIMES = np.random.default_rng(1).integers(1, 4, size=N)
NUMBERS = (np.abs(X @ [1.0, -2.0, 0.5]) + np.random.default_rng(2).random(N)).astype(float)
CLASSES = np.where(NUMBERS + np.random.default_rng(3).normal(size=N) > 1.5, "yes", "no").tolist()
THREE = [f"c{k}" for k in np.digitize(NUMBERS, [1, 2])]
LONG = {"optimizer": {"name": "lbfgs"}, "training": {"epochs": 60, "batch_size": "full"}}


def make(labels, weights=None, times=1, **sections):
    """A context of these rows, each `times` times."""
    training = {"batch_size": "full", "epochs": 3} | sections.pop("training", {})
    values = {"name": "x", "dataset": {"name": "iris"}, "model": {"hidden": [5]}, "training": training} | sections
    config = Config.model_validate(values)
    kind = "category" if isinstance(labels[0], str) else "number"
    table = Table(pl.DataFrame({"y": labels}), (), (Column("y", kind),), weights=weights)
    places = np.repeat(np.arange(N), times)
    table = table.with_rows(table.frame[places], places)
    task = fit_task(table, "classification" if kind == "category" else "regression", config.model, config.loss)
    rows = TensorDataset.of(X[places], task.encode(table), table.weights)
    return build_context(config, task, rows, rows), task


def trained(*arguments, **sections):
    context, task = make(*arguments, **sections)
    history = train_model(context, new_state(context)).state.history
    parameters = torch.cat([parameter.detach().reshape(-1) for parameter in context.model.parameters()])
    return parameters.numpy(), history, task


CASES = {
    "mse, sgd": (NUMBERS, {"optimizer": {"name": "sgd", "momentum": 0.5}}),
    "mae, adam": (NUMBERS, {"loss": {"name": "mae"}}),
    "huber, lbfgs": (NUMBERS, {"loss": {"name": "huber"}, "optimizer": {"name": "lbfgs"}, "model": {"hidden": []}}),
    "quantile, muon": (NUMBERS, {"loss": {"name": "quantile", "q": 0.3}, "optimizer": {"name": "muon"}}),
    "poisson": (np.floor(NUMBERS), {"loss": {"name": "poisson"}}),
    "sum": (NUMBERS, {"loss": {"name": "mse", "reduction": "sum"}, "optimizer": {"name": "sgd", "lr": 0.01}}),
    "bce, clipped": (CLASSES, {"training": {"clip_norm": 0.1}, "optimizer": {"name": "sgd"}}),
    "balanced": (CLASSES, {"loss": {"name": "bce", "class_weights": "balanced"}}),
    "smoothed": (THREE, {"loss": {"name": "cross_entropy", "label_smoothing": 0.1}}),
    "focal": (THREE, {"loss": {"name": "focal"}}),
    "hinge": (CLASSES, {"loss": {"name": "hinge"}}),
    "perceptron": (CLASSES, {"loss": {"name": "perceptron"}, "model": {"hidden": [], "output": "step"}}),
    "silu": (CLASSES, {"model": {"hidden": [5], "activation": "silu"}}),
    "tabm": (CLASSES, {"model": {"name": "tabm", "hidden": [5], "members": 3}}),
    "tabm, silu": (CLASSES, {"model": {"name": "tabm", "hidden": [5], "members": 3, "activation": "silu"}}),
    "shards": (CLASSES, {"training": {"shards": 4}}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_weight_is_as_good_as_so_many_rows(case):
    labels, sections = CASES[case]
    weighted, history, _ = trained(labels, TIMES * 0.5 if case != "sum" else TIMES * 1.0, **sections)
    repeated, expected, _ = trained(labels, None, TIMES, **sections)
    np.testing.assert_allclose(weighted, repeated, rtol=2e-4, atol=2e-5)
    for one, other in zip(history, expected, strict=True):
        assert (one.train_loss, one.valid_loss) == pytest.approx((other.train_loss, other.valid_loss), rel=1e-4)
        assert one.valid_metrics == pytest.approx(other.valid_metrics, rel=1e-4)


@pytest.mark.parametrize("labels", [NUMBERS, CLASSES, THREE], ids=["numbers", "two", "three"])
def test_equal_weights_change_nothing_but_rounding(labels):
    batches = {"training": {"batch_size": 7, "epochs": 2}, "model": {"hidden": [5], "dropout": 0.2}}
    plain, history, task = trained(labels, None, **batches)
    same, expected, other = trained(labels, np.full(N, 3.0), **batches)
    np.testing.assert_allclose(same, plain, rtol=1e-5, atol=1e-6)
    assert [one.valid_loss for one in history] == pytest.approx([one.valid_loss for one in expected], rel=1e-5)
    assert getattr(task, "classes", task) == getattr(other, "classes", other)


def test_batches_take_the_weights_of_their_rows():
    context, _ = make(NUMBERS, TIMES * 1.0, training={"batch_size": 5})
    order = row_order(context, 0)
    for batch in range(context.steps_per_epoch):
        rows = take_batch(context, order, batch)
        places = [int(np.flatnonzero((x == X).all(axis=1))[0]) for x in rows.x.numpy()]
        np.testing.assert_allclose(rows.weights.numpy(), (TIMES / TIMES.mean())[places], rtol=1e-6)


def test_rows_of_a_file_keep_their_weights(tmp_path):
    context, task = make(NUMBERS, TIMES * 1.0, training={"batch_size": 5})
    path = tmp_path / "x.npy"
    np.save(path, X)
    filed = FileDataset(RowFile.open(path, 3), context.train.y, torch.from_numpy(TIMES * 1.0))
    on_disk = build_context(context.config, task, filed, context.valid)
    order, seen = row_order(on_disk, 0), []
    for batch in range(on_disk.steps_per_epoch):
        rows = take_batch(on_disk, order, batch)
        places = [int(np.flatnonzero((x == X).all(axis=1))[0]) for x in rows.x.numpy()]
        np.testing.assert_allclose(rows.weights.numpy(), (TIMES / TIMES.mean())[places], rtol=1e-6)
        seen += places
    assert sorted(seen) == list(range(N))


def test_logistic_regression_is_scikit_learns():
    weights = np.random.default_rng(5).exponential(size=N) * 100
    context, task = make(CLASSES, weights, model={"hidden": []}, **LONG)
    train_model(context, new_state(context))
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X, CLASSES, weights)
    outputs = outputs_of(context, torch.from_numpy(X)).numpy()[:, 0]
    np.testing.assert_allclose(outputs, fitted.decision_function(X), rtol=5e-3, atol=5e-3)
    losses = -np.log(fitted.predict_proba(X)[np.arange(N), [task.classes.index(name) for name in CLASSES]])
    assert score(context, context.valid)[0] == pytest.approx(np.average(losses, weights=weights), rel=1e-4)


def test_linear_regression_is_scikit_learns():
    weights = np.random.default_rng(6).exponential(size=N)
    weights[:3] = 0
    context, task = make(NUMBERS, weights, model={"hidden": []}, **LONG)
    train_model(context, new_state(context))
    values = task.decode(outputs_of(context, torch.from_numpy(X)).numpy()).values[:, 0]
    fitted = LinearRegression().fit(X, NUMBERS, weights).predict(X)
    np.testing.assert_allclose(values, fitted, rtol=1e-4, atol=1e-4)
    squared = np.average((fitted - NUMBERS) ** 2, weights=weights)
    assert score(context, context.valid)[1]["rmse"] == pytest.approx(squared**0.5, rel=1e-5)


def test_what_is_fitted_to_the_target_counts_the_weights():
    _, numbers = make(NUMBERS, TIMES * 1.0)
    _, many = make(NUMBERS, None, TIMES)
    assert (numbers.mean, numbers.std) == (pytest.approx(many.mean), pytest.approx(many.std))
    loss = {"loss": {"name": "quantile", "q": 0.7}}
    assert make(NUMBERS, TIMES * 1.0, **loss)[1].constant == make(NUMBERS, None, TIMES, **loss)[1].constant
    (_, classes), (_, repeated) = make(THREE, TIMES * 1.0), make(THREE, None, TIMES)
    assert sum(classes.counts) == N
    assert np.array(classes.sizes) * TIMES.mean() == pytest.approx(repeated.sizes)
    balanced = Config.model_validate(
        {"name": "x", "dataset": {"name": "iris"}, "loss": {"name": "cross_entropy", "class_weights": "balanced"}}
    ).loss
    assert class_weights(balanced, classes) == pytest.approx(class_weights(balanced, repeated))


@pytest.mark.parametrize("target", ["log", "quantile"])
def test_means_of_transformed_numbers_count_the_weights(target):
    _, task = make(NUMBERS, None, loss={"name": "mse", "target": target})
    rng = np.random.default_rng(8)
    outputs, y, times = rng.normal(size=(400, 1)), rng.normal(size=(400, 1)), rng.integers(4, size=400)
    weighted = task.measure_smearing(outputs, y, times * 0.3).smearing[0]
    many = task.measure_smearing(outputs.repeat(times, 0), y.repeat(times, 0)).smearing[0]
    assert weighted == pytest.approx(many, abs=1e-9 if target == "log" else 0.1)
    assert task.measure_smearing(outputs, y, np.ones(400)).smearing[0] == pytest.approx(
        task.measure_smearing(outputs, y).smearing[0]
    )


def test_weights_of_0_alone_are_refused():
    rows = TensorDataset(torch.zeros(3, 2), torch.zeros(3, 1), torch.zeros(3))
    with pytest.raises(DataError, match="the weights of 3 rows that belong together are all 0"):
        rows.normalised()
