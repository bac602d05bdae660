"""Columns and tables at the edge of what can be fitted."""

import math

import numpy as np
import polars as pl
import pytest

from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.tables.types import Table
from mlcli.errors import DataError
from mlcli.features.fit import fit_features
from mlcli.features.report import Dropped, Imputed
from tests.features.feature_cases import TABLE_CASES
from tests.features.feature_tables import mixed_table, table_of

KEEP_ALL = {"select": {"variance": None}}


def fit(cells, **sections):
    return fit_features(table_of(cells), FeaturesConfig.model_validate(sections), 0)


def rows(**columns):
    return Table(pl.DataFrame(columns), (), ())


@pytest.mark.parametrize("scale", ["none", "standard", "minmax", "robust", "quantile", "power"])
def test_constant_columns_are_dropped_or_else_centred(scale):
    columns = {"flat": [0.1] * 50, "x": [float(i) for i in range(50)]}
    dropped = fit(columns, scale=scale)
    assert dropped.layout.names == ("x",)
    assert dropped.report.dropped == (Dropped("flat", "variance", 0.0),)
    kept = fit(columns, scale=scale, **KEEP_ALL).transform(table_of(columns))
    assert kept[:, 0].tolist() == [np.float32(0.1) if scale == "none" else 0.0] * 50


@pytest.mark.parametrize("impute", ["mean", "median", "constant"])
def test_a_column_wholly_missing_in_training_is_filled_with_the_constant(impute):
    columns = {"void": [None] * 4, "x": [1.0, 2.0, 3.0, 4.0]}
    features = fit(columns, impute=impute, fill_value=7.0, scale="none", indicator=True, **KEEP_ALL)
    assert features.layout.names == ("void", "x", "void_missing")
    assert features.transform(table_of(columns))[0].tolist() == [7, 1, 1]
    assert features.report.imputed["void"] == Imputed(4, "constant", 7.0)
    given = pl.DataFrame({"void": [5.0, None], "x": [None, 0.0]})
    filled = {"mean": 2.5, "median": 2.5, "constant": 7.0}[impute]
    assert features.transform(Table(given, (), ())).tolist() == [[5, filled, 0], [7, 0, 1]]


@pytest.mark.parametrize(
    "name", [name for name in TABLE_CASES if "pca" not in name and name not in ("everything", "rfe")]
)
def test_a_single_training_row(name):
    table = mixed_table()
    one = Table(table.frame[:1], table.features, ())
    sections = dict(TABLE_CASES[name])
    if "k_best" in str(sections):
        sections["select"] = {"k_best": 1}
    features = fit_features(one, FeaturesConfig.model_validate(sections), 0, np.array([0]), True)
    assert np.isfinite(features.transform(one)).all()
    assert np.isfinite(features.transform_training(one)).all()
    assert np.isfinite(features.transform(table)).all()


def test_numbers_that_are_not_finite_are_missing():
    columns = {"x": [1.0, math.inf, 3.0, -math.inf, math.nan, 8.0]}
    features = fit(columns, scale="none", indicator=True)
    assert features.transform(table_of(columns)).tolist() == [[1, 0], [3, 1], [3, 0], [3, 1], [3, 1], [8, 0]]
    assert features.report.imputed["x"].missing == 3


def test_derived_numbers_that_are_not_finite_are_imputed():
    columns = {"x": [0.0, 1.0, math.e, None, -1.0]}
    derive = {"log x": "log(x)", "twice": "2 * `log x`", "big": "x > 0.5"}
    features = fit(columns, derive=derive, scale="none", impute="constant", fill_value=-9.0)
    assert features.layout.names == ("x", "log x", "twice", "big")
    expected = [[0, -9, -9, 0], [1, 0, 0, 1], [math.e, 1, 2, 1], [-9, -9, -9, -9], [-1, -9, -9, 0]]
    np.testing.assert_allclose(features.transform(table_of(columns)), expected, rtol=1e-6)


def test_robust_falls_back_to_the_deviation_where_the_quartiles_coincide():
    column = [0.0] * 90 + [1000.0] * 10
    features = fit({"gain": column}, scale="robust")
    assert features.transform(rows(gain=[1000.0])).item() == pytest.approx(1000 / np.std(column))


def test_clip_limits_scaled_columns_only():
    columns = {"raw": [0.0, 10.0, 20.0], "scaled": [0.0, 10.0, 20.0]}
    features = fit(columns, clip=0.5, columns={"raw": {"scale": "none"}})
    assert features.transform(table_of(columns)).tolist() == [[0, -0.5], [10, 0], [20, 0.5]]


def test_absurd_numbers_stay_finite():
    features = fit({"x": [1.0, 2.0, 4.0]})
    assert np.isfinite(features.transform(rows(x=[1e308, -1e308]))).all()
    assert np.isfinite(fit({"x": [1.0, 2.0, 4.0]}, scale="none").transform(rows(x=[1e308]))).all()
    with pytest.raises(DataError, match="too large"):
        fit({"x": [1e308, -1e308]})
    for impute in ("mean", "median"):
        with pytest.raises(DataError, match=rf"features\.impute: numbers too large to take their {impute}"):
            fit({"x": [1.7e308, 1.6e308, None]}, impute=impute)


def test_exceptions_change_one_column_only():
    columns = {"a": [1.0, 2.0, None, 9.0], "b": [1.0, 2.0, None, 9.0]}
    exceptions = {"a": {"scale": "minmax", "impute": "constant", "fill_value": 5.0, "indicator": True}}
    features = fit(columns, scale="none", columns=exceptions)
    assert features.layout.names == ("a", "b", "a_missing")
    np.testing.assert_allclose(
        features.transform(table_of(columns)), [[0, 1, 0], [0.125, 2, 0], [0.5, 2, 1], [1, 9, 0]], rtol=1e-6
    )


def test_integer_and_boolean_columns_are_numbers_too():
    features = fit({"x": [0.0, 1.0, 2.0]}, scale="none")
    assert features.transform(rows(x=[3, 4])).flatten().tolist() == [3, 4]
    assert features.transform(rows(x=[True, None])).flatten().tolist() == [1, 1]


def test_truth_is_one_column_of_ones_and_zeros():
    columns = {"member": [True, False, None, True], "x": [0.0, 1.0, 2.0, 3.0]}
    features = fit(columns, derive={"both": "member * x"})
    assert features.layout.names == ("member", "x", "both")
    assert features.transform(table_of(columns))[:, 0].tolist() == [1, 0, 1, 1]
    assert set(features.report.scaled) == {"x", "both"}
    scaled = fit(columns, columns={"member": {"scale": "minmax", "impute": "mean"}}).transform(table_of(columns))
    np.testing.assert_allclose(scaled[:, 0], [1, 0, 2 / 3, 1], rtol=1e-6)


def test_what_is_reported():
    columns = {"x": [0.0, 2.0, None, 4.0], "y": [5.0] * 4, "pet": ["a", "b", None, "b"]}
    report = fit(columns, derive={"z": "x * 2"}, extract={"name": "pca", "components": 2}).report
    assert (report.rows, report.columns, report.features) == (4, ("x", "y", "pet"), ("pca1", "pca2"))
    assert report.derived == {"z": "x * 2"}
    assert report.imputed == {
        "x": Imputed(1, "median", 2.0),
        "y": Imputed(0, "median", 5.0),
        "z": Imputed(1, "median", 4.0),
    }
    assert (report.encoded["pet"].kept, report.encoded["pet"].missing) == (("(missing)", "a", "b"), 1)
    assert (report.scaled["z"].centre, report.scaled["z"].spread) == (4.0, pytest.approx(np.std([0, 4, 4, 8])))
    assert report.dropped == (Dropped("y", "variance", 0.0),)
    assert 0.9 < sum(report.explained_variance) <= 1 + 1e-12


def test_embedded_columns_may_be_all_there_is():
    features = fit({"flat": [1.0, 1.0, 1.0], "pet": ["a", "b", "a"]}, encode="embedding")
    assert (features.layout.names, features.layout.width) == ((), 1)
    assert features.transform(table_of({"flat": [1.0], "pet": ["b"]})).tolist() == [[1]]


def test_rare_categories_are_dropped_by_the_variance_of_their_share():
    columns = {"pet": ["cat"] * 15 + ["dog"] * 4 + ["emu"], "town": ["a"] * 20}
    features = fit(columns, select={"variance": 0.1})
    assert features.layout.names == ("pet=cat", "pet=dog")
    dropped = {lost.name: lost.value for lost in features.report.dropped}
    assert dropped == {"pet=emu": pytest.approx(0.05 * 0.95), "town=a": 0.0}


def test_a_dropped_column_is_no_input_and_what_is_derived_from_it_is():
    table = mixed_table()
    kept = fit_features(table, FeaturesConfig(derive={"log": "log(income)"}, indicator=True), 0)
    without = fit_features(table, FeaturesConfig(derive={"log": "log(income)"}, drop=("income",), indicator=True), 0)
    left = [i for i, name in enumerate(kept.layout.names) if name not in ("income", "income_missing")]
    assert without.layout.names == tuple(kept.layout.names[i] for i in left)
    assert np.array_equal(without.transform(table), kept.transform(table)[:, left])
    assert {one.name: one.key for one in without.report.dropped}["income"] == "features.drop"


def test_to_drop_every_column_is_refused():
    with pytest.raises(DataError, match=r"features\.drop: no feature remains without a"):
        fit_features(table_of({"a": [1.0, 2.0]}), FeaturesConfig(drop=("a",)), 0)
