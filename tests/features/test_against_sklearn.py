"""Every transform that scikit-learn has gives scikit-learn's numbers."""

import numpy as np
import pytest
from scipy.stats import norm, rankdata
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import RFE, SelectKBest, VarianceThreshold, f_classif, f_regression
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.tables.types import Table
from mlcli.features.encoding import cross_fitting_folds
from mlcli.features.fit import fit_features
from mlcli.features.fitted import FittedFeatures
from tests.features.feature_tables import mixed_table, pictures, table_of

N = 400


def numbers(n=N, seed=0, gaps=0.0):
    """Columns (n, 5): normal, far from 0, skewed, with ties, mostly 0."""
    rng = np.random.default_rng(seed)
    x = np.stack(
        [
            rng.normal(0, 1, n),
            rng.normal(1e4, 30, n),
            rng.lognormal(0, 1, n),
            rng.integers(0, 5, n).astype(float),
            rng.exponential(2, n) * (rng.random(n) < 0.7),
        ],
        axis=1,
    )
    x[rng.random(x.shape) < gaps] = np.nan
    return x


def as_table(x):
    return table_of({f"x{i}": [None if np.isnan(v) else v for v in column] for i, column in enumerate(x.T)})


def words_of(data):
    """The category columns of `mixed_table`, object (n, 3)."""
    return data.frame.select("city", "size", "code").fill_null("(missing)").to_numpy()


def ours(train, rows, sections, y=None, classification=False):
    features = fit_features(as_table(train), FeaturesConfig.model_validate(sections), 0, y, classification)
    return features.transform(as_table(rows))


SCALERS = {
    "standard": StandardScaler(),
    "minmax": MinMaxScaler(),
    "robust": RobustScaler(),
    "power": PowerTransformer(),
}


@pytest.mark.parametrize("scale", SCALERS)
def test_scales(scale):
    train, rows = numbers(), np.concatenate([numbers(seed=1), [[9.0, 0.0, 50.0, 99.0, -1.0]], numbers()[:3]])
    expected = SCALERS[scale].fit(train).transform(rows)
    np.testing.assert_allclose(ours(train, rows, {"scale": scale}), expected, rtol=1e-6, atol=1e-6)


def normal_ranks(x):
    """SciPy's normal scores of ranks, in which equal numbers share the mean of their ranks."""
    return norm.ppf((rankdata(x, axis=0) - 0.5) / len(x))


def test_quantile_gives_normal_scores_of_mean_ranks():
    flags = np.stack([np.arange(N) % 2, np.arange(N) == 7, np.arange(N) * 1e-9], axis=1)
    train = np.hstack([numbers(), flags])
    got = ours(train, train, {"scale": "quantile"})
    np.testing.assert_allclose(got, normal_ranks(train), rtol=1e-6, atol=1e-6)
    assert sorted({*got[:, 5].tolist()}) == pytest.approx([-0.67448975, 0.67448975])
    beyond = ours(train, np.stack([train.min(axis=0) - 1, train.max(axis=0) + 1]), {"scale": "quantile"})
    np.testing.assert_allclose(beyond, np.stack([got.min(axis=0), got.max(axis=0)]))


def test_many_rows_have_a_thousand_quantiles_and_their_ties_are_exact():
    train = numbers(3000)
    got, expected = ours(train, train, {"scale": "quantile"}), normal_ranks(train)
    np.testing.assert_allclose(norm.cdf(got), norm.cdf(expected), atol=2 / 3000)
    tied = train[:, 4] == 0
    np.testing.assert_allclose(got[tied, 4], expected[tied, 4], rtol=1e-6)
    np.testing.assert_allclose(got[:, 3], expected[:, 3], rtol=1e-6)


def test_quantiles_of_earlier_versions_have_no_shares_and_give_scikit_learns_numbers():
    train, rows = numbers(), np.concatenate([numbers(seed=1), [[9.0, 0.0, 50.0, 99.0, -1.0]], numbers()[:3]])
    features = fit_features(as_table(train), FeaturesConfig(scale="quantile"), 0)
    state, tensors = features.to_state()
    scaler = QuantileTransformer(n_quantiles=N, output_distribution="normal", subsample=None).fit(train)
    del tensors["scale.quantile.shares"]
    tensors["scale.quantile.quantiles"] = scaler.quantiles_.T.copy()
    got = FittedFeatures.from_state(state, tensors).transform(as_table(rows))
    np.testing.assert_allclose(got, scaler.transform(rows), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("impute", ["mean", "median", "constant"])
def test_imputation_and_indicators(impute):
    train, rows = numbers(gaps=0.1), numbers(seed=1, gaps=0.2)
    train[:, 0] = np.random.default_rng(2).normal(size=N)
    imputer = SimpleImputer(strategy=impute, fill_value=-3.0 if impute == "constant" else None).fit(train)
    filled = make_pipeline(imputer, StandardScaler()).fit(train).transform(rows)
    marks = MissingIndicator(features="missing-only", error_on_new=False).fit(train).transform(rows)
    sections = {"impute": impute, "fill_value": -3.0, "indicator": True}
    np.testing.assert_allclose(ours(train, rows, sections), np.hstack([filled, marks]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("threshold", [0.0, 1.5, 5.0])
def test_variance_threshold(threshold):
    train = np.hstack([numbers(), np.full((N, 1), 0.1)])
    expected = VarianceThreshold(threshold).fit(train).transform(train)
    np.testing.assert_allclose(ours(train, train, {"scale": "none", "select": {"variance": threshold}}), expected)


@pytest.mark.parametrize("classification", [True, False])
@pytest.mark.parametrize("k", [1, 3])
def test_k_best(classification, k):
    x = numbers()
    rng = np.random.default_rng(3)
    y = (x[:, 2] + x[:, 3] + rng.normal(size=N)).astype(int).clip(0, 3) if classification else x[:, 4] - x[:, 0]
    chosen = SelectKBest(f_classif if classification else f_regression, k=k).fit(x, y).get_support()
    got = ours(x, x, {"select": {"k_best": k}}, y, classification)
    np.testing.assert_allclose(got, StandardScaler().fit_transform(x)[:, chosen], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("classes", [0, 2, 4])
@pytest.mark.parametrize("k", [1, 4, 11])
def test_rfe(classes, k, n_outputs):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(N, 12)) @ rng.normal(size=(12, 12))
    y = x @ rng.normal(size=(12, n_outputs)) + rng.normal(size=(N, n_outputs))
    if classes:
        y = np.digitize(y[:, 0], np.quantile(y[:, 0], np.linspace(0, 1, classes + 1)[1:-1]))
    z = StandardScaler().fit_transform(x)
    chosen = RFE(RidgeClassifier() if classes else Ridge(), n_features_to_select=k).fit(z, y).get_support()
    np.testing.assert_allclose(ours(x, x, {"select": {"rfe": k}}, y, bool(classes)), z[:, chosen], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("components", [3, 0.8])
def test_pca(components, whiten):
    train, rows = numbers(), numbers(seed=1)
    pipeline = make_pipeline(StandardScaler(), PCA(components, whiten=whiten)).fit(train)
    got = ours(train, rows, {"extract": {"name": "pca", "components": components, "whiten": whiten}})
    np.testing.assert_allclose(got, pipeline.transform(rows), rtol=1e-5, atol=2e-6)


def test_one_hot_and_numbers_together():
    rng = np.random.default_rng(0)
    data = mixed_table(seed=5)
    x, words = data.frame.select("income", "age", "rooms").to_numpy(), words_of(data)
    both = np.hstack([x.astype(object), words])
    transformer = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), [0, 1, 2]),
            ("words", OneHotEncoder(sparse_output=False), [3, 4, 5]),
        ]
    )
    expected = transformer.fit_transform(both).astype(float)
    shuffled = rng.permutation(len(data))
    features = fit_features(data, FeaturesConfig(), 0)
    np.testing.assert_allclose(features.transform(data), expected, rtol=1e-6, atol=1e-6)
    turned = features.transform(Table(data.frame[shuffled], data.features, ()))
    np.testing.assert_allclose(turned, expected[shuffled], rtol=1e-6, atol=1e-6)
    names = [name.replace("_", "=", 1) for name in transformer["words"].get_feature_names_out(["city", "size", "code"])]
    assert features.layout.names == ("income", "age", "rooms", *names)


def test_ordinal_codes():
    data = mixed_table()
    words = words_of(data)
    expected = OrdinalEncoder().fit_transform(words)
    features = fit_features(data, FeaturesConfig(encode="ordinal", scale="none"), 0)
    np.testing.assert_array_equal(features.transform(data)[:, -3:], expected)


@pytest.mark.parametrize("kind", ["binary", "classes", "regression", "two targets"])
def test_target_means(kind):
    data = mixed_table(600)
    rng = np.random.default_rng(6)
    lean = np.array([v or "" for v in data.frame["city"]]) == "Oslo"
    y = {
        "binary": (rng.random(600) < 0.3 + 0.4 * lean).astype(int),
        "classes": rng.integers(0, 3, 600) + lean,
        "regression": rng.normal(5, 2, 600) + lean,
        "two targets": np.stack([rng.normal(5, 2, 600) + lean, rng.normal(0, 1, 600)], axis=1),
    }[kind]
    classes = kind in ("binary", "classes")
    words = words_of(data)

    def encode(fit_on, rows):
        if kind != "two targets":
            encoder = TargetEncoder(target_type={"classes": "multiclass", "regression": "continuous"}.get(kind, kind))
            return encoder.fit(words[fit_on], y[fit_on]).transform(words[rows])
        parts = [TargetEncoder().fit(words[fit_on], column[fit_on]).transform(words[rows]) for column in y.T]
        return np.stack(parts, axis=2).reshape(len(parts[0]), -1)

    features = fit_features(
        data, FeaturesConfig(encode="target", scale="none", select={"variance": None}), 0, y, classes
    )
    everyone = np.arange(600)
    np.testing.assert_allclose(features.transform(data)[:, 3:], encode(everyone, everyone), rtol=1e-6)
    crossed = features.transform_training(data)[:, 3:]
    for fold in range(5):
        inside = cross_fitting_folds(600, 0, None) == fold
        np.testing.assert_allclose(crossed[inside], encode(~inside, inside), rtol=1e-6)


@pytest.mark.parametrize("scale", ["standard", "minmax", "robust"])
def test_pictures_share_one_scale(scale):
    data = pictures()
    flat = data.pixels.reshape(len(data), -1).astype(float)
    scaler = SCALERS[scale].fit(flat.reshape(-1, 1))
    expected = scaler.transform(flat.reshape(-1, 1)).reshape(flat.shape)
    features = fit_features(data, FeaturesConfig(scale=scale), 0)
    np.testing.assert_allclose(features.transform(data), expected, rtol=1e-6, atol=1e-6)


def test_picture_components():
    data = pictures()
    flat = data.pixels.reshape(len(data), -1).astype(float)
    z = (flat - flat.mean()) / flat.std()
    features = fit_features(data, FeaturesConfig.model_validate({"extract": {"name": "pca", "components": 6}}), 0)
    np.testing.assert_allclose(features.transform(data), PCA(6).fit_transform(z), rtol=1e-5, atol=2e-6)


def test_correlation_filter_drops_the_later_of_two():
    rng = np.random.default_rng(7)
    a, b = rng.normal(size=(2, N))
    train = np.stack([a, b, a + 0.05 * b, -2 * b + 1, with_noise(a, rng)], axis=1)
    r = np.corrcoef(train.T)
    assert abs(r[0, 2]) > 0.9
    assert abs(r[1, 3]) > 0.9
    assert abs(r[0, 4]) < 0.9
    features = fit_features(as_table(train), FeaturesConfig.model_validate({"select": {"correlation": 0.9}}), 0)
    assert features.layout.names == ("x0", "x1", "x4")
    dropped = {lost.name: (lost.like, lost.value) for lost in features.report.dropped}
    assert {name: like for name, (like, _) in dropped.items()} == {"x2": "x0", "x3": "x1"}
    np.testing.assert_allclose([dropped["x2"][1], dropped["x3"][1]], [r[0, 2], r[1, 3]])


def with_noise(column, rng):
    return column + rng.normal(size=len(column))
