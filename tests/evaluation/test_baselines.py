"""Baselines that are trained, against scikit-learn on the same arrays."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, QuantileRegressor, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.tables.types import Column, Images, Table
from mlcli.errors import ConfigError
from mlcli.evaluation.baselines import baseline_names, fingerprint_baselines, obtain_baselines, predict_baselines
from mlcli.evaluation.estimators import boosting_rounds, max_neighbour_rows
from mlcli.evaluation.training_sample import MAX_ROWS, MIN_ROWS, average_pixels, sample_rows, sample_size
from mlcli.features.fit import fit_features
from mlcli.models.task import Classification, Regression
from tests.evaluation.examples import classification, regression

NUMBERS = tuple(Column(name, "number") for name in "abc")
KINDS = ("red", "green", "blue")


def table(n, seed=0, **cells):
    """Three numbers a row, and a class and a number that follow from them, with noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    noise = rng.normal(size=n) / 2
    kind = np.digitize(x[:, 0] + x[:, 1] ** 2 + noise, [0.3, 1.5])
    columns = dict(zip("abc", x.T, strict=True)) | cells
    answers = {"kind": np.array(KINDS)[kind], "y": 100 + 20 * x[:, 2] + 5 * noise}
    return pl.DataFrame({**columns, **answers})


def as_table(frame, *targets, features=NUMBERS):
    kinds = {"kind": "category"}
    return Table(frame, features, tuple(Column(name, kinds.get(name, "number")) for name in targets))


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def frames():
    return table(120), table(40, seed=1)


def fitted(task, frame, target, **config):
    train = as_table(frame, target)
    y = task.truth(train)
    return train, fit_features(train, FeaturesConfig(**config), 0, y, isinstance(task, Classification))


def standardised(train, test):
    return [(x - train.mean(axis=0)) / train.std(axis=0) for x in (train, test)]


def arrays(frames):
    return [frame.select("a", "b", "c").to_numpy() for frame in frames]


BOOSTING = {"early_stopping": False, "random_state": 7}
TREE = {"min_samples_leaf": 5, "random_state": 7}


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("logistic", LogisticRegression(max_iter=500)),
        ("knn", KNeighborsClassifier()),
        ("tree", DecisionTreeClassifier(**TREE)),
        ("forest", RandomForestClassifier(random_state=7)),
        ("boosting", HistGradientBoostingClassifier(**BOOSTING)),
    ],
)
def test_classes_are_answered_as_scikit_learn_answers_them(frames, name, peer):
    task = Classification("kind", KINDS, (1, 1, 1), "softmax", True)
    train, features = fitted(task, frames[0], "kind")
    [found] = predict_baselines(task, features, train, as_table(frames[1]), [name], seed=7)
    x, new = standardised(*arrays(frames))
    peer.fit(x.astype(np.float32), task.truth(train))
    expected = peer.predict_proba(new.astype(np.float32))
    np.testing.assert_allclose(found.predictions.probabilities, expected, atol=1e-3)
    assert found.predictions.values.tolist() == expected.argmax(axis=1).tolist()
    assert "of 120 rows" not in found.text


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("linear", LinearRegression()),
        ("ridge", Ridge()),
        ("knn", KNeighborsRegressor()),
        ("tree", DecisionTreeRegressor(**TREE)),
        ("forest", ExtraTreesRegressor(random_state=7)),
        ("boosting", HistGradientBoostingRegressor(**BOOSTING)),
    ],
)
def test_numbers_are_answered_as_scikit_learn_answers_them(frames, name, peer):
    y = frames[0]["y"].to_numpy()
    task = Regression(("y",), (y.mean(),), (y.std(),))
    train, features = fitted(task, frames[0], "y")
    [found] = predict_baselines(task, features, train, as_table(frames[1]), [name], seed=7)
    x, new = standardised(*arrays(frames))
    expected = peer.fit(x.astype(np.float32), y).predict(new.astype(np.float32))
    np.testing.assert_allclose(found.predictions.values[:, 0], expected, rtol=2e-2 if name == "forest" else 2e-3)


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("linear", QuantileRegressor(quantile=0.8, alpha=1 / 120)),
        ("boosting", HistGradientBoostingRegressor(loss="quantile", quantile=0.8, **BOOSTING)),
    ],
)
def test_quantiles_are_answered_as_scikit_learn_answers_them(frames, name, peer):
    y = frames[0]["y"].to_numpy()
    task = Regression(("y",), (y.mean(),), (y.std(),), q=0.8, constant=(y[0],))
    train, features = fitted(task, frames[0], "y")
    [found] = predict_baselines(task, features, train, as_table(frames[1]), [name], seed=7)
    x, new = standardised(*arrays(frames))
    expected = peer.fit(x.astype(np.float32), (y - y.mean()) / y.std()).predict(new.astype(np.float32))
    np.testing.assert_allclose(found.predictions.values[:, 0], expected * y.std() + y.mean(), rtol=2e-3)


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("linear", PoissonRegressor(alpha=1 / 120, max_iter=500)),
        ("tree", DecisionTreeRegressor(criterion="poisson", **TREE)),
        ("boosting", HistGradientBoostingRegressor(loss="poisson", **BOOSTING)),
    ],
)
def test_counts_are_answered_as_scikit_learn_answers_them(frames, name, peer):
    rows = [frame.with_columns(n=(pl.col("c") + 0.3 * pl.col("a")).exp().floor()) for frame in frames]
    y = rows[0]["n"].to_numpy()
    task = Regression(("n",), (0.0,), (y.mean(),), output="exp")
    train, features = fitted(task, rows[0], "n")
    [found] = predict_baselines(task, features, train, as_table(rows[1]), [name], seed=7)
    x, new = standardised(*arrays(rows))
    expected = peer.fit(x.astype(np.float32), y / y.mean()).predict(new.astype(np.float32)) * y.mean()
    np.testing.assert_allclose(found.predictions.values[:, 0], expected, rtol=2e-3)


def test_several_quantiles_and_counts(frames):
    frame = frames[0].with_columns(z=pl.col("y") * 10)
    train = as_table(frame, "y", "z")
    y = train.frame.select("y", "z").to_numpy()
    features = fit_features(train, FeaturesConfig(), 0, y)
    whole = Regression(("y", "z"), tuple(y.mean(axis=0)), tuple(y.std(axis=0)))
    counts = Regression(("y", "z"), (0.0, 0.0), tuple(y.mean(axis=0)), output="exp")
    for task in (replace(whole, q=0.3, constant=tuple(np.quantile(y, 0.3, axis=0))), counts):
        for found in predict_baselines(task, features, train, train, baseline_names(task, "auto"), seed=0):
            values = found.predictions.values
            np.testing.assert_allclose(values[:, 0] * 10, values[:, 1], rtol=1e-6)


def test_several_targets_and_inputs_of_any_size(frames):
    frame = frames[0].with_columns(z=pl.col("y") * 1e6, a=pl.col("a") * 1e9)
    train = as_table(frame, "y", "z")
    y = train.frame.select("y", "z").to_numpy()
    task = Regression(("y", "z"), tuple(y.mean(axis=0)), tuple(y.std(axis=0)))
    features = fit_features(train, FeaturesConfig(scale="none"), 0, y)
    for found in predict_baselines(task, features, train, train, baseline_names(task, "auto"), seed=0):
        values = found.predictions.values
        np.testing.assert_allclose(values[:, 0] * 1e6, values[:, 1], rtol=1e-6)


def test_inputs_beyond_all_bounds_are_learned_from_and_answered(frames):
    rows = frames[0].with_columns(a=pl.when(pl.int_range(pl.len()) < 3).then(1e300).otherwise("a"))
    task = Classification("kind", KINDS, (1, 1, 1), "softmax", True)
    train, features = fitted(task, rows, "kind", scale="none")
    for found in predict_baselines(task, features, train, train, baseline_names(task, "auto"), seed=0):
        assert np.isfinite(found.predictions.scores).all()


def test_few_rows_are_enough_to_learn_from(frames):
    task = classification(2)
    train, features = fitted(task, frames[0][:2].with_columns(label=pl.Series(["a", "b"])), "label")
    train = Table(train.rows, NUMBERS, (Column("label", "category"),))
    for found in predict_baselines(task, features, train, train, baseline_names(task, "auto"), seed=0):
        assert found.predictions.probabilities.shape == (2, 2)


@pytest.mark.parametrize(
    ("rows", "inputs", "outputs", "learned"),
    [
        (150, 4, 3, 150),  # iris
        (29_305, 90, 1, 29_305),  # Adult
        (14_448, 16, 1, 14_448),  # California
        (60_000, 784, 10, 5_102),  # MNIST
        (10_000_000, 10, 1, MAX_ROWS),
        (10_000, 100_000, 100, MIN_ROWS),
    ],
)
def test_rows_learned_from_are_bounded_by_rule(rows, inputs, outputs, learned):
    assert sample_size(rows, inputs, outputs) == learned
    assert learned in (rows, MIN_ROWS, MAX_ROWS) or learned * inputs * outputs <= 40_000_000


@pytest.mark.parametrize(("inputs", "measured"), [(784, 10_000), (90, 16_281), (4, 30), (1000, 10_000_000)])
def test_neighbours_are_bounded_by_the_rows_to_answer(inputs, measured):
    n = max_neighbour_rows(inputs, measured)
    assert n == 200 or n * inputs * measured <= 40_000_000_000


def test_boosting_is_bounded_by_inputs_and_outputs():
    assert [boosting_rounds(*sizes) for sizes in ((4, 3), (90, 1), (784, 10), (784, 2))] == [300, 300, 8, 38]


def test_rows_are_drawn_by_class_in_proportion_and_none_is_left_out():
    y = np.repeat([0, 1, 2], [800, 199, 1])
    kept = sample_rows(y, 100, seed=3)
    assert np.bincount(y[kept]).tolist() == [79, 20, 1]
    assert (np.diff(kept) > 0).all()
    assert sample_rows(y, 100, seed=3).tolist() == kept.tolist() != sample_rows(y, 100, seed=4).tolist()
    assert sample_rows(y, 2000, seed=3).tolist() == list(range(1000))
    assert len(sample_rows(np.zeros((50, 1)), 7, seed=0)) == 7


def test_what_was_cut_is_told(frames, monkeypatch):
    monkeypatch.setattr("mlcli.evaluation.training_sample.MAX_WORK", 3 * 3 * 70)
    monkeypatch.setattr("mlcli.evaluation.training_sample.MIN_ROWS", 10)
    task = Classification("kind", KINDS, (1, 1, 1), "softmax", True)
    train, features = fitted(task, frames[0], "kind")
    found = predict_baselines(task, features, train, as_table(frames[1]), ["tree"], seed=7)
    kept = sample_rows(task.truth(train), 70, seed=7)
    x, new = arrays(frames)
    peer = DecisionTreeClassifier(**TREE).fit(x[kept], task.truth(train)[kept])
    assert found[0].text.endswith("trained on 70 of 120 rows")
    np.testing.assert_array_equal(found[0].predictions.probabilities, peer.predict_proba(new))


def test_pixels_are_averaged_until_few_enough_are_left():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 29, 28, 3), np.uint8)
    expected = pixels[:, :28].reshape(2, 14, 2, 14, 2, 3).mean(axis=(2, 4)).reshape(2, -1)
    np.testing.assert_allclose(average_pixels(pixels), expected, rtol=1e-6)
    assert (average_pixels(pixels[:, :8, :8, 0]) == pixels[:, :8, :8, 0].reshape(2, 64)).all()


def test_averaged_pixels_are_said():
    """32 × 32 pixels are more than 256; 8 × 8 are not."""
    labels = np.arange(30) % 2
    for side, told in ((32, "; on means of 2 × 2 pixels"), (8, "")):
        pixels = np.random.default_rng(0).integers(0, 128, (30, side, side), np.uint8) + labels[:, None, None] * 127
        images = Images(pixels.astype(np.uint8), labels, ("a", "b"))
        task = Classification("label", ("a", "b"), (15, 15), "sigmoid", True)
        features = fit_features(images, FeaturesConfig(), 0, labels, classification=True)
        [found] = predict_baselines(task, features, images, images, ["tree"], seed=0)
        assert found.text == f"a decision tree with 5 training rows or more in each leaf{told}"


def mixed(n, seed):
    """A category without order decides, a number is missing where it would be high."""
    rng = np.random.default_rng(seed)
    kind, x = rng.integers(0, 20, n), rng.normal(size=n)
    y = np.random.default_rng(0).normal(size=20)[kind] * 3 + np.abs(x) + rng.normal(size=n) / 3
    cells = {"a": np.where(x > 1, np.nan, x), "b": kind.astype(float), "c": rng.normal(size=n)}
    return pl.DataFrame(cells | {"y": y}).with_columns(
        pl.col("a").fill_nan(None), pl.col("b").cast(pl.Int64).cast(pl.String)
    )


MIXED = (Column("a", "number"), Column("b", "category"), Column("c", "number"))


def own_peers(classes):
    """scikit-learn's defaults, used well: inputs on one scale where that matters, boosting stopped early."""
    scaled = lambda peer: make_pipeline(StandardScaler(), peer)  # noqa: E731
    if classes:
        return {
            "logistic": scaled(LogisticRegression()),
            "knn": scaled(KNeighborsClassifier()),
            "tree": DecisionTreeClassifier(random_state=0),
            "forest": RandomForestClassifier(random_state=0),
            "boosting": HistGradientBoostingClassifier(random_state=0),
        }
    return {
        "linear": scaled(LinearRegression()),
        "ridge": scaled(Ridge()),
        "knn": scaled(KNeighborsRegressor()),
        "tree": DecisionTreeRegressor(random_state=0),
        "forest": ExtraTreesRegressor(random_state=0),
        "boosting": HistGradientBoostingRegressor(random_state=0),
    }


def bundled(name):
    from sklearn import datasets

    if name == "mixed":
        return None
    if name == "friedman":
        return datasets.make_friedman1(900, noise=1.0, random_state=0), False
    if name == "rare":
        return datasets.make_classification(3000, 8, weights=[0.98], random_state=0), True
    found = getattr(datasets, f"load_{name}")()
    return (found.data, found.target), name != "diabetes"


@pytest.mark.parametrize("name", ["diabetes", "breast_cancer", "friedman", "rare", "mixed"])
def test_each_is_as_good_as_scikit_learns_defaults(name):
    """By log loss or squared error; within 5 %."""
    if name == "mixed":
        frames = mixed(1500, 1), mixed(1000, 2)
        features, classes, peer_x = MIXED, False, [frame.select("a", "b", "c").to_dummies("b") for frame in frames]
        peer_x = [frame.to_numpy() for frame in peer_x]
    else:
        (x, y), classes = bundled(name)
        order, cut = np.random.default_rng(0).permutation(len(x)), 2 * len(x) // 3
        y = y.astype(str) if classes else y
        names = [f"x{i}" for i in range(x.shape[1])]
        features = tuple(Column(own, "number") for own in names)
        frames = [pl.DataFrame(x[at], names).with_columns(y=y[at]) for at in (order[:cut], order[cut:])]
        peer_x = [x[at] for at in (order[:cut], order[cut:])]
    train, new = [Table(f, features, (Column("y", "category" if classes else "number"),)) for f in frames]
    answers = [frame["y"].to_numpy() for frame in frames]
    if classes:
        task = Classification("y", ("0", "1"), tuple(np.unique(answers[0], return_counts=True)[1]), "softmax", True)
    else:
        task = Regression(("y",), (answers[0].mean(),), (answers[0].std(),))
    fit = fit_features(train, FeaturesConfig(), 0, task.truth(train), classes)
    peers = own_peers(classes)
    for found in predict_baselines(task, fit, train, new, list(peers), seed=0):
        peer = peers[found.name].fit(np.nan_to_num(peer_x[0], nan=-9), answers[0])
        if classes:
            shares = np.arange(2) == task.truth(new)[:, None]
            theirs = peer.predict_proba(peer_x[1])
            losses = [-np.log(np.clip(p, 1e-3, 1)[shares]).mean() for p in (found.predictions.probabilities, theirs)]
        else:
            theirs = peer.predict(np.nan_to_num(peer_x[1], nan=-9))
            losses = [np.mean((answers[1] - v) ** 2) for v in (found.predictions.values[:, 0], theirs)]
        assert losses[0] <= 1.05 * losses[1], (found.name, losses)


def test_baselines_are_kept_and_damage_is_repaired(frames, tmp_path, monkeypatch):
    task = Classification("kind", KINDS, (1, 1, 1), "softmax", True)
    train, features = fitted(task, frames[0], "kind")
    names, calls, warned = ("majority", "tree"), [], []
    reporter = SimpleNamespace(warn=warned.append)

    def fit():
        calls.append(1)
        return predict_baselines(task, features, train, as_table(frames[1]), names, seed=7)

    first = obtain_baselines(tmp_path / "kept", task, names, fit, reporter)
    second = obtain_baselines(tmp_path / "kept", task, names, fit, reporter)
    assert calls == [1]
    for one, other in zip(first, second, strict=True):
        assert (one.name, one.text) == (other.name, other.text)
        np.testing.assert_array_equal(one.predictions.probabilities, other.predictions.probabilities)
        np.testing.assert_array_equal(one.predictions.scores, other.predictions.scores)
    with monkeypatch.context() as patch:  # whose import takes longer than all else
        patch.setitem(sys.modules, "sklearn", None)
        key = fingerprint_baselines(task, features, ("rows", "test"), names, 7)
        obtain_baselines(tmp_path / "kept", task, names, fit, reporter)
    assert key != fingerprint_baselines(task, features, ("others", "test"), names, 7)
    assert calls == [1]
    (tmp_path / "kept" / "texts.json").write_text("{}")
    obtain_baselines(tmp_path / "kept", task, names, fit, reporter)
    assert calls == [1, 1]
    assert warned[0].endswith("training the baselines again")


def test_names():
    assert baseline_names(regression(), "none") == ()
    assert baseline_names(regression(), "auto") == ("mean", "linear", "ridge", "knn", "tree", "forest", "boosting")
    assert "ridge" not in baseline_names(replace(regression(), output="exp"), "auto")
    assert baseline_names(replace(regression(), q=0.9), "auto") == ("quantile", "linear", "boosting")
    with pytest.raises(ConfigError, match="'knn' does not suit quantile; choose from quantile, linear, boosting"):
        baseline_names(replace(regression(), q=0.9), ["knn"])
    assert baseline_names(classification(2), ["tree", "majority", "tree"]) == ("tree", "majority")
    with pytest.raises(ConfigError, match="'linear' does not suit classification"):
        baseline_names(classification(2), ["linear"])
