"""Networks and their predictions as nodes, against inference and `decode`."""

import itertools

import numpy as np
import pytest
import torch

from mlcli.config.sections.model import MlpConfig, ModelConfig, TabmConfig
from mlcli.export.features import NetworkInputs
from mlcli.export.graph import DOUBLE, FLOAT, INT64, Graph
from mlcli.export.networks import write_networks
from mlcli.export.predictions import output_names, write_predictions
from mlcli.export.verify import require_equal
from mlcli.models.inference import FittedEnsemble
from mlcli.models.networks import ACTIVATIONS
from mlcli.models.target_transform import fit_transform
from mlcli.models.task import Classification, Regression
from tests.export.graphs import model_of, run_both
from tests.models.builders import build_network, layout_of
from tests.models.test_tabm import EMBEDDINGS, PERIODIC, PIECEWISE, rows, shaken

CARDINALITIES = (5, 3)


def config_of(name, **keys) -> ModelConfig:
    kind = {"mlp": MlpConfig, "tabm": TabmConfig}[name]
    return kind.model_validate({"name": name, "hidden": [9, 7], **({"members": 4} if name == "tabm" else {}), **keys})


def batch(n, n_numeric=6, seed=3):
    generator = torch.Generator().manual_seed(seed)
    codes = [torch.randint(0, size, (n, 1), generator=generator) for size in CARDINALITIES]
    return torch.cat([2 * rows(n, n_numeric, seed), *codes], dim=1)


def outputs_of(networks, model, x, unit):
    """Raw outputs by both runtimes."""
    n_numeric = x.shape[1] - len(CARDINALITIES)
    graph = Graph({"x", "codes", "y"})
    given = graph.add_input("x", FLOAT, [n_numeric], "")
    codes = graph.add_input("codes", INT64, [len(CARDINALITIES)], "")
    inputs = NetworkInputs(given, [graph.columns(codes, [i]) for i in range(len(CARDINALITIES))])
    y = write_networks(graph, inputs, networks, layout_of(n_numeric, CARDINALITIES), model.weights, unit)
    graph.add_output("y", y, DOUBLE, ["outputs"], "")
    feeds = {"x": x[:, :n_numeric].numpy(), "codes": x[:, n_numeric:].long().numpy()}
    return run_both(model_of(graph), feeds)["y"]


def assert_same(networks, model, unit="identity"):
    x = batch(70)
    own = model if isinstance(model, FittedEnsemble) else model.fitted()
    expected, found = own.outputs(x.numpy()), outputs_of(networks, own, x, unit)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=3e-6)


def network(config, n_outputs=2, seed=0, output="identity"):
    return shaken(build_network(config, 6, CARDINALITIES, n_outputs, seed, output), batch(200, seed=seed))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation):
    config = config_of("mlp", activation=activation)
    assert_same([config], network(config))


@pytest.mark.parametrize(
    ("name", "norm", "embedding"),
    [*itertools.product(["mlp", "tabm"], ["none", "batch", "layer"], EMBEDDINGS)],
    ids=lambda value: value["name"] if isinstance(value, dict) else str(value),
)
def test_families(name, norm, embedding):
    config = config_of(name, norm=norm, dropout=0.0 if norm == "layer" else 0.3, embedding=embedding)
    model = network(config)
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm1d):
            layer.running_mean.copy_(torch.linspace(-1, 1, len(layer.running_mean)))
            layer.running_var.copy_(torch.linspace(0.1, 3, len(layer.running_mean)))
    assert_same([config], model)


@pytest.mark.parametrize("name", ["mlp", "tabm"])
def test_linear_models(name):
    config = config_of(name, hidden=[])
    assert_same([config], network(config))


@pytest.mark.parametrize(
    ("unit", "n_outputs"), [("identity", 2), ("softmax", 3), ("sigmoid", 1), ("exp", 1), ("step", 1)]
)
def test_ensembles(unit, n_outputs):
    """Of other embeddings, depths and families; TabM's own mean is of the same kind."""
    configs = [
        config_of("mlp"),
        config_of("tabm", embedding=PERIODIC, hidden=[5]),
        config_of("mlp", norm="layer", hidden=[], embedding=PIECEWISE),
    ]
    output = "identity" if unit == "exp" else unit
    members = [network(config, n_outputs, i, output) for i, config in enumerate(configs)]
    for member in members:
        member.unit = unit
    assert_same(configs, FittedEnsemble([member.fitted() for member in members], unit), unit)


def classes(count, output, **keys):
    names = tuple(f"class {i} ñ" for i in range(count))
    return Classification("y", names, (5,) * count, output, output != "step", **keys)


AMOUNTS = np.random.default_rng(0).lognormal(3, 2, 400)
LOG, RANKS = fit_transform("log", AMOUNTS, "y"), fit_transform("quantile", AMOUNTS, "y")
WEIGHTS = (1.0, 0.5, 3.0, 2.0)
CONSTANT = fit_transform("quantile", np.full(9, 3.0), "y")
SMEARING = tuple(np.linspace(-1.5, 1.5, 32).tolist())
TASKS = {
    "two classes": classes(2, "sigmoid"),
    "a threshold": classes(2, "sigmoid", threshold=0.2),
    "two softmax units": classes(2, "softmax", threshold=0.7),
    "margins": classes(2, "step"),
    "four classes": classes(4, "softmax"),
    "calibrated": classes(4, "softmax", divisors=WEIGHTS, costs=WEIGHTS, temperature=1.7, uniform=0.1),
    "two calibrated": classes(2, "sigmoid", divisors=(0.5, 3.0), temperature=0.4, uniform=0.05, threshold=0.3),
    "numbers": Regression(("a", "b"), (1e6, -3.0), (2.5, 1e-3)),
    "counts": Regression(("a",), (0.0,), (7.0,), output="exp"),
    "logarithm": Regression(("a",), (0.0,), (9.0,), transforms=(LOG,), smearing=((0.3,),)),
    "ranks": Regression(("a",), (0.0,), (9.0,), transforms=(RANKS,)),
    "mean of ranks": Regression(("a",), (0.0,), (9.0,), transforms=(RANKS,), smearing=(SMEARING,)),
    "each its own": Regression(("a", "b"), (0.0,) * 2, (9.0, 1.0), transforms=(LOG, CONSTANT), smearing=((), ())),
}


@pytest.mark.parametrize("name", TASKS)
def test_decoding(name):
    task = TASKS[name]
    if task.kind == "regression" and task.smearing == ((), ()):
        task = type(task)(**{**vars(task), "smearing": None})
    outputs = 3 * rows(300, task.n_outputs, 5).double()
    outputs[0] = 0.0
    graph = Graph({"z", "prediction"})
    given = graph.add_input("z", DOUBLE, [task.n_outputs], "")
    names = output_names(task, ["z"])
    write_predictions(graph, given, task, names)
    found = run_both(model_of(graph), {"z": outputs.numpy()})
    expected = task.decode(outputs)
    assert require_equal(task, expected, found, ["z"]) < 1e-12
    if task.kind == "classification":
        assert found["prediction"][:, 0].tolist() == [task.classes[i] for i in expected.values]


def test_an_output_gives_way_to_a_column():
    assert output_names(TASKS["four classes"], ["prediction", "a"]) == ["prediction_", "probabilities"]
    assert output_names(TASKS["numbers"], ["prediction_b"]) == ["prediction_a", "prediction_b_"]
