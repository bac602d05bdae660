"""New numbers far from those of the training rows."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.tables.types import Images, Table
from mlcli.features.far_values import find_far_values, tell_far_values
from mlcli.features.fit import fit_features
from mlcli.features.fitted import FittedFeatures
from mlcli.features.pixels import PixelFeatures
from tests.features.feature_tables import table_of

TRAIN = {"a": [0.0, 10.0, None, 4.0], "b": [1.0, 2.0, 2.5, 3.0]}


def found(rows, columns=TRAIN, **config):
    features = fit_features(table_of(columns), FeaturesConfig.model_validate(config), 0)
    table = Table(pl.DataFrame(rows), (), ())
    return [(own.name, own.count, own.row, own.value, own.low, own.high) for own in find_far_values(features, table)]


@pytest.mark.parametrize("frame", ["in memory", "in a file"])
@pytest.mark.parametrize(
    ("a", "expected"),
    [
        ([-20.0, 30.0, None, 5.0], []),  # two training ranges beyond either end
        ([0.0, 30.1, None, -21.0], [("a", 2, 2, 30.1, 0.0, 10.0)]),
        ([None] * 4, []),
    ],
)
def test_beyond_two_training_ranges(frame, a, expected, tmp_path):
    rows = pl.DataFrame({"a": a, "b": [2.0] * 4}, schema={"a": pl.Float64, "b": pl.Float64})
    if frame == "in a file":
        rows.write_parquet(tmp_path / "rows.parquet")
        rows = pl.scan_parquet(tmp_path / "rows.parquet")
    features = fit_features(table_of(TRAIN), FeaturesConfig(), 0)
    far = find_far_values(features, Table(rows, (), ()))
    assert [(own.name, own.count, own.row, own.value, own.low, own.high) for own in far] == expected


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({}, ["a"]),
        ({"clip": 5}, []),
        ({"scale": "quantile"}, []),
        ({"drop": ["a"]}, []),
        ({"derive": {"c": "a * a"}}, ["a", "c"]),
        ({"derive": {"c": "1 / (a - 11)"}}, ["a"]),
    ],
)
def test_only_of_what_the_network_sees_without_a_limit(config, names):
    assert [own[0] for own in found({"a": [99.0], "b": [1.0]}, **config)] == names


def test_days_since_the_first_one():
    train = table_of({"day": [datetime(2024, 1, 1), datetime(2024, 3, 1)], "b": [1.0, 2.0]})
    features = fit_features(train, FeaturesConfig.model_validate({"columns": {"day": {"dates": ["elapsed"]}}}), 0)
    new = pl.DataFrame({"day": pl.Series(["2024-02-02", "2054-01-01"]).str.to_datetime(), "b": [1.0, 2.0]})
    [far] = find_far_values(features, Table(new, (), ()))
    assert (far.name, far.row, far.value, far.low, far.high) == ("day_elapsed", 2, 10958.0, 0.0, 60.0)


def test_a_constant_that_is_kept_has_no_range():
    kept = {"select": {"variance": None}}
    assert found({"a": [0.3, 0.1 + 0.2, 0.31], "b": [1.0] * 3}, {"a": [0.3] * 4, "b": TRAIN["b"]}, **kept) == [
        ("a", 1, 3, 0.31, 0.3, 0.3)
    ]
    assert found({"a": [0.31], "b": [1.0]}, {"a": [0.3] * 4, "b": TRAIN["b"]}) == []  # dropped


def test_in_words_with_enough_digits():
    columns = {f"x{i}": [1.7e12, 1.7e12 + 50, 1.7e12 + 96] for i in range(7)}
    features = fit_features(table_of(columns), FeaturesConfig(), 0)
    new = Table(pl.DataFrame({name: [1.7e12, 1.6e12] for name in columns}), (), ())
    lines = list(tell_far_values(find_far_values(features, new), "test rows: "))
    assert lines[0] == (
        "test rows: column 'x0': 1 cell is far outside the training rows' 1700000000000 to 1700000000096 (the first: "
        "1600000000000 in row 2); predictions there are extrapolated"
    )
    assert lines[5:] == ["test rows: such cells in 2 more columns"]


def test_features_of_earlier_versions_know_no_range():
    state, tensors = fit_features(table_of(TRAIN), FeaturesConfig(), 0).to_state()
    far = Table(pl.DataFrame({"a": [1e9], "b": [1.0]}), (), ())
    assert len(find_far_values(FittedFeatures.from_state(state, tensors), far)) == 1
    del state["plan"]["spans"]
    assert find_far_values(FittedFeatures.from_state(state, tensors), far) == ()
    assert np.isfinite(FittedFeatures.from_state(state, tensors).transform(far)).all()


LIGHT_ON_DARK = np.array([[0, 40], [0, 20], [10, 50], [0, 60]], np.uint8).reshape(4, 2, 1)  # means 20, 10, 30, 30


@pytest.mark.parametrize(
    ("pixels", "count", "row", "remedy"),
    [
        ([[0, 80], [0, 0]], 0, 0, ""),  # half of the range 10 to 30 beyond either end
        ([[0, 82], [0, 60]], 1, 1, "are they of the same kind?"),
        ([[0, 60], [255, 215], [235, 255]], 2, 2, "mlcli predict --invert"),
        ([[0, 100], [255, 0]], 2, 1, "are they of the same kind?"),
    ],
)
def test_images_of_another_brightness(pixels, count, row, remedy):
    images = Images(LIGHT_ON_DARK, np.array([0, 1, 0, 1]), ("a", "b"))
    features = fit_features(images, FeaturesConfig(scale="minmax"), 0)
    far = find_far_values(features, Images(np.array(pixels, np.uint8).reshape(-1, 2, 1), None, ()))
    assert [(own.count, own.row, own.low, own.high) for own in far] == [(count, row, 10, 30)] * bool(count)
    assert all(remedy in text for text in tell_far_values(far, ""))
    restored = PixelFeatures.from_state(*features.source.to_state())
    assert restored.plan == features.source.plan
    state, tensors = features.source.to_state()
    earlier = PixelFeatures.from_state({"shape": state["shape"]}, tensors)
    assert not find_far_values(FittedFeatures.of(earlier, features.report), images)
