from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.model_selection import KFold
from sklearn.preprocessing import TargetEncoder

from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.tables.types import Table
from mlcli.errors import DataError
from mlcli.features.encoding import cross_fitting_folds, fit_vocabulary
from mlcli.features.fit import fit_features
from mlcli.features.fitted import FittedFeatures
from tests.features.feature_tables import table_of

PETS = ["cat", "dog", "cat", "emu", None, "dog", "cat", "bee"]


def fit(cells, **sections):
    sections = {"scale": "none", "select": {"variance": None}, **sections}
    y = np.arange(len(cells)) % 2
    return fit_features(table_of({"pet": cells}), FeaturesConfig.model_validate(sections), 0, y, True)


def rows(*cells):
    return Table(pl.DataFrame({"pet": cells}, schema={"pet": pl.String}), (), ())


@pytest.mark.parametrize(
    ("limit", "kept", "rare"),
    [
        (5, ("(missing)", "bee", "cat", "dog", "emu"), ()),
        (4, ("(missing)", "bee", "cat", "dog"), ("emu",)),
        (3, ("(missing)", "cat", "dog"), ("bee", "emu")),
        (2, ("cat", "dog"), ("(missing)", "bee", "emu")),
    ],
)
def test_the_most_frequent_are_kept_ties_by_name(limit, kept, rare):
    vocabulary = fit_vocabulary(pl.Series("pet", PETS), "one_hot", limit)
    assert (vocabulary.kept, vocabulary.rare, vocabulary.with_other) == (kept, rare, bool(rare))
    assert vocabulary.codes(pl.Series(kept)).tolist() == list(range(limit))
    assert vocabulary.codes(pl.Series(["emu", "yak", ""], dtype=pl.String)).tolist()[1:] == [limit, limit]


def test_one_hot_has_an_other_column_where_training_rows_need_it():
    features = fit(PETS, max_categories=3)
    assert features.layout.names == ("pet=(missing)", "pet=cat", "pet=dog", "pet=(other)")
    expected = [[0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1]]
    assert features.transform(rows("cat", "emu", None, "yak")).tolist() == expected


def test_one_hot_of_an_unseen_category_is_all_zeros():
    features = fit(["cat", "dog"])
    assert features.transform(rows("yak", "dog", None)).tolist() == [[0, 0], [0, 1], [0, 0]]


def test_missing_and_its_name_are_one_category():
    features = fit(["cat", None, "(missing)"])
    assert features.layout.names == ("pet=(missing)", "pet=cat")
    assert features.unseen(rows(None, "(missing)")) == {}


def test_ordinal_codes_follow_the_names_and_unseen_ones_get_the_mean_code():
    features = fit(PETS, encode="ordinal")
    codes = features.transform(rows("bee", "cat", "dog", "emu", None)).flatten().tolist()
    assert codes == [1, 2, 3, 4, 0]
    mean = np.mean([2, 3, 2, 4, 0, 3, 2, 1])
    assert features.transform(rows("yak")).item() == mean
    limited = fit(PETS, encode="ordinal", max_categories=2)
    assert limited.transform(rows("cat", "dog", "emu", "yak")).flatten().tolist() == pytest.approx([0, 1, 0.4, 0.4])


def test_given_order():
    order = {"columns": {"pet": {"encode": "ordinal", "order": ["yak", "emu", "dog", "cat", "bee"]}}}
    features = fit(PETS, **order)
    assert features.transform(rows("yak", "emu", "dog", "cat", "bee")).flatten().tolist() == [0, 1, 2, 3, 4]
    mean = np.float32(np.mean([3, 2, 3, 1, 2, 3, 4]))
    assert features.transform(rows(None, "ant")).flatten().tolist() == [mean, mean]
    assert features.unseen(rows(None, "ant", "yak")) == {"pet": 1}


def test_an_order_may_say_where_missing_stands():
    features = fit(["lo", None, "hi"], columns={"pet": {"encode": "ordinal", "order": ["(missing)", "lo", "hi"]}})
    assert features.transform(rows("hi", None, "lo")).flatten().tolist() == [2, 0, 1]


def test_categories_outside_the_order_are_named():
    order = {"columns": {"pet": {"encode": "ordinal", "order": ["dog", "cat"]}}}
    with pytest.raises(DataError, match=r"features\.columns\.pet\.order: .*'bee', 'emu'.*list every category"):
        fit(PETS, **order)


def test_embedded_codes_come_last_and_the_reserved_code_is_the_last():
    table = table_of({"pet": PETS, "age": list(range(8)), "town": ["b", "a"] * 4})
    config = FeaturesConfig.model_validate({"encode": "embedding", "columns": {"town": {"encode": "one_hot"}}})
    features = fit_features(table, config, 0)
    layout = features.layout
    assert (layout.names, layout.embedded, layout.cardinalities) == (("age", "town=a", "town=b"), ("pet",), (6,))
    given = pl.DataFrame({"town": ["a"] * 3, "age": [1.0] * 3, "pet": ["cat", "yak", None]})
    assert features.transform(Table(given, (), ()))[:, -1].tolist() == [2, 5, 0]


def test_unseen_cells_are_counted_by_column_and_rare_ones_are_not():
    table = table_of({"pet": PETS, "town": ["a"] * 8})
    features = fit_features(table, FeaturesConfig(max_categories=2), 0)
    given = pl.DataFrame({"pet": ["emu", "yak", "gnu", "cat", None], "town": ["a", "a", None, "b", "a"]})
    assert features.unseen(Table(given, (), ())) == {"pet": 2, "town": 2}
    assert features.unseen(table) == {}


def test_an_unseen_category_has_the_mean_target():
    features = fit_features(
        table_of({"pet": ["cat", "dog"] * 10, "x": range(20)}),
        FeaturesConfig(encode="target", scale="none"),
        0,
        np.r_[np.zeros(6, dtype=int), np.ones(14, dtype=int)],
        True,
    )
    assert features.layout.names == ("x", "pet_target")
    given = pl.DataFrame({"pet": ["yak"], "x": [0.0]})
    assert features.transform(Table(given, (), ()))[0, 1].item() == pytest.approx(0.7)


def test_a_training_row_does_not_see_its_own_target():
    """With one row to a category, cross-fitting leaves nothing but the mean of the other folds."""
    names = [f"c{i}" for i in range(40)]
    y = np.arange(40) // 3 % 2
    config = FeaturesConfig(encode="target", scale="none")
    features = fit_features(table_of({"id": names}), config, 3, y, True)
    crossed = features.transform_training(table_of({"id": names})).flatten()
    folds = cross_fitting_folds(40, 3, None)
    assert np.bincount(folds).tolist() == [8] * 5
    assert folds.tolist() != (np.arange(40) % 5).tolist()
    np.testing.assert_allclose(crossed, [y[folds != fold].mean() for fold in folds], rtol=1e-6)


def test_features_of_earlier_versions_have_row_i_in_fold_i_mod_5():
    names, y = [f"c{i}" for i in range(40)], np.arange(40) // 3 % 2
    table, folds = table_of({"id": names}), np.arange(40) % 5
    config = FeaturesConfig(encode="target", scale="none")
    state, tensors = fit_features(table, config, 0, y, True).to_state()
    del state["plan"]["fold_seed"]
    means = np.array([[y[folds != fold].mean()] for fold in range(5)])
    tensors["encode.target"][:5] = means[:, None]
    crossed = FittedFeatures.from_state(state, tensors).transform_training(table).flatten()
    np.testing.assert_allclose(crossed, [y[folds != fold].mean() for fold in folds], rtol=1e-6)


@pytest.mark.parametrize("order", ["by day", "by shop", "in blocks"])
@pytest.mark.parametrize("split", ["none", "time", "group"])
@pytest.mark.parametrize("shops", [9, 10])
def test_a_panel_is_encoded_as_by_scikit_learn(shops, order, split):
    """A shop's level makes nearly all of the target's variance, and so it does of the training rows' means."""
    day, shop = (grid.ravel() for grid in np.meshgrid(np.arange(60), np.arange(shops), indexing="ij"))
    if order == "by shop":
        day, shop = day[np.argsort(shop, kind="stable")], np.sort(shop)
    if order == "in blocks":
        rank = np.lexsort((shop, day // 5))
        day, shop = day[rank], shop[rank]
    rng = np.random.default_rng(35)
    y = rng.normal(0, 10, shops)[shop] + rng.normal(0, 1, len(shop))
    groups = {"none": None, "time": day, "group": (day * 7 + shop) % 23}[split]
    table = replace(table_of({"shop": [f"s{i}" for i in shop]}), groups=groups)
    features = fit_features(table, FeaturesConfig(encode="target", scale="none"), 0, y)
    ours = features.transform_training(table).flatten()
    theirs = (
        TargetEncoder(target_type="continuous", cv=KFold(5, shuffle=True, random_state=0))
        .fit_transform(shop[:, None], y)
        .ravel()
    )
    assert np.abs(ours - theirs).max() < 0.5  # the standard error of the mean of 48 days is 0.14
    assert 1 - np.square(y - ours).sum() / np.square(y - y.mean()).sum() > 0.95


def test_rows_of_one_group_are_in_one_fold():
    groups = np.random.default_rng(0).integers(0, 12, 200)
    folds = cross_fitting_folds(200, 1, groups)
    assert len(set(zip(groups, folds, strict=True))) == 12
    assert sorted(set(folds)) == [0, 1, 2, 3, 4]
    assert np.bincount(cross_fitting_folds(200, 1, np.zeros(200, int))).tolist() == [40] * 5  # one group alone


def test_scale_statistics_of_target_means_are_those_of_training():
    rng = np.random.default_rng(0)
    table = table_of({"pet": [str(v) for v in rng.choice(list("abcdef"), 200)]})
    y = rng.normal(size=200)
    x = fit_features(table, FeaturesConfig(encode="target"), 0, y).transform_training(table)
    assert x.mean().item() == pytest.approx(0, abs=1e-6)
    assert x.std().item() == pytest.approx(1, abs=1e-6)
