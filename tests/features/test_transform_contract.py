"""What holds for every transform, alone and together."""

import json

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load, save

from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.tables.types import Images, Table
from mlcli.features.fit import fit_features
from mlcli.features.fitted import FittedFeatures
from tests.features.feature_cases import EVERYTHING, LATER_CASES, TABLE_CASES
from tests.features.feature_tables import binary_target, later_table, mixed_table, pictures

PICTURE_CASES = {
    **{f"scale {scale}": {"scale": scale} for scale in ("none", "standard", "minmax", "robust")},
    "clip": {"clip": 1.0},
    "variance": {"select": {"variance": 5400.0}},
    "correlation": {"select": {"correlation": 0.1}},
    "k_best": {"select": {"k_best": 6}},
    "rfe": {"select": {"rfe": 4}},
    "pca": {"extract": {"name": "pca", "components": 5}},
}
ALL_TABLES = [("table", name) for name in TABLE_CASES] + [("later table", name) for name in LATER_CASES]
CASES = ALL_TABLES + [("pictures", name) for name in PICTURE_CASES]
CURVED = (
    *("scale quantile", "scale power", "encode embedding", "embedding and pca", "clip", "pieces", "everything"),
    "all of all",
)


def rows_of(data, index):
    if isinstance(data, Images):
        return Images(data.pixels[index], None, data.class_names)
    return Table(data.frame[index], data.features, ())


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def case(request):
    """Training rows with the features fitted on them."""
    kind, name = request.param
    if kind == "pictures":
        data, sections, y = pictures(), PICTURE_CASES[name], np.arange(150) % 3
    elif kind == "table":
        data, sections, y = mixed_table(), TABLE_CASES[name], binary_target()
    else:
        data, sections, y = later_table(), LATER_CASES[name], binary_target()
    return data, fit_features(data, FeaturesConfig.model_validate(sections), 0, y, classification=True)


def test_the_matrix_is_what_the_layout_says(case):
    data, features = case
    x = features.transform(data)
    layout = features.layout
    assert (x.dtype, tuple(x.shape)) == (np.float32, (len(data), layout.width))
    assert len(set(layout.names)) == layout.n_numeric == layout.width - len(layout.cardinalities)
    assert np.isfinite(x).all()
    codes = x[:, layout.n_numeric :]
    assert np.array_equal(codes, np.floor(codes))
    assert (codes < np.array(layout.cardinalities)).all()


def test_saved_and_loaded_gives_the_same_bits(case):
    data, features = case
    state, tensors = features.to_state()
    again = FittedFeatures.from_state(json.loads(json.dumps(state, allow_nan=False)), load(save(tensors)))
    assert np.array_equal(again.transform(data), features.transform(data))
    assert np.array_equal(again.transform_training(data), features.transform_training(data))
    assert (again.layout, again.schema, again.report) == (features.layout, features.schema, features.report)
    assert again.to_state()[0] == state


def test_a_row_alone_has_the_bits_it_has_among_others(case):
    data, features = case
    whole = features.transform(data)
    for i in (0, 1, 62, 63, 64, len(data) - 1):
        assert np.array_equal(features.transform(rows_of(data, slice(i, i + 1)))[0], whole[i])
    assert np.array_equal(features.transform(rows_of(data, slice(17, 120))), whole[17:120])


def test_even_the_bits_that_rounding_to_float32_hides_are_the_same():
    data = mixed_table(1000)
    config = FeaturesConfig.model_validate(EVERYTHING)
    source = fit_features(data, config, 0, binary_target(1000), True).source
    whole = source.scaled_features(data.frame, None)
    chosen = range(0, 1000, 7)
    alone = [source.scaled_features(data.frame[i], None)[0] for i in chosen]
    np.testing.assert_array_equal(np.stack(alone), whole[chosen])


def test_no_rows_give_an_empty_matrix(case):
    data, features = case
    assert features.transform(rows_of(data, slice(0, 0))).shape == (0, features.layout.width)


def test_transform_changes_neither_rows_nor_features(case):
    data, features = case
    before = data.pixels.copy() if isinstance(data, Images) else data.frame.clone()
    tensors = features.to_state()[1]
    first = features.transform(data)
    assert np.array_equal(features.transform(data), first)
    if isinstance(data, Images):
        np.testing.assert_array_equal(data.pixels, before)
    else:
        assert data.frame.equals(before, null_equal=True)
    after = features.to_state()[1]
    assert all(np.array_equal(after[name], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize("case", ALL_TABLES, ids=" ".join, indirect=True)
def test_columns_are_found_by_name(case):
    data, features = case
    turned = data.frame.select(pl.lit("x").alias("stranger"), *reversed(data.frame.columns))
    assert np.array_equal(features.transform(Table(turned, (), ())), features.transform(data))


@pytest.mark.parametrize("case", [case for case in CASES if case[1] not in CURVED], ids=" ".join, indirect=True)
def test_affine_map_agrees_with_the_transform(case):
    data, features = case
    line = features.affine()
    if isinstance(data, Images):
        units = data.pixels.reshape(len(data), -1).astype(np.float64)
    else:
        inputs = next(features.source._portions(data.frame, None))[1]
        units = np.concatenate(features.source.arithmetic.assemble(*inputs), axis=1)[: len(data)]
    assert units.shape[1] == len(line.names) == line.matrix.shape[1]
    expected = features.transform(data)
    np.testing.assert_allclose(units @ line.matrix.T + line.offset, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("sections", "affine"),
    [
        ({}, True),
        ({"scale": "minmax", "encode": "target", "indicator": True}, True),
        ({"extract": {"name": "pca", "components": 3}}, True),
        ({"scale": "power"}, False),
        ({"scale": "quantile"}, False),
        ({"clip": 3.0}, False),
        ({"pieces": 3}, False),
        ({"encode": "embedding"}, False),
    ],
)
def test_only_straight_lines_have_an_affine_map(sections, affine):
    features = fit_features(mixed_table(), FeaturesConfig.model_validate(sections), 0, binary_target(), True)
    assert (features.affine() is not None) == affine


def test_portions_do_not_change_a_bit(monkeypatch):
    data = mixed_table(700)
    features = fit_features(data, FeaturesConfig.model_validate(EVERYTHING), 0, binary_target(700), True)
    whole = features.transform(data), features.transform_training(data)
    monkeypatch.setattr("mlcli.features.table._CELLS", 1)
    assert np.array_equal(features.transform(data), whole[0])
    assert np.array_equal(features.transform_training(data), whole[1])


def test_fitting_twice_gives_the_same_bits():
    config = FeaturesConfig.model_validate(EVERYTHING)
    one, two = (fit_features(mixed_table(), config, 0, binary_target(), True) for _ in range(2))
    assert one.to_state()[0] == two.to_state()[0]
    assert np.array_equal(one.transform(mixed_table()), two.transform(mixed_table()))
