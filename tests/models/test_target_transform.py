"""Transformed targets: what is learned, and predictions in the target's units."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm, rankdata
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression

from mlcli.config.sections.model import AutoLoss, HuberLoss, MlpConfig, QuantileLoss, RegressionLoss
from mlcli.data.tables.types import Column, Table
from mlcli.errors import ConfigError, DataError
from mlcli.metrics.scorer import build_scorer
from mlcli.models.fit_task import fit_task
from mlcli.models.task import task_from_json, task_to_json

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 2))
AMOUNTS = np.exp(3 + X @ [0.9, -0.4] + 0.6 * RNG.normal(size=400))
COUNTS = np.floor(AMOUNTS / 10)  # some are 0
SIGNED = X[:, 0] ** 3 + RNG.normal(size=400)
TARGETS = {"log": AMOUNTS, "log of zeros": COUNTS, "quantile": SIGNED, "quantile of ties": COUNTS}


def table_of(*columns):
    names = [f"y{i}" for i in range(len(columns))]
    kinds = tuple(Column(name, "number") for name in names)
    return Table(pl.DataFrame(dict(zip(names, columns, strict=True))), (), kinds)


def fitted(*columns, loss):
    return fit_task(table_of(*columns), "regression", MlpConfig(), loss)


def task_of(case, **loss):
    return fitted(TARGETS[case], loss=RegressionLoss(name="mse", target=case.split()[0], **loss))


def to_normal_scores(y):
    return norm.ppf((rankdata(y, axis=0) - 0.5) / len(y))


LEARNED = {"log": np.log, "log of zeros": np.log1p, "quantile": to_normal_scores, "quantile of ties": to_normal_scores}


@pytest.mark.parametrize("case", TARGETS)
def test_learned_numbers_are_standardised_and_every_number_comes_back(case):
    task, y = task_of(case), TARGETS[case]
    learned = LEARNED[case](y)
    encoded = task.encode(table_of(y))
    np.testing.assert_allclose(encoded[:, 0], (learned - learned.mean()) / learned.std(), rtol=1e-5, atol=1e-5)
    for numbers in (np.array([y.min() - 7, min(0.0, y.min()), y.min(), y.max(), y.max() + 70]), y):
        back = task.decode_targets(task.standardise(numbers[:, np.newaxis]))
        np.testing.assert_allclose(back[:, 0], numbers, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(back[:, 0] == 0, numbers == 0)


@pytest.mark.parametrize(("case", "inverse"), [("log", np.exp), ("log of zeros", np.expm1)])
def test_without_a_mean_predictions_are_those_of_scikit_learns_transformed_target_regressor(case, inverse):
    y = TARGETS[case]
    task = fitted(y, loss=RegressionLoss(name="mae", target="log"))
    peer = TransformedTargetRegressor(LinearRegression(), func=LEARNED[case], inverse_func=inverse).fit(X, y)
    outputs = LinearRegression().fit(X, task.encode(table_of(y))).predict(X)
    assert task.measure_smearing(outputs, task.encode(table_of(y))) is task
    np.testing.assert_allclose(task.decode(outputs).values[:, 0], peer.predict(X), rtol=1e-5)


@pytest.mark.parametrize("case", TARGETS)
def test_means_are_the_mean_over_the_residuals(case):
    task, y = task_of(case), TARGETS[case]
    encoded = task.encode(table_of(y))
    outputs = LinearRegression().fit(X, encoded).predict(X)
    corrected = task.measure_smearing(outputs, encoded)
    residuals = (encoded - outputs)[:, 0]
    every = task.decode((outputs + residuals).reshape(-1, 1)).values  # of each row with each residual
    expected = every.reshape(len(y), len(residuals)).mean(axis=1)
    got = corrected.decode(outputs).values[:, 0]
    np.testing.assert_allclose(got, expected, rtol=1e-6 if case.startswith("log") else 0.02, atol=2e-2 * y.std())
    plain = task.decode(outputs).values[:, 0]
    assert abs(got.mean() - y.mean()) < 0.3 * abs(plain.mean() - y.mean()) + 0.02 * y.std()


def test_means_of_lognormal_numbers_are_unbiased():
    """E exp(z + N(0, s²)) = exp(z + s²/2)."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=100_000)
    y = np.exp(z + 0.5 * rng.normal(size=len(z)))
    task = fitted(y, loss=AutoLoss(target="log"))
    own = task.transforms[0]
    outputs = ((z - own.mean) / own.std).reshape(-1, 1)
    corrected = task.measure_smearing(outputs, task.encode(table_of(y)))
    np.testing.assert_allclose(corrected.decode(outputs).values[:, 0], np.exp(z + 0.125), rtol=0.01)


@pytest.mark.parametrize(
    "loss", [HuberLoss(name="huber", target="log"), QuantileLoss(name="quantile", q=0.9, target="log")]
)
def test_other_losses_predict_no_mean(loss):
    assert fitted(AMOUNTS, loss=loss).smearing is None


@pytest.mark.parametrize("case", TARGETS)
def test_scores_are_in_the_targets_units(case):
    task, y = task_of(case), TARGETS[case]
    encoded = task.encode(table_of(y))
    outputs = np.float32(0.7) * encoded
    scores = build_scorer(task)(outputs, encoded)
    errors = task.measure_smearing(outputs, encoded).decode(outputs).values[:, 0] - y
    assert scores["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-5)
    assert scores["mae"] == pytest.approx(np.mean(np.abs(errors)), rel=1e-5)


def test_several_targets_have_transforms_of_their_own_and_json_keeps_them():
    task = fitted(AMOUNTS, COUNTS, loss=AutoLoss(target="log"))
    encoded = task.encode(table_of(AMOUNTS, COUNTS))
    corrected = task.measure_smearing(encoded * 0.5, encoded)
    assert [own.offset for own in task.transforms] == [0.0, 1.0]
    assert task_from_json(task_to_json(corrected), "here") == corrected
    single = corrected.of_target(1)
    np.testing.assert_array_equal(single.decode(encoded[:, 1:]).values[:, 0], corrected.decode(encoded).values[:, 1])


@pytest.mark.parametrize("case", TARGETS)
def test_a_constant_target(case):
    task = fitted(np.full(9, 3.0), loss=AutoLoss(target=case.split()[0]))
    assert not task.encode(table_of(np.full(9, 3.0))).any()
    assert task.decode(np.zeros((1, 1))).values[0, 0] == pytest.approx(3.0)


def test_refusals():
    with pytest.raises(DataError, match=r"'y0': loss.target log is for numbers of 0 or more; 2 of 3 .*lowest is -2"):
        fitted(np.array([-1.0, -2.0, 3.0]), loss=AutoLoss(target="log"))
    classes = Table(pl.DataFrame({"y": ["a", "b"]}), (), (Column("y", "category"),))
    with pytest.raises(ConfigError, match=r"loss.target: log is for regression"):
        fit_task(classes, "classification", MlpConfig(), AutoLoss(target="log"))
