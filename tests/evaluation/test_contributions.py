"""Shapley values against the definition by brute force, against closed forms, and that all of them add up."""

from itertools import permutations

import numpy as np
import polars as pl
import pytest

from mlcli.data.tables.types import Column, Images, Table
from mlcli.errors import UsageError
from mlcli.evaluation import shapley
from mlcli.evaluation.shapley import draw_background, explain_rows, name_parts, patch_of_pixels
from mlcli.reporter import Silent
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression


def table(values):
    names = [f"x{i}" for i in range(values.shape[1])]
    return Table(pl.DataFrame(values, schema=names), tuple(Column(name, "number") for name in names), ())


def numbers(n_rows, n_columns, seed):
    return np.random.default_rng(seed).normal(size=(n_rows, n_columns))


def explain(function, x, background, task=None, predictions=number_predictions):
    predict = lambda data: predictions(function(data.frame.to_numpy()))  # noqa: E731
    return explain_rows(task or regression(), table(x), table(background), predict, 0, Silent())


def brute_force(function, x, background):
    """The mean over all orders and background rows of what each column changes, (n, d)."""
    values = np.zeros_like(x)
    orders = list(permutations(range(x.shape[1])))
    for row, order in ((row, order) for row in range(len(x)) for order in orders):
        mixed = background.copy()
        before = function(mixed)
        for column in order:
            mixed[:, column] = x[row, column]
            after = function(mixed)
            values[row, column] += (after - before).mean() / len(orders)
            before = after
    return values


def curved(x):
    return np.tanh(x @ np.arange(1, x.shape[1] + 1)) + x[:, 0] * x[:, 1] * x[:, -1]


def in_pairs(x):
    return x[:, 0] * x[:, 1] + np.sin(x[:, 2]) * x[:, -1] + x[:, 3]


@pytest.mark.parametrize(("function", "n_columns"), [(curved, 2), (curved, 4), (curved, 5), (in_pairs, 7)])
def test_values_are_those_of_the_definition(function, n_columns):
    """Few columns by all subsets; more by orders and their reverses, which is exact for interactions of two."""
    x, background = numbers(3, n_columns, 0), numbers(4, n_columns, 1)
    found = explain(function, x, background)
    assert found.values[:, :, 0] == pytest.approx(brute_force(function, x, background), abs=1e-12)
    assert found.base == pytest.approx(function(background).mean())


def test_random_orders_are_near_the_definition():
    x, background = numbers(3, 7, 0), numbers(100, 7, 1)
    expected = brute_force(curved, x, background)
    assert np.abs(explain(curved, x, background).values[:, :, 0] - expected).max() < 0.25 * np.abs(expected).max()


@pytest.mark.parametrize("n_columns", [1, 6, 9])
def test_of_a_linear_model_each_column_adds_its_weight_times_its_distance_from_the_mean(n_columns):
    weights = np.arange(1.0, n_columns + 1)
    x, background = numbers(5, n_columns, 2), numbers(6, n_columns, 3)
    found = explain(lambda rows: rows @ weights, x, background)
    assert found.values[:, :, 0] == pytest.approx(weights * (x - background.mean(axis=0)), abs=1e-12)


@pytest.mark.parametrize("n_columns", [1, 3, 8, 40])
@pytest.mark.parametrize("k", [1, 3, 50])
def test_written_numbers_add_up_to_the_output(n_columns, k):
    x, scale = numbers(20, n_columns, 4), 10.0 ** np.arange(-10, 10)
    found = explain(lambda rows: curved(np.c_[rows, rows[:, :1]]), x, numbers(10, n_columns, 5))
    assert found.values.sum(axis=1) == pytest.approx(found.output - found.base, abs=1e-12)
    found.values[:], found.output[:], found.base[:] = (
        part * scale.reshape(-1, *[1] * (part.ndim - 1)) for part in (found.values, found.output, found.base)
    )
    frame = found.frame(k)
    parts = [name for name in frame.columns if "contribution" in name]
    assert len(parts) == min(k, n_columns)
    total = frame.select(pl.sum_horizontal("explain_base", "explain_others", *parts)).to_series().to_numpy()
    assert total / scale == pytest.approx(frame["explain_output"].to_numpy() / scale, abs=1e-14)
    assert frame["explain_output"].to_numpy() == pytest.approx(found.output[:, 0], rel=1e-7)
    sizes = np.abs(frame.select(parts).to_numpy())
    assert (np.diff(sizes, axis=1) <= 1e-7 * sizes[:, :1]).all()
    if k >= n_columns:
        assert (frame["explain_others"] == 0).all()
    document = found.to_json(k)["rows"][7]
    assert document["base"] + document["others"] + sum(
        one["contribution"] for one in document["contributions"]
    ) == pytest.approx(document["output"], rel=1e-14)


def test_two_classes_explain_the_second_and_more_the_predicted_one():
    def softmax(logits):
        shares = np.exp(logits)
        return class_predictions(shares / shares.sum(axis=1, keepdims=True))

    x, background = numbers(12, 3, 6), numbers(8, 3, 7)
    two = explain(lambda rows: rows[:, :2], x, background, classification(2), softmax)
    assert two.quantity == "probability of 'b'"
    assert two.output[:, 0] == pytest.approx(softmax(x[:, :2]).probabilities[:, 1])
    three = explain(lambda rows: rows, x, background, classification(3), softmax)
    shares = softmax(x).probabilities
    assert three.quantity == "probability of the predicted class"
    assert three.output[:, 0] == pytest.approx(shares.max(axis=1))
    base = softmax(background).probabilities.mean(axis=0)
    assert three.base[:, 0] == pytest.approx(base[shares.argmax(axis=1)])
    assert three.values.sum(axis=1) == pytest.approx(three.output - three.base)


def test_each_of_several_targets_is_explained():
    x, background = numbers(4, 2, 8), numbers(5, 2, 9)
    found = explain(lambda rows: np.c_[rows[:, 0], 3 * rows[:, 1]], x, background, regression(2))
    assert found.values == pytest.approx(
        np.stack([np.eye(2)[i] * [1, 3][i] * (x - background.mean(axis=0)) for i in (0, 1)], axis=2)
    )
    assert found.frame(1)["explain_column_1_y2"].to_list() == ["x1"] * 4
    assert [row["target"] for row in found.to_json(1)["rows"][:2]] == ["y1", "y2"]


def test_an_image_is_explained_by_its_patches():
    """The mean of a linear model's pixels: each patch adds its pixels less those of the background."""
    rng = np.random.default_rng(0)
    pixels, others = rng.integers(0, 256, (3, 30, 20, 1)), rng.integers(0, 256, (4, 30, 20, 1))
    images, background = (Images(own.astype(np.uint8), None, ("a",)) for own in (pixels, others))
    weights = rng.normal(size=(30, 20, 1))
    predict = lambda data: number_predictions((data.pixels * weights).sum(axis=(1, 2, 3)))  # noqa: E731
    found = explain_rows(regression(), images, background, predict, 0, Silent())
    patches, added = patch_of_pixels(images), (weights * (pixels - others.mean(axis=0)))[..., 0]
    assert name_parts(images)[patches[29, 19]] == "rows 28-30, columns 19-20"
    expected = np.stack([added[:, patches == patch].sum(axis=1) for patch in range(len(found.names))], axis=1)
    assert found.values[:, :, 0] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("n_columns", [3, 8])
def test_rows_compared_with_few_background_rows_add_up_and_are_exact_without_interactions(monkeypatch, n_columns):
    """Of a sum of functions of one column each: the function at the row less its mean over the background."""
    monkeypatch.setattr(shapley, "PREDICTIONS", 0)
    x, background = numbers(200, n_columns, 0), numbers(20, n_columns, 1)
    found = explain(lambda rows: np.sin(rows).sum(axis=1), x, background)
    assert found.values[:, :, 0] == pytest.approx(np.sin(x) - np.sin(background).mean(axis=0), abs=1e-12)
    found = explain(curved, x, background)
    assert found.values.sum(axis=1) == pytest.approx(found.output - found.base, abs=1e-12)
    assert found.base == pytest.approx(curved(background).mean())


def test_rows_compared_with_few_background_rows_are_near_the_definition(monkeypatch):
    """Of each row with chance, in the mean of many alike without."""
    x, background = numbers(1, 4, 0), numbers(20, 4, 1)
    expected = brute_force(curved, x, background)
    monkeypatch.setattr(shapley, "PREDICTIONS", 0)
    found = explain(curved, np.repeat(x, 200, axis=0), background).values[:, :, 0]
    assert 0 < found.std(axis=0).max() < 0.5 * np.abs(expected).max()
    assert found.mean(axis=0) == pytest.approx(expected[0], abs=4 * found.std(axis=0).max() / np.sqrt(200))


def test_the_predicted_class_is_explained_from_few_background_rows(monkeypatch):
    monkeypatch.setattr(shapley, "PREDICTIONS", 0)
    x, background = numbers(90, 3, 6), numbers(20, 3, 7)
    found = explain(lambda rows: rows, x, background, classification(3), class_predictions)
    best = x.argmax(axis=1)
    assert found.output[:, 0] == pytest.approx(x.max(axis=1))
    assert found.values[:, :, 0] == pytest.approx(np.eye(3)[best] * (x - background.mean(axis=0)), abs=1e-12)


def test_too_many_rows_are_refused_with_the_number_that_is_not(monkeypatch):
    monkeypatch.setattr(shapley, "PREDICTIONS", 0)
    monkeypatch.setattr(shapley, "MAX_CELLS", 14 * 8 * (5 * 2 + 8 * 7 // 2))
    with pytest.raises(UsageError, match=r"6 rows of 8 columns would take too long; give a file of at most 5"):
        explain(curved, numbers(6, 8, 0), numbers(8, 8, 1))
    with pytest.raises(UsageError, match="rows of 40 columns are too large"):
        explain(curved, numbers(6, 40, 0), numbers(5, 40, 1))


def test_background_rows_are_fewer_where_columns_are_many():
    assert [len(draw_background(table(numbers(300, 2, 0)), d, 0)) for d in (1, 5, 6, 8, 40, 5000)] == [
        64,
        64,
        49,
        64,
        43,
        10,
    ]
