"""Columns that hardly vary: what is rounding, and what is not."""

import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import StandardScaler

from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.tables.types import Table
from mlcli.errors import DataError
from mlcli.features.fit import fit_features
from mlcli.features.scaling import varies
from tests.features.feature_tables import table_of

RNG = np.random.default_rng(19)
SUMS = np.array([sum(RNG.permutation([0.1] * 37 + [7.3, 1e-3, 3.619])) for _ in range(50)])
OTHER = RNG.normal(size=50)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (np.tile([0.3, 0.1 + 0.2], 25), False),
        (-np.tile([0.3, 0.1 + 0.2], 25), False),
        (SUMS, False),
        (1e30 * np.tile([0.3, 0.1 + 0.2], 25), False),
        (np.full(50, 14.62), False),
        (np.zeros(50), False),
        (np.tile([0.3, 0.3001], 25), True),
        (1.7e9 + np.arange(50) / 100, True),
        (1.7e12 + np.arange(50), True),
    ],
)
def test_rounding_is_what_scikit_learn_takes_for_it(column, expected):
    assert varies(column) is expected
    assert (StandardScaler().fit(column[:, None]).scale_[0] != 1.0) == expected


@pytest.mark.parametrize("n", [50, 100_000])
def test_whole_numbers_are_exact(n):
    """Microseconds since 1970, which scikit-learn takes for a constant where they are many."""
    assert varies(1.7e15 + np.arange(n) % 97)
    assert not varies(np.full(n, 1.7e15))


@pytest.mark.parametrize("scale", ["standard", "robust", "minmax", "quantile", "power"])
@pytest.mark.parametrize("variance", [0, None])
def test_rounding_is_never_scaled_up(scale, variance):
    config = FeaturesConfig.model_validate({"scale": scale, "select": {"variance": variance}})
    features = fit_features(table_of({"c": np.tile([0.3, 0.1 + 0.2], 25), "x": OTHER}), config, 0)
    assert ("c" in features.layout.names) is (variance is None)
    new = Table(pl.DataFrame({"c": [0.3, 0.31, 0.35], "x": OTHER[:3]}), (), ())
    assert np.abs(features.transform(new)).max() < 6


def test_quartiles_that_differ_by_rounding_are_one():
    column = np.r_[np.tile([0.3, 0.1 + 0.2], 40), np.linspace(-3, 3, 20)]
    features = fit_features(table_of({"c": column, "x": np.arange(100)}), FeaturesConfig(scale="robust"), 0)
    assert features.report.scaled["c"].spread == pytest.approx(column.std())


def test_edges_that_differ_by_rounding_are_one():
    columns = {"c": np.tile([0.3, 0.1 + 0.2, 0.5, 0.7, 0.1], 10), "x": OTHER}
    features = fit_features(table_of(columns), FeaturesConfig.model_validate({"columns": {"c": {"pieces": 8}}}), 0)
    assert features.report.pieces == {"c": 3}


def test_whitening_leaves_out_what_varies_by_rounding():
    """A one-hot column is one less the others: a new category breaks that, and must not be multiplied by millions."""
    words = ["a", "b", "c"] * 20
    config = {"extract": {"name": "pca", "components": 3, "whiten": True}}
    features = fit_features(table_of({"w": words}), FeaturesConfig.model_validate(config), 0)
    known = features.transform(Table(pl.DataFrame({"w": words}), (), ()))
    np.testing.assert_allclose(known[:, :2].std(axis=0, ddof=1), 1, rtol=1e-6)
    assert np.abs(features.transform(Table(pl.DataFrame({"w": ["d"]}), (), ()))).max() < 10


def test_numbers_whose_squares_are_0_are_not_divided_by_0():
    features = fit_features(table_of({"c": np.tile([0.0, 1e-300], 25), "x": OTHER}), FeaturesConfig(), 0)
    assert np.isfinite(features.transform(table_of({"c": [1e-300], "x": [0.0]}))).all()


def test_the_column_too_large_to_scale_is_named():
    wild = {"c": 10.0 ** np.linspace(300, 307, 50), "x": OTHER}
    with pytest.raises(DataError, match="column 'c' has numbers too large to compute its scale"):
        fit_features(table_of(wild), FeaturesConfig(), 0)


@pytest.mark.parametrize("scale", ["standard", "robust", "minmax"])
@pytest.mark.parametrize("start", [1.7e12, 1e15, -1.7e12])
def test_large_numbers_are_subtracted_before_they_are_rounded(scale, start):
    features = fit_features(table_of({"c": start + np.arange(97.0)}), FeaturesConfig(scale=scale), 0)
    x = features.transform(Table(pl.DataFrame({"c": start + np.arange(97.0)}), (), ())).ravel()
    alone = fit_features(table_of({"c": np.arange(97.0)}), FeaturesConfig(scale=scale), 0)
    small = alone.transform(Table(pl.DataFrame({"c": np.arange(97.0)}), (), ())).ravel()
    np.testing.assert_allclose(x, small, atol=1e-6)
