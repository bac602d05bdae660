from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from mlcli.data.tables.types import Column, Images, Table
from mlcli.evaluation import importance
from mlcli.metrics.catalog import Score
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression

MSE = Score("mse", 0.0, None, None, None, False, "y1²")
ACCURACY = Score("accuracy", 1.0, None, None, None, True, "")


def measure_importance(task, data, truth, predictions, predict, headline, seed, groups=None):
    """With a model that does not depend on the rows' places."""
    predict_at = lambda rows, places: predict(rows)  # noqa: E731
    return importance.measure_importance(task, data, truth, predictions, predict_at, headline, seed, groups)


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
    found = measure_importance(regression(), data, truth, answer(data), answer, MSE, seed=0)
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
        column = measure_importance(regression(), data, values, predict(data), predict, MSE, seed).columns[0]
        held += column.low <= 2 <= column.high
    assert held >= 51


def test_classes_lose_accuracy():
    data = table(400, "ab")
    predict = lambda data: class_predictions(np.eye(2)[(data.frame["b"].to_numpy() > 0).astype(int)])  # noqa: E731
    found = measure_importance(classification(2), data, predict(data).values, predict(data), predict, ACCURACY, seed=0)
    assert [column.name for column in found.columns] == ["b", "a"]
    assert found.columns[0].loss == pytest.approx(0.5, abs=0.05)
    assert found.columns[1].loss == 0


def test_the_same_seed_gives_the_same_numbers():
    data = table(50, "ab")
    one, two, other = (
        measure_importance(regression(), data, answer(data).values + 1, answer(data), answer, MSE, s) for s in (1, 1, 2)
    )
    assert one == two != other


def test_rows_that_are_predicted_are_bounded(monkeypatch):
    monkeypatch.setattr(importance, "MAX_PREDICTED", 60)
    sizes = []

    def predict(data):
        sizes.append(len(data))
        return answer(data)

    data = table(300, "abc")
    measure_importance(regression(), data, answer(data).values, answer(data), predict, MSE, seed=0)
    assert sizes == [20 * 4] * importance.N_REPEATS


@pytest.mark.parametrize(("data", "headline", "reason"), [
    (Images(np.zeros((2, 2, 2), np.uint8), None, ("a",)), ACCURACY, "images have no columns"),
    (table(3, "ab"), replace(MSE, value=None, reason="no rows"), "mse is undefined: no rows"),
    (table(3, [f"x{i}" for i in range(201)]), MSE, "201 columns are too many to shuffle one by one (at most 200)"),
])  # fmt: skip
def test_without_importances_there_is_a_reason(data, headline, reason):
    found = measure_importance(
        regression(), data, np.zeros((3, 1)), number_predictions(np.zeros(3)), answer, headline, seed=0
    )
    assert (found.columns, found.reason) == ((), reason)


def rare(n_rows, n_rare, seed=0):
    """Column a tells the rare class from the other, b says a little of it, c nothing."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n_rows) < n_rare
    values = rng.normal(size=(n_rows, 3)) + truth[:, None] * np.array([3.0, 1.2, 0.0])
    data = Table(pl.DataFrame(values, schema=list("abc")), tuple(Column(name, "number") for name in "abc"), ())
    return classification(2, (n_rows - n_rare, n_rare), threshold=0.5), data, truth.astype(int)


def odds(data):
    """The probability of the second class, as its share is 1 : 500."""
    logits = data.frame.to_numpy() @ np.array([3.0, 1.2, 0.0]) - (3.0**2 + 1.2**2) / 2 - np.log(500)
    return class_predictions(np.column_stack([1 / (1 + np.exp(logits)), 1 / (1 + np.exp(-logits))]))


@pytest.mark.parametrize("name", ["pr_auc", "f1"])
def test_importance_for_a_class_of_one_row_in_500_is_that_of_all_rows(name):
    """Against scikit-learn on all 25,000 rows, of which 2,000 are drawn."""
    from sklearn.metrics import average_precision_score, f1_score

    task, data, truth = rare(25_000, 50)

    def score(data):
        found = odds(data)
        return (
            average_precision_score(truth, found.probabilities[:, 1])
            if name == "pr_auc"
            else f1_score(truth, found.values)
        )

    rng = np.random.default_rng(1)
    expected = {
        column: score(data)
        - np.mean([score(replace(data, rows=data.frame.with_columns(data.frame[column].shuffle(i)))) for i in range(5)])
        for column in "abc"
    }
    headline = Score(name, score(data), None, None, None, True, "")
    found = measure_importance(task, data, truth, odds(data), odds, headline, seed=int(rng.integers(99)))
    assert found.by_class
    assert [own.name for own in found.columns] == ["a", "b", "c"]
    for own in found.columns:
        assert own.loss == pytest.approx(expected[own.name], abs=0.06)
        assert own.low <= expected[own.name] <= own.high
    assert found.columns[1].low > 0


@pytest.mark.parametrize(("sizes", "n_rows", "drawn"), [
    # The rare class whole, then the rows most like it, as many as of the others.
    ((25_000, 50), 2000, [(50, 50), (975, 975), (24_025, 975)]),
    ((5000, 1000, 20), 400, [(20, 20), (63, 63), (937, 63), (127, 127), (4873, 127)]),
    ((50, 3), 53, [(3, 3), (50, 50)]),
])  # fmt: skip
def test_every_class_is_drawn_and_counts_as_often_as_it_is(sizes, n_rows, drawn):
    truth = np.repeat(np.arange(len(sizes)), sizes)
    shares = np.random.default_rng(0).dirichlet(np.ones(len(sizes)), size=len(truth))
    strata = importance.draw_strata(classification(len(sizes), sizes), truth, class_predictions(shares), n_rows)
    assert [(len(rows), count) for rows, count in strata] == drawn
    assert np.sort(np.concatenate([rows for rows, _ in strata])).tolist() == list(range(len(truth)))
    if n_rows < len(truth):
        *_, hard, easy = (shares[rows, truth[rows]] for rows, _ in strata)
        assert hard.max() <= easy.min()


def test_what_rounding_leaves_is_no_loss():
    """Losses of the repeats that add up to 0, one of them by thirds."""
    losses = iter([*np.resize([0.1, 0.2, -0.3], 9).tolist(), 0.0])
    a = table(60, "a")

    def predict_at(rows, places):
        loss = next(losses)
        return number_predictions(np.repeat([0.0, np.sqrt(1 + loss) - 1], 60) + 1)

    found = importance.measure_importance(
        regression(), a, np.zeros((60, 1)), number_predictions(np.ones(60)), predict_at, MSE, 0
    )
    assert found.columns[0].loss == 0
    assert found.columns[0].high > 0


def test_related_columns_are_shuffled_together():
    """Each copy alone would lose a quarter: 2 · Var(x / 2) against 2 · Var(x)."""
    x, y = np.random.default_rng(0).normal(size=(2, 1000))
    data = Table(
        pl.DataFrame({"x": x, "y": y, "copy": x}), tuple(Column(name, "number") for name in ("x", "y", "copy")), ()
    )
    predict = lambda data: number_predictions((data.frame["x"] + data.frame["copy"]).to_numpy() / 2)  # noqa: E731
    found = measure_importance(regression(), data, x[:, None], predict(data), predict, MSE, seed=0)
    assert [own.columns for own in found.columns] == [("x", "copy"), ("y",)]
    assert found.columns[0].loss == pytest.approx(2 * x.var(), rel=0.1)
    assert found.related == found.columns[:1]


def test_intervals_are_as_wide_as_other_groups_differ():
    """All cells of a group are alike, so that 1,000 rows of 40 groups say no more than 40 rows."""
    held = {"groups": 0, "rows": 0}
    for seed in range(24):
        values = np.random.default_rng(seed).normal(size=40).repeat(25)
        data = Table(pl.DataFrame({"a": values}), (Column("a", "number"),), ())
        predict = lambda data: number_predictions(data.frame["a"].to_numpy())  # noqa: E731
        for name, groups in (("groups", np.arange(40).repeat(25)), ("rows", None)):
            [own] = measure_importance(
                regression(), data, values[:, None], predict(data), predict, MSE, seed, groups
            ).columns
            held[name] += own.low <= 2 <= own.high
    assert held["groups"] >= 18
    assert held["rows"] <= 12


def test_each_row_keeps_its_place():
    """The model of a row's place does not use column a in the second half, and so loses half as much."""
    data = table(1000, "ab")
    a, b = (data.frame[name].to_numpy() for name in "ab")
    places = np.arange(1000)

    def predict_at(rows, places):
        return number_predictions(np.where(places < 500, rows.frame["a"].to_numpy(), b[places]))

    predictions = predict_at(data, places)
    found = importance.measure_importance(regression(), data, predictions.values, predictions, predict_at, MSE, 0)
    assert found.columns[0].name == "a"
    assert found.columns[0].loss == pytest.approx(2 * a.var() / 2, rel=0.1)
    assert found.columns[1].loss == 0


def test_rare_classes_of_few_groups_are_drawn_with_them():
    """Groups of one class each: a resample without the rare group has no score, the others have weights of the draw."""
    task, data, truth = rare(2000, 100)
    found = measure_importance(
        task, data, truth, odds(data), odds, Score("pr_auc", 0.5, None, None, None, True, ""), 0, np.arange(2000) // 20
    )
    assert [own.name for own in found.columns] == ["a", "b", "c"]
    assert found.columns[0].low > 0.2
