"""Effects of functions whose effects are known."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from mlcli.data.tables.types import Column, Images, Table
from mlcli.evaluation.effects import measure_effects
from mlcli.evaluation.importance import Importance, Importances
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(2000, 3))
LETTERS = RNG.choice(list("abbccc"), size=2000).tolist()


def table(**kinds):
    """Columns of NUMBERS and LETTERS by name and kind."""
    numbers = iter(NUMBERS.T)
    cells = {name: LETTERS if kind == "category" else next(numbers) for name, kind in kinds.items()}
    return Table(pl.DataFrame(cells), tuple(Column(name, kind) for name, kind in kinds.items()), ())


def effects(data, function, task=None, predictions=number_predictions, seed=0):
    predict = lambda data: predictions(function(data.frame))  # noqa: E731
    importances = Importances("rmse", "", 9, tuple(Importance((own.name,), 1.0, 0.5, 1.5) for own in data.features))
    return measure_effects(task or regression(), data, predict, importances, seed)


def column(frame, name):
    return frame[name].to_numpy()


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e9])
def test_those_of_a_linear_model_are_lines_with_its_slopes_through_0_at_the_mean(scale):
    found = effects(table(x="number", y="number"), lambda frame: scale * (3 * column(frame, "x") - column(frame, "y")))
    for effect, slope in zip(found.columns, (3, -1), strict=True):
        at = np.array(effect.at)
        inside = NUMBERS[:, {"x": 0, "y": 1}[effect.column]]
        assert np.diff(effect.mean) == pytest.approx(scale * slope * np.diff(at))
        assert np.interp(0, effect.mean[:: np.sign(slope)], at[:: np.sign(slope)]) == pytest.approx(
            inside[(inside >= at[0]) & (inside <= at[-1])].mean(), abs=0.05
        )
        assert effect.low == pytest.approx(effect.mean)
        assert effect.high == pytest.approx(effect.mean)
    assert (found.n_rows, found.pair, found.reason) == (1000, None, None)


def test_additive_functions_do_not_interact_whatever_their_shape():
    def additive(frame):
        jump = np.where(frame["k"] == "a", 5.0, 0.0)
        return np.sin(3 * column(frame, "x")) + np.exp(column(frame, "y")) + jump

    found = effects(table(x="number", y="number", k="category"), additive)
    assert found.pair is None
    for effect in found.columns:
        assert effect.low == pytest.approx(effect.mean)
    by_level = dict(zip(found.columns[2].at, found.columns[2].mean, strict=True))
    assert by_level["a"] - by_level["b"] == pytest.approx(5)
    assert by_level["b"] == pytest.approx(by_level["c"])


def test_the_local_effect_leaves_correlated_columns_apart():
    """Where y = x nearly, a mean of predictions with y's own cells would be no different; one over y's would be."""
    x = NUMBERS[:, 0]
    data = Table(
        pl.DataFrame({"x": x, "y": x + 0.01 * NUMBERS[:, 1]}), (Column("x", "number"), Column("y", "number")), ()
    )
    found = effects(
        data, lambda frame: column(frame, "x") + 1000.0 * (abs(column(frame, "x") - column(frame, "y")) > 1.5)
    )
    (first, _) = found.columns
    assert np.ptp(first.mean) == pytest.approx(np.ptp(first.at))


@pytest.mark.parametrize(("function", "share"), [
    (lambda x, y, z: x * y, 1.0),
    # Of unit variances: xy, of variance 1, beside x + y, of variance 2.
    (lambda x, y, z: x + y + x * y + 0.1 * z, 1 / 3),
])  # fmt: skip
def test_a_product_interacts_as_much_as_its_variance_says(function, share):
    data = table(x="number", y="number", z="number")
    found = effects(data, lambda frame: function(*(column(frame, name) for name in "xyz")))
    assert set(found.pair.columns) == {"x", "y"}
    assert found.pair.share == pytest.approx(share, abs=0.08)
    assert np.shape(found.pair.mean) == (8, 8)
    one = found.columns[0]
    spread = np.array(one.high) - np.array(one.low)
    assert spread[0] > 1
    assert spread[-1] > 1
    assert spread.min() < 0.5


def test_a_number_that_acts_in_one_category_only_interacts_with_it():
    found = effects(table(x="number", k="category"), lambda frame: column(frame, "x") * (frame["k"] == "a").to_numpy())
    assert (found.pair.columns, found.pair.kinds) == (("x", "k"), ("number", "category"))
    means = np.array(found.pair.mean, dtype=float)
    slopes = np.ptp(means, axis=0) / np.ptp(found.pair.at[0])
    assert dict(zip(found.pair.at[1], slopes, strict=True)) == pytest.approx({"a": 1, "b": 0, "c": 0})


def test_a_pair_without_rows_has_no_mean():
    data = Table(pl.DataFrame({"x": NUMBERS[:, 0], "y": NUMBERS[:, 0]}), table(x="number", y="number").features, ())
    found = effects(data, lambda frame: column(frame, "x") ** 2 * column(frame, "y"))
    if found.pair is not None:
        assert [[one is not None for one in row] for row in found.pair.mean] == np.eye(8, dtype=bool).tolist()
    found = effects(data, lambda frame: column(frame, "x") * column(frame, "y"))
    assert found.pair is None  # on the diagonal x · y is a function of x


def test_the_class_that_a_column_moves_most_is_named():
    def shares(frame):
        moved = 0.2 + 0.4 * (column(frame, "x") > 0)
        return np.column_stack([(0.9 - moved) / 2 + 0.1 * (column(frame, "y") > 0), (0.9 - moved) / 2, moved])

    data = table(x="number", y="number")
    three = effects(data, shares, classification(3), class_predictions)
    assert [own.output for own in three.columns] == ["probability of 'c'", "probability of 'a'"]
    assert np.ptp(three.columns[0].mean) == pytest.approx(0.4)
    two = effects(data, lambda frame: shares(frame)[:, 1:], classification(2), class_predictions)
    assert {own.output for own in two.columns} == {"probability of 'b'"}
    scores = effects(data, lambda frame: shares(frame)[:, 1:], classification(2, has_probabilities=False), no_shares)
    assert scores.columns[0].output == "score of 'b'"


def no_shares(values):
    return type(class_predictions(values))(values.argmax(axis=1), None, values[:, 1:])


def test_targets_of_unlike_units_are_compared_by_their_deviations():
    def both(frame):
        x, y = column(frame, "x"), column(frame, "y")
        return np.column_stack([x + 0.1 * y, 1e6 * (0.1 * x + y)])

    found = effects(table(x="number", y="number"), both, regression(2))
    assert [own.output for own in found.columns] == ["prediction of y1", "prediction of y2"]


def test_booleans_dates_and_missing_cells():
    start = datetime(2024, 1, 1)
    days = RNG.integers(0, 400, size=2000)
    cells = {
        "day": pl.Series([start + timedelta(days=int(own)) for own in days], dtype=pl.Datetime("us")),
        "flag": pl.Series(RNG.random(2000) < 0.5),
        "k": pl.Series([None if own == "a" else own for own in LETTERS]),
        "x": pl.Series(np.where(days < 40, np.nan, NUMBERS[:, 0])).fill_nan(None),
    }
    kinds = ("date", "boolean", "category", "number")
    data = Table(pl.DataFrame(cells), tuple(map(Column, cells, kinds)), ())

    def known(frame):
        since = (frame["day"] - start).dt.total_days().to_numpy()
        return since / 10 + 2 * frame["flag"].to_numpy() + 3 * frame["k"].is_null().to_numpy()

    day, flag, k, x = effects(data, known).columns
    at = [(datetime.fromisoformat(own) - start).days for own in day.at]
    assert np.diff(day.mean) == pytest.approx(np.diff(at) / 10)
    changes = dict(zip(flag.at, flag.mean, strict=True))
    assert changes["true"] - changes["false"] == pytest.approx(2)
    changes = dict(zip(k.at, k.mean, strict=True))
    assert changes[None] - changes["b"] == pytest.approx(3)
    assert x.mean == pytest.approx(np.zeros(len(x.at)))


@pytest.mark.parametrize("n_rows", [1, 2, 15])
def test_few_rows_have_short_curves_or_none(n_rows):
    data = table(x="number").part(0, n_rows)
    found = effects(data, lambda frame: 2 * column(frame, "x"))
    if n_rows == 1:
        assert (found.columns, found.reason) == ((), "no column is important, or those that are do not vary")
    else:
        (effect,) = found.columns
        assert np.diff(effect.mean) == pytest.approx(2 * np.diff(effect.at))


def test_of_related_columns_the_two_of_the_largest_effects_are_shown():
    data = table(x="number", y="number", z="number")
    importances = Importances("rmse", "", 9, (Importance(("x", "y", "z"), 1.0, 0.5, 1.5),))
    predict = lambda data: number_predictions(data.frame.to_numpy() @ [1.0, 2.0, 3.0])  # noqa: E731
    found = measure_effects(regression(), data, predict, importances, 0)
    assert [own.column for own in found.columns] == ["z", "y"]


def test_only_so_many_rows_are_predicted():
    sizes = []

    def function(frame):
        sizes.append(len(frame))
        return column(frame, "c0")

    many = {f"c{i}": RNG.normal(size=5000) for i in range(20)}
    found = effects(Table(pl.DataFrame(many), tuple(Column(name, "number") for name in many), ()), function)
    assert len(found.columns) == 6
    assert sum(sizes) <= 1000 + 6 * 2 * 1000 + 10 * 64 * 50


@pytest.mark.parametrize(("data", "reason"), [
    (Images(np.zeros((2, 2, 2), np.uint8), None, ("a",)), "images have no columns"),
    (table(x="number"), "predictions are not finite numbers"),
])  # fmt: skip
def test_without_effects_there_is_a_reason(data, reason):
    importances = Importances("rmse", "", 9, (Importance(("x",), 1.0, 0.5, 1.5),))
    infinite = lambda data: number_predictions(np.full(len(data), np.inf))  # noqa: E731
    with np.errstate(invalid="ignore"):
        found = measure_effects(regression(), data, infinite, importances, 0)
    assert (found.columns, found.reason) == ((), reason)
