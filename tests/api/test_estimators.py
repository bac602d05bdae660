"""scikit-learn judges the estimators; and they train what `mlcli train` trains."""

import inspect

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import mlcli as package
from mlcli import MlpClassifier, MlpRegressor
from mlcli.api.estimators import KEYS
from mlcli.config.loading.dump import value_at
from mlcli.config.loading.load import make_config
from mlcli.errors import ConfigError, DataError

QUICK = {"hidden": (8,), "lr": 0.05, "batch_size": 32}
X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])


# A row of weight 2 is in one batch and two equal rows may be in two, features are fitted to rows that count alike, and
# networks are of float32, where this check wants seven digits; `test_a_weight_is_as_good_as_so_many_rows` has the rest.
UNAVOIDABLE = {"check_sample_weight_equivalence_on_dense_data": "rows are drawn by chance, and scaled as they are"}


@parametrize_with_checks(
    [MlpClassifier(epochs=10, **QUICK), MlpRegressor(epochs=20, **QUICK)],
    expected_failed_checks=lambda estimator: UNAVOIDABLE,
)
@pytest.mark.filterwarnings("ignore")
def test_what_scikit_learn_expects_of_estimators(estimator, check):
    check(estimator)


def test_defaults_are_those_of_the_configuration():
    config = make_config({"dataset": {"name": "iris", "split": {"test": 0, "valid": 0}}}, "test", "test")
    defaults = {name: one.default for name, one in inspect.signature(MlpClassifier).parameters.items()}
    expected = {name: value_at(config, key) for name, key in KEYS.items()}
    assert {name: defaults[name] for name in KEYS} == {**expected, "lr": None}
    assert inspect.signature(MlpRegressor) == inspect.signature(MlpClassifier)


@pytest.mark.parametrize(("valid", "weights"), [(0.0, None), (0.25, None), (0.25, np.arange(1.0, 151.0))])
def test_it_trains_what_the_command_trains(workspace, mlcli, valid, weights):
    frame = pl.DataFrame({"a": X[:, 0], "b": X[:, 2], "c": [f"t{i % 3}" for i in range(150)]})
    frame = frame.with_columns(pl.when(pl.arange(150) % 7 > 0).then(pl.col("a")).alias("a"))
    more = {} if weights is None else {"w": weights}
    frame.with_columns(species=NAMES[Y], **more).write_parquet("rows.parquet")
    weight = "null" if weights is None else "w"
    split = f"split: {{test: 0, valid: {valid}}}"
    dataset = f"{{name: parquet, path: rows.parquet, target: species, weight: {weight}, {split}}}"
    (workspace / "r.yaml").write_text(
        f"dataset: {dataset}\nseed: 3\nmodel: {{hidden: [8]}}\nfeatures: {{scale: robust}}"
    )
    assert mlcli("train", "r.yaml", "-q", "-S", "training.epochs=4").code == 0
    settings = {"features.scale": "robust"}
    estimator = MlpClassifier((8,), epochs=4, valid=valid, random_state=3, settings=settings)
    estimator.fit(frame, NAMES[Y], sample_weight=weights)
    trained = package.load()
    assert estimator.classes_.tolist() == list(trained.classes)
    assert np.array_equal(estimator.predict_proba(frame), trained.predict_proba(frame))
    assert estimator.model_.scores == trained.scores
    estimator.model_.save("own")
    assert np.array_equal(package.load("own").predict(frame), estimator.predict(frame))
    assert sorted(path.name for path in (workspace / "runs").iterdir()) == ["r"]


@pytest.mark.parametrize(
    ("labels", "kind"),
    [(np.array([10, 2, 33]), "i"), (np.array(["b", " a", "NA"]), "U"), (np.array([False, True, True]), "b")],
)
def test_classes_keep_their_type_and_their_text(labels, kind):
    y = labels[Y]
    fitted = MlpClassifier(epochs=3, random_state=0, **QUICK).fit(X, y)
    assert fitted.predict(X).dtype.kind == kind
    assert set(fitted.predict(X).tolist()) <= set(labels.tolist())
    assert fitted.model_.classes == tuple(map(str, np.unique(labels)))


def test_columns_of_pandas_may_be_categories_with_gaps():
    pandas = pytest.importorskip("pandas")
    color = pandas.Categorical([None if i % 10 == 9 else ("red", "blue")[i % 2] for i in range(100)])
    frame = pandas.DataFrame({"color": color, "size": np.linspace(0, 1, 100)})
    y = np.where(np.arange(100) % 2, 3.0, -3.0)
    fitted = MlpRegressor(epochs=60, random_state=0, **QUICK).fit(frame, y)
    assert fitted.feature_names_in_.tolist() == ["color", "size"]
    assert fitted.model_.features == {"color": "category", "size": "number"}
    known = frame.color.notna().to_numpy()
    assert np.abs(fitted.predict(frame)[known] - y[known]).max() < 1
    backwards = fitted.predict(frame.iloc[::-1])
    assert np.array_equal(backwards[::-1], fitted.predict(frame))
    with pytest.raises(ValueError, match="must be in the same order"):
        fitted.predict(frame[["size", "color"]])


def test_nothing_is_left_on_the_disk(workspace):
    before = sorted(workspace.rglob("*"))
    MlpClassifier(epochs=1, **QUICK).fit(X, Y).predict(X)
    assert sorted(workspace.rglob("*")) == before


def test_training_stops_early_and_repeats_itself():
    settings = {"training.early_stopping.min_delta": 10.0}
    stopping = MlpClassifier(epochs=50, patience=2, valid=0.2, random_state=1, settings=settings, **QUICK)
    first, again = clone(stopping).fit(X, Y), clone(stopping).fit(X, Y)
    assert first.n_iter_ == len(first.loss_curve_) == 3
    assert np.array_equal(first.predict_proba(X), again.predict_proba(X))
    other = clone(stopping).set_params(random_state=2).fit(X, Y)
    assert not np.array_equal(first.predict_proba(X), other.predict_proba(X))
    assert set(first.model_.scores) == {"train", "valid"}


def test_they_are_parts_of_searches_and_pipelines():
    pipeline = make_pipeline(StandardScaler(), MlpClassifier(epochs=10, random_state=0, **QUICK))
    search = GridSearchCV(pipeline, {"mlpclassifier__lr": [1e-6, 0.05]}, cv=3).fit(X, Y)
    assert search.best_params_ == {"mlpclassifier__lr": 0.05}
    assert search.score(X, Y) > 0.9


def test_several_numbers_are_predicted_together():
    y = np.column_stack([X[:, 0], 10 * X[:, 2]])
    fitted = MlpRegressor(epochs=40, random_state=0, **QUICK).fit(X, y)
    assert fitted.predict(X).shape == (150, 2)
    assert fitted.score(X, y) > 0.8


@pytest.mark.parametrize("kind", [MlpClassifier, MlpRegressor])
def test_a_weight_is_as_good_as_so_many_rows(kind):
    """Where all rows are one batch and nothing is fitted to the columns."""
    counts = np.random.default_rng(0).integers(0, 4, 60)
    rows, y = X[::2][:60], (Y[::2][:60] > 0).astype(int)
    plain = {"hidden": (8,), "activation": "tanh", "optimizer": "sgd", "lr": 0.1, "epochs": 30, "random_state": 0}
    network = kind(**plain, batch_size="full", settings={"features.scale": "none"})
    weighted = clone(network).fit(rows, y, sample_weight=counts)
    repeated = clone(network).fit(rows.repeat(counts, axis=0), y.repeat(counts))
    answer = "predict_proba" if kind is MlpClassifier else "predict"
    np.testing.assert_allclose(getattr(weighted, answer)(rows), getattr(repeated, answer)(rows), rtol=1e-4, atol=1e-5)
    unweighted = clone(network).fit(rows, y)
    assert np.abs(getattr(weighted, answer)(rows) - getattr(unweighted, answer)(rows)).max() > 1e-3


def test_rows_of_weight_zero_are_left_out():
    counts = (np.arange(150) % 3 > 0) * 1.0
    counts[Y == 2] = 0
    network = MlpClassifier(epochs=3, random_state=0, **QUICK)
    with_all = clone(network).fit(X, NAMES[Y], sample_weight=counts)
    kept = clone(network).fit(X[counts > 0], NAMES[Y][counts > 0], sample_weight=counts[counts > 0])
    assert with_all.classes_.tolist() == ["setosa", "versicolor"]
    assert np.array_equal(with_all.predict_proba(X), kept.predict_proba(X))
    assert with_all.model_.features.keys() == {"x1", "x2", "x3", "x4"}


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (np.ones(149), r"is of shape \(149,\); expected \(150,\): give one number"),
        (np.where(np.arange(150) == 7, -0.5, 1), "row 8 has -0.5; expected 0 or more"),
        (np.zeros(150), "all 150 weights are zero; expected one above 0"),
        (np.where(np.arange(150) == 7, np.nan, 1), "sample_weight contains NaN"),
        (["heavy"] * 150, "could not convert string to float"),
    ],
)
def test_weights_that_do_not_fit(weights, told):
    with pytest.raises(ValueError, match=told):
        MlpClassifier(**QUICK).fit(X, Y, sample_weight=weights)


@pytest.mark.parametrize(
    ("parameters", "y", "told", "cause"),
    [
        ({"lr": -1.0}, Y, "MlpClassifier optimizer.lr=-1.0 .*must be a number > 0", ConfigError),
        ({"hidden": 5}, Y, "model.hidden: must be", ConfigError),
        ({"hidden": (5.5,)}, Y, "model.hidden", ConfigError),
        ({"settings": {"dataset.path": "x.csv"}}, Y, "dataset.path is for rows that are read", DataError),
        ({"patience": 3}, Y, "early_stopping.*needs validation rows", ConfigError),
        ({"settings": {"modle.hidden": [3]}}, Y, "did you mean 'model'", ConfigError),
        ({}, np.zeros(150), "y has one class", DataError),
        ({}, Y[:100], "X has 150 rows but y has 100", None),
    ],
)
def test_what_does_not_fit_is_a_value_error(parameters, y, told, cause):
    with pytest.raises(ValueError, match=told) as raised:
        MlpClassifier(**parameters).fit(X, y)
    assert cause is None or isinstance(raised.value.__cause__, cause)


def test_before_fit_there_is_no_answer():
    with pytest.raises(NotFittedError):
        MlpClassifier().predict(X)
    without = MlpClassifier(epochs=1, settings={"model.output": "step"}).fit(X[:100], Y[:100])
    with pytest.raises(AttributeError, match="gives no probabilities"):
        without.predict_proba(X)
