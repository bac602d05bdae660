"""A real table: numbers and categories, missing cells, categories that only the test file or neither has."""

import numpy as np
import polars as pl
import pytest

from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.tables.types import Column, Table
from mlcli.features.fit import fit_features

NUMBERS = ("age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week")


@pytest.fixture(scope="module")
def adult(real_data):
    return tuple(read(real_data / "adult" / name) for name in ("adult.data", "adult.test"))


def read(path):
    frame = pl.read_csv(path, infer_schema=False)
    cells = {name.strip(): frame[name].str.strip_chars().replace("?", None) for name in frame.columns}
    typed = {name: cells.cast(pl.Float64) if name in NUMBERS else cells for name, cells in cells.items()}
    label = "classification"
    columns = [Column(name, "number" if name in NUMBERS else "category") for name in typed if name != label]
    return Table(pl.DataFrame(typed), tuple(columns), (Column(label, "category"),))


def test_default_features(adult):
    train, test = adult
    features = fit_features(train, FeaturesConfig(), 0)
    # The 108 dummies and numbers that every tutorial on Adult ends up with, "?" being a category.
    assert features.layout.width == 108
    x = features.transform(train)
    np.testing.assert_allclose(x[:, :6].mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(x[:, 6:].sum(axis=1), 8)
    assert features.transform(test).shape == (16281, 108)
    assert features.unseen(test) == {}


def test_cross_fitted_means_predict_no_better_than_they_should(adult):
    train, _ = adult
    noise = np.random.default_rng(0).integers(0, 2, len(train))
    ids = train.frame.select(pl.concat_str("fnlwgt", "age").alias("id"))
    table = Table(ids, (Column("id", "category"),), ())
    config = FeaturesConfig(encode="target", max_categories=100_000)
    features = fit_features(table, config, 0, noise, True)
    leaky, honest = features.transform(table).flatten(), features.transform_training(table).flatten()
    assert abs(np.corrcoef(leaky, noise)[0, 1]) > 0.5
    assert abs(np.corrcoef(honest, noise)[0, 1]) < 0.05
