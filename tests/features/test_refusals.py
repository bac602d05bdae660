"""What does not fit together is refused with place, cause and remedy."""

import numpy as np
import polars as pl
import pytest

from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.tables.types import Images, Table
from mlcli.errors import ConfigError, DataError
from mlcli.features.fit import fit_features
from tests.features.feature_tables import later_table, mixed_table, pictures, table_of


def fit(data, y=None, classification=False, **sections):
    return fit_features(data, FeaturesConfig.model_validate(sections), 0, y, classification)


@pytest.mark.parametrize(
    ("sections", "parts"),
    [
        ({"columns": {"agee": {"scale": "robust"}}}, ["features.columns.agee", "did you mean 'age'"]),
        ({"columns": {"age": {"encode": "ordinal"}}}, ["columns.age.encode", "holds numbers", "{age: category}"]),
        (
            {"columns": {"city": {"impute": "mean"}}},
            ["columns.city.impute", "'city' holds categories, encoded as one_hot, and impute is for numbers"],
        ),
        ({"columns": {"city": {"scale": "robust"}}}, ["columns.city.scale", "one_hot", "ordinal or target"]),
        ({"columns": {"city": {"dates": ["year"]}}}, ["columns.city.dates", "is for dates", "{city: '%d/%m/%Y'}"]),
        ({"derive": {"z": "incom * 2"}}, ["features.derive.z", "'incom'", "did you mean 'income'"]),
        ({"derive": {"z": "city * 2"}}, ["features.derive.z", "'city' holds categories", "{city: number}"]),
        ({"derive": {"z": "price / 2"}}, ["features.derive.z", "'price' is the target"]),
        ({"derive": {"age": "income * 2"}}, ["features.derive.age", "exists already"]),
        ({"derive": {"price": "income * 2"}}, ["features.derive.price", "exists already"]),
        ({"derive": {"a": "b + age", "b": "age"}}, ["features.derive.a", "no column 'b'"]),
        ({"drop": ["agee"]}, ["features.drop", "no column 'agee'", "did you mean 'age'"]),
        ({"drop": ["city"]}, ["features.drop", "'city' holds categories", "dataset.drop"]),
        ({"select": {"k_best": 9999}}, ["select.k_best", "9999", "lower it"]),
        ({"select": {"k_best": 5, "rfe": 6}}, ["select.rfe: cannot keep 6 features of 5"]),
        ({"select": {"variance": 1e9}}, ["select.variance", "none of the 40", "1e+09", "230 training rows"]),
        ({"extract": {"name": "pca", "components": 400}}, ["extract.components:", "at most", "got 400"]),
    ],
)
def test_settings_that_do_not_fit_the_table(sections, parts):
    table = mixed_table()
    frame = table.frame.with_columns(price=pl.lit(1.0))
    table = Table(frame, table.features, table_of({"price": [1.0]}).features)
    with pytest.raises(DataError) as caught:
        fit(table, np.arange(230.0), **sections)
    assert [part for part in parts if part not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("sections", "parts"),
    [
        (
            {"columns": {"member": {"encode": "one_hot"}}},
            ["member.encode", "holds true and false", "{member: category}"],
        ),
        ({"columns": {"member": {"order": ["no", "yes"]}}}, ["member.order", "holds true and false"]),
    ],
)
def test_settings_that_do_not_fit_later_kinds(sections, parts):
    with pytest.raises(DataError) as caught:
        fit(later_table(), **sections)
    assert [part for part in parts if part not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("sections", "parts"),
    [
        ({"scale": "power"}, ["features.scale", "'power'", "robust"]),
        ({"scale": "quantile"}, ["features.scale", "'quantile'"]),
        ({"derive": {"a": "b"}}, ["features.derive", "remove it"]),
        ({"drop": ["a"]}, ["features.drop", "remove it"]),
        ({"columns": {"a": {"scale": "none"}}}, ["features.columns", "remove it"]),
    ],
)
def test_settings_that_pictures_cannot_have(sections, parts):
    with pytest.raises(ConfigError) as caught:
        fit(pictures(), **sections)
    assert [part for part in parts if part not in str(caught.value)] == []


def test_a_formula_that_cannot_be_read_is_an_error_of_the_config():
    with pytest.raises(ConfigError, match=r"features\.derive\.z.*position 5.*unknown function 'os'"):
        fit(mixed_table(), derive={"z": "age*os(1)"})


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (table_of({"Age": [1.0], "pet": ["a"]}), ["no column 'age'", "did you mean 'Age'"]),
        (table_of({"age": [1.0], "cat": ["a"]}), ["no column 'pet'"]),
        (table_of({"age": ["old"], "pet": ["a"]}), ["column 'age'", "numbers were expected"]),
        (table_of({"age": [1.0], "pet": [3.0]}), ["column 'pet'", "categories (text) were expected"]),
        (pictures(), ["fitted on a table", "are images"]),
    ],
)
def test_rows_unlike_those_of_training(data, parts):
    features = fit(table_of({"age": [1.0, 2.0], "pet": ["a", "b"]}))
    with pytest.raises(DataError) as caught:
        features.transform(data)
    assert [part for part in parts if part not in str(caught.value)] == []


def test_pictures_unlike_those_of_training():
    features = fit(pictures())
    with pytest.raises(DataError, match=r"expected images of shape \(4, 5\) as in training, got \(5, 5\)"):
        features.transform(pictures(shape=(5, 5)))
    with pytest.raises(DataError, match="are a table"):
        features.transform(mixed_table())


@pytest.mark.parametrize(
    "data",
    [Table(pl.DataFrame({"x": []}, schema={"x": pl.Float64}), table_of({"x": [1.0]}).features, ()), pictures(0)],
)
def test_no_training_rows(data):
    with pytest.raises(DataError, match="no training rows"):
        fit(data)


def test_no_feature_columns():
    with pytest.raises(DataError, match="no feature columns"):
        fit(table_of({"y": [1.0, 2.0]}, targets=("y",)))


@pytest.mark.parametrize(
    "data", [table_of({"x": [1.0, 1.0]}), table_of({"x": [3.0]}), Images(np.zeros((3, 2, 2), np.uint8), None, ())]
)
def test_components_need_rows_that_differ(data):
    with pytest.raises(DataError, match="different rows"):
        fit(data, select={"variance": None}, extract={"name": "pca", "components": 1})


@pytest.mark.parametrize("sections", [{"encode": "target"}, {"select": {"k_best": 1}}, {"select": {"rfe": 1}}])
def test_what_needs_the_target_says_so_to_its_caller(sections):
    with pytest.raises(ValueError, match="needs the target"):
        fit(mixed_table(), **sections)
