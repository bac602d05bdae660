"""Number columns cut into pieces, against NumPy and scikit-learn."""

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import SplineTransformer

from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.tables.types import Table
from mlcli.errors import ConfigError, DataError
from mlcli.features.arithmetic import find_edges
from mlcli.features.fit import fit_features
from tests.features.feature_tables import mixed_table, table_of


def fit(cells, **sections):
    return fit_features(table_of(cells), FeaturesConfig.model_validate(sections), 0)


def spread_numbers(n_rows=500):
    return np.random.default_rng(0).lognormal(size=n_rows)


def test_a_number_goes_through_its_pieces_one_after_the_other():
    features = fit({"x": [0.0, 1.0, 3.0, 7.0]}, pieces=3, scale="none")
    assert features.layout.names == ("x", "x_piece1", "x_piece2", "x_piece3")
    given = Table(pl.DataFrame({"x": [-5.0, 0.5, 2.0, 7.0, 90.0]}), (), ())
    assert features.transform(given).tolist() == [
        [-5, 0, 0, 0],
        [0.5, 0.5, 0, 0],
        [2, 1, 0.5, 0],
        [7, 1, 1, 1],
        [90, 1, 1, 1],
    ]


@pytest.mark.parametrize("count", [2, 5, 48])
def test_different_numbers_are_cut_at_their_quantiles(count):
    column = spread_numbers()
    np.testing.assert_allclose(find_edges(column, count), np.quantile(column, np.linspace(0, 1, count + 1)), rtol=1e-12)


def test_a_value_that_many_rows_share_is_an_edge_and_leaves_the_pieces_to_the_others():
    others = np.arange(1.0, 101.0)
    column = np.concatenate([np.zeros(900), others])
    expected = [0.0, *np.quantile(others, np.linspace(0, 1, 10))]
    np.testing.assert_allclose(find_edges(column, 10), expected)


@pytest.mark.parametrize(
    ("column", "count"),
    [([1.0] * 9, 8), ([0.0, 1.0] * 5, 8), (range(50), 0), (range(50), 1), ([-1.7e308, 1.6e308, 1.7e308], 4)],
    ids=["constant", "two values", "0", "1", "too far apart"],
)
def test_what_would_say_nothing_more_is_not_cut(column, count):
    assert len(find_edges(np.array(column, dtype=np.float64), count)) == 0


def test_lines_of_the_pieces_are_the_splines_of_degree_one():
    column = spread_numbers()
    edges = find_edges(column, 8)
    features = fit({"x": column.tolist()}, pieces=8)
    splines = SplineTransformer(degree=1, knots=edges[:, np.newaxis]).fit_transform(column[:, np.newaxis])
    target = np.sin(3 * column)
    inputs = features.transform(table_of({"x": column.tolist()})).astype(np.float64)
    ours, theirs = (LinearRegression().fit(x, target).predict(x) for x in (inputs, splines))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_missing_numbers_are_filled_first_and_derived_columns_are_cut_too():
    features = fit({"x": [None, 1.0, 2.0, 3.0]}, pieces=8, scale="none", derive={"y": "x * x"}, impute="median")
    names = ("x", "y", "x_piece1", "x_piece2", "y_piece1", "y_piece2")
    assert (features.layout.names, features.report.pieces) == (names, {"x": 2, "y": 2})
    assert features.transform(Table(pl.DataFrame({"x": [None]}), (), ())).tolist() == [[2, 4, 1, 0, 1, 0]]


def test_a_column_may_be_cut_otherwise_and_a_dropped_one_takes_its_pieces_along():
    numbers = {name: [float(i) for i in range(20)] for name in ("a", "b", "c")}
    features = fit(numbers, pieces=2, columns={"a": {"pieces": 0}, "b": {"pieces": 3}}, drop=["c"])
    assert features.layout.names == ("a", "b", "b_piece1", "b_piece2", "b_piece3")


def test_a_wide_table_is_not_cut_into_more_inputs_than_a_network_learns_from():
    numbers = {f"x{i}": (np.arange(120.0) + i).tolist() for i in range(101)}
    with pytest.raises(ConfigError, match=r"features\.pieces: 101 number columns have 10,100 pieces"):
        fit(numbers, pieces=100)


def test_categories_are_not_cut():
    with pytest.raises(DataError, match=r"features\.columns\.size\.pieces: 'size' holds categories"):
        fit_features(mixed_table(), FeaturesConfig.model_validate({"columns": {"size": {"pieces": 4}}}), 0)


def test_features_of_before_there_were_pieces_are_read():
    features = fit({"x": [0.0, 1.0, 3.0]})
    state, tensors = features.to_state()
    del state["plan"]["pieces"], state["report"]["pieces"]
    assert not any(name.startswith("pieces.") for name in tensors)
    again = type(features).from_state(state, tensors)
    assert np.array_equal(again.transform(table_of({"x": [2.0]})), features.transform(table_of({"x": [2.0]})))
