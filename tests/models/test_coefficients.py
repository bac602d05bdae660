import numpy as np
import polars as pl
import pytest
import torch
from sklearn.linear_model import PoissonRegressor

from mlcli.config.sections.config import Config
from mlcli.data.tables.types import Column, Images, Table
from mlcli.features.fit import fit_features
from mlcli.models.coefficients import tabulate_weights
from mlcli.models.fit_task import fit_task
from mlcli.models.networks import build_model
from mlcli.training.context import build_context
from mlcli.training.datasets import TensorDataset
from mlcli.training.loop import new_state, train_model

# Seven houses: square metres and euros, and the least-squares line through them.
SIZES = [42.45, 54.25, 32.5, 62.3, 28.4, 45.69, 58.2]
PRICES = [91241.0, 101251.0, 83051.0, 110341.0, 67124.0, 98525.0, 104251.0]
SLOPE, INTERCEPT = 1095.44, 43013.02


def config(**sections):
    return Config.model_validate({"name": "t", "dataset": {"name": "iris"}, "model": {"hidden": []}, **sections})


def fitted(data, kind, **sections):
    """Features, task, and a network whose weights are drawn."""
    own = config(**sections)
    features, task = fit_features(data, own.features, 0), fit_task(data, kind, own.model, own.loss)
    model = build_model(own.model, features.layout, task, 0)
    with torch.no_grad():
        model.output.bias.copy_(torch.randn(task.n_outputs, generator=torch.Generator().manual_seed(3)))
    return features, task, model.eval()


def mixed(n=80):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "age": rng.normal(40, 12, n),
            "income": rng.lognormal(10, 1, n),
            "city": rng.choice(["Lima", "Oslo", "Rome"], n),
            "kind": rng.choice(["a", "b", "c"], n),
            "pass": rng.choice(["no", "yes"], n),
            "price": rng.normal(5000, 300, n),
            "rent": rng.normal(900, 50, n),
        }
    )
    features = (Column("age", "number"), Column("income", "number"), Column("city", "category"))
    return frame, features


def table(targets):
    frame, features = mixed()
    columns = tuple(Column(name, "category" if frame[name].dtype == pl.String else "number") for name in targets)
    return Table(frame.select([column.name for column in features] + list(targets)), features, columns)


def by_hand(data):
    """Columns named as the table of weights names them, float64."""
    frame = data.frame
    columns = {name: frame[name].to_numpy() for name in ("age", "income")}
    columns |= {f"city={city}": (frame["city"] == city).to_numpy().astype(float) for city in ("Lima", "Oslo", "Rome")}
    return columns


def apply(weights, columns):
    x = np.stack([columns.get(name, np.zeros(80)) for name in weights.features], axis=1)
    return x @ weights.weights.T + weights.intercept


@pytest.mark.parametrize("scale", ["standard", "minmax", "robust", "none"])
def test_seven_houses(scale):
    frame = pl.DataFrame({"size": SIZES, "price": PRICES})
    houses = Table(frame, (Column("size", "number"),), (Column("price", "number"),))
    features, task, model = fitted(houses, "regression", features={"scale": scale})
    x, y = features.transform(houses)[:, 0].astype(np.float64), task.encode(houses)[:, 0].astype(np.float64)
    slope = np.cov(x, y)[0, 1] / x.var(ddof=1)
    with torch.no_grad():
        model.output.weight.fill_(slope)
        model.output.bias.fill_(y.mean() - slope * x.mean())
    weights = tabulate_weights(model.fitted(), features, task)
    assert (weights.features, weights.outputs, weights.unit) == (("size",), ("price",), "target")
    assert weights.weights[0, 0] == pytest.approx(SLOPE, abs=0.01)
    assert weights.intercept[0] == pytest.approx(INTERCEPT, abs=0.1)
    assert weights.to_json()["outputs"]["price"]["weights"]["size"] == weights.weights[0, 0]


def test_a_linear_model_of_counts_is_scikit_learns_poisson_regression():
    rng = np.random.default_rng(3)
    x = rng.normal([5.0, -1.0], [2.0, 0.1], size=(300, 2))
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "n": rng.poisson(np.exp(0.2 * x[:, 0] + 3 * x[:, 1] + 4))})
    data = Table(frame, (Column("a", "number"), Column("b", "number")), (Column("n", "number"),))
    peer = PoissonRegressor(alpha=0, tol=1e-10, max_iter=1000).fit(x, frame["n"].to_numpy())
    sections = {
        "loss": {"name": "poisson"},
        "optimizer": {"name": "lbfgs"},
        "training": {"epochs": 60, "batch_size": "full", "precision": "float32"},
    }
    features, task, _ = fitted(data, "regression", **sections)
    rows = TensorDataset.of(features.transform(data), task.encode(data))
    context = build_context(config(**sections), task, rows, TensorDataset(rows.x[:0], rows.y[:0]))
    trained = train_model(context, new_state(context))
    weights = tabulate_weights(trained.model.fitted(), features, task)
    assert (weights.outputs, weights.unit) == (("n",), "log")
    np.testing.assert_allclose(weights.weights[0], peer.coef_, rtol=1e-3)
    assert weights.intercept[0] == pytest.approx(peer.intercept_, rel=1e-3)


@pytest.mark.parametrize("extra", [{}, {"extract": {"name": "pca", "components": 3}}])
def test_several_targets(extra):
    data = table(("price", "rent"))
    features, task, model = fitted(data, "regression", features=extra)
    weights = tabulate_weights(model.fitted(), features, task)
    assert weights.outputs == ("price", "rent")
    expected = task.decode(model.fitted().outputs(features.transform(data))).values
    np.testing.assert_allclose(apply(weights, by_hand(data)), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("target", "sections", "outputs", "unit"),
    [
        ("pass", {}, ("yes",), "log-odds"),
        ("pass", {"loss": {"name": "cross_entropy"}}, ("no", "yes"), "log-odds"),
        ("pass", {"loss": {"name": "hinge"}}, ("yes",), "score"),
        ("kind", {}, ("a", "b", "c"), "log-odds"),
    ],
)
def test_classes(target, sections, outputs, unit):
    data = table((target,))
    features, task, model = fitted(data, "classification", **sections)
    weights = tabulate_weights(model.fitted(), features, task)
    assert (weights.outputs, weights.unit) == (outputs, unit)
    scores = apply(weights, by_hand(data))
    np.testing.assert_allclose(scores, task.decode(model.fitted().outputs(features.transform(data))).scores, atol=1e-4)


def test_log_odds_are_those_of_the_probabilities():
    data = table(("pass",))
    features, task, model = fitted(data, "classification")
    p = task.decode(model.fitted().outputs(features.transform(data))).probabilities[:, 1]
    odds = apply(tabulate_weights(model.fitted(), features, task), by_hand(data))[:, 0]
    np.testing.assert_allclose(odds, np.log(p / (1 - p)), atol=1e-4)


def test_images():
    pixels = np.random.default_rng(0).integers(0, 256, (30, 4, 3), dtype=np.uint8)
    data = Images(pixels, np.arange(30) % 3, ("a", "b", "c"))
    features, task, model = fitted(data, "classification")
    weights = tabulate_weights(model.fitted(), features, task)
    assert weights.weights.shape == (3, 12)
    scores = pixels.reshape(30, 12) @ weights.weights.T + weights.intercept
    np.testing.assert_allclose(scores, model.fitted().outputs(features.transform(data)), atol=1e-4)


@pytest.mark.parametrize(
    "sections",
    [
        {"model": {"hidden": [4]}},
        {"features": {"scale": "quantile"}},
        {"features": {"clip": 2.0}},
        {"features": {"encode": "embedding"}},
    ],
)
def test_none_where_there_is_no_straight_line(sections):
    features, task, model = fitted(table(("price",)), "regression", **sections)
    assert tabulate_weights(model.fitted(), features, task) is None
