import numpy as np
import polars as pl
import pytest

from mlcli.data.tables.types import Column, Images, Table
from mlcli.evaluation.mistakes import find_mistakes
from mlcli.models.predictions import Predictions
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression

TABLE = Table(
    pl.DataFrame({"x": [1.5, 2.0, None, 4.0], "kind": ["a", "b", "c", None]}).lazy(),
    (Column("x", "number"), Column("kind", "category")),
    (),
)


def rows(found):
    return [(row.place, row.truth, row.answer, row.measured, row.cells) for row in found.rows]


def test_the_surest_mistakes_come_first():
    predictions = class_predictions([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])
    found = find_mistakes(classification(2), TABLE, np.array([0, 0, 0, 1]), predictions, ("kind", "x"))
    assert (found.n_wrong, found.measure, found.columns) == (2, "probability", ("kind", "x"))
    assert rows(found) == [(2, "a", "b", "80.0 %", ("c", "–")), (1, "a", "b", "60.0 %", ("b", "2"))]


def test_without_probabilities_the_distance_from_the_border_counts():
    predictions = Predictions(np.array([1, 0, 1, 0]), None, np.array([[0.5], [-2.0], [1.0], [-3.0]]))
    found = find_mistakes(classification(2, output="step"), TABLE, np.array([0, 1, 0, 0]), predictions, ())
    assert rows(found) == [(1, "b", "a", "2.000", ()), (2, "a", "b", "1.000", ()), (0, "a", "b", "0.5000", ())]


def test_the_largest_errors_come_first_in_standard_deviations():
    task = regression(2)
    task = type(task)(task.targets, task.mean, (1.0, 100.0))
    truth = np.zeros((4, 2))
    values = np.array([[0.5, 0.0], [0.0, 90.0], [-3.0, 10.0], [0.0, 0.0]])
    found = find_mistakes(task, TABLE, truth, number_predictions(values), ("x",))
    assert found.n_wrong == 4
    assert rows(found)[:2] == [
        (2, "y1: 0", "y1: -3.000", "-3.000", ("–",)),
        (1, "y2: 0", "y2: 90.00", "+90.00", ("2",)),
    ]


def test_pictures_are_shown_themselves():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    predictions = class_predictions([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    data = Images(pixels, np.array([0, 1, 1]), ("a", "b"))
    found = find_mistakes(classification(2), data, np.array([0, 1, 1]), predictions, ())
    assert [row.picture.tolist() for row in found.rows] == [pixels[1].tolist(), pixels[2].tolist()]


def test_many_mistakes_and_columns_are_cut_and_counted():
    n = 500
    names = [f"x{i}" for i in range(30)]
    data = Table(pl.DataFrame({name: np.zeros(n) for name in names}), tuple(Column(x, "number") for x in names), ())
    found = find_mistakes(classification(2), data, np.zeros(n, int), class_predictions([[0.2, 0.8]] * n), names)
    assert (found.n_wrong, len(found.rows), len(found.columns)) == (500, 10, 8)


@pytest.mark.parametrize("n_rows", [0, 4])
def test_no_mistakes(n_rows):
    answers = class_predictions(np.tile([0.9, 0.1], (n_rows, 1)).reshape(n_rows, 2))
    assert find_mistakes(classification(2), TABLE.part(0, n_rows), np.zeros(n_rows, int), answers, ("x",)).rows == ()
