from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from mlcli.data.tables.types import Column, Images, Table
from mlcli.evaluation import importance
from mlcli.evaluation.importance import measure_importance
from mlcli.metrics.catalog import Score
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression

MSE = Score("mse", 0.0, None, None, None, False, "y1²")
ACCURACY = Score("accuracy", 1.0, None, None, None, True, "")


def table(n_rows, names, lazy=False):
    values = np.random.default_rng(3).normal(size=(n_rows, len(names)))
    frame = pl.DataFrame({name: values[:, i] for i, name in enumerate(names)})
    return Table(frame.lazy() if lazy else frame, tuple(Column(name, "number") for name in names), ())


def answer(data):
    """3·a + b, whatever c is."""
    return number_predictions(3 * data.frame["a"].to_numpy() + data.frame["b"].to_numpy())


@pytest.mark.parametrize(("n_rows", "lazy"), [(300, False), (6000, True)])
def test_a_linear_model_loses_twice_the_variance_of_what_a_column_adds(n_rows, lazy):
    """Shuffling replaces w·x by w·x' of an independent row: the mean squared error becomes 2·w²·Var(x)."""
    data = table(n_rows, "cba", lazy)
    truth = answer(data).values
    found = measure_importance(regression(), data, truth, answer, MSE, seed=0)
    assert (found.metric, found.unit, found.n_rows) == ("mse", "y1²", min(n_rows, 2000))
    assert [column.name for column in found.columns] == ["a", "b", "c"]
    for column, weight in zip(found.columns, (3, 1, 0), strict=True):
        expected = 2 * weight**2 * data.frame[column.name].var()
        assert column.loss == pytest.approx(expected, rel=0.1)
        assert column.low <= expected <= column.high


def test_intervals_hold_what_all_rows_would_say_as_often_as_they_promise():
    """The expected loss is known: 2 for a column of unit weight and variance; 95 % of intervals hold it."""
    held = 0
    for seed in range(60):
        values = np.random.default_rng(seed).normal(size=(200, 1))
        data = Table(pl.DataFrame({"a": values[:, 0]}), (Column("a", "number"),), ())
        predict = lambda data: number_predictions(data.frame["a"].to_numpy())  # noqa: E731
        column = measure_importance(regression(), data, values, predict, MSE, seed).columns[0]
        held += column.low <= 2 <= column.high
    assert held >= 51


def test_classes_lose_accuracy():
    data = table(400, "ab")
    predict = lambda data: class_predictions(np.eye(2)[(data.frame["b"].to_numpy() > 0).astype(int)])  # noqa: E731
    found = measure_importance(classification(2), data, predict(data).values, predict, ACCURACY, seed=0)
    assert [column.name for column in found.columns] == ["b", "a"]
    assert found.columns[0].loss == pytest.approx(0.5, abs=0.05)
    assert found.columns[1].loss == 0


def test_the_same_seed_gives_the_same_numbers():
    data = table(50, "ab")
    one, two, other = (
        measure_importance(regression(), data, answer(data).values + 1, answer, MSE, s) for s in (1, 1, 2)
    )
    assert one == two != other


def test_rows_that_are_predicted_are_bounded(monkeypatch):
    monkeypatch.setattr(importance, "MAX_PREDICTED", 60)
    sizes = []

    def predict(data):
        sizes.append(len(data))
        return answer(data)

    data = table(300, "abc")
    measure_importance(regression(), data, answer(data).values, predict, MSE, seed=0)
    assert sizes == [20 * 4] * importance.N_REPEATS


@pytest.mark.parametrize(("data", "headline", "reason"), [
    (Images(np.zeros((2, 2, 2), np.uint8), None, ("a",)), ACCURACY, "images have no columns"),
    (table(3, "ab"), replace(MSE, value=None, reason="no rows"), "mse is undefined: no rows"),
    (table(3, [f"x{i}" for i in range(201)]), MSE, "201 columns are too many to shuffle one by one (at most 200)"),
])  # fmt: skip
def test_without_importances_there_is_a_reason(data, headline, reason):
    found = measure_importance(regression(), data, np.zeros((3, 1)), answer, headline, seed=0)
    assert (found.columns, found.reason) == ((), reason)
