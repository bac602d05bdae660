"""The weights that a configuration needs are those of torch's network."""

import itertools

import numpy as np
import pytest

from mlcli.config.sections.model import MlpConfig, ModelConfig, TabmConfig
from mlcli.errors import ArtefactError
from mlcli.models.inference import FittedNetwork
from mlcli.models.weights import read_model, weight_shapes
from tests.models.builders import build_network, layout_of, task_of
from tests.models.test_tabm import EMBEDDINGS


def config_of(kind, **keys) -> ModelConfig:
    return kind.model_validate({"name": "tabm" if kind is TabmConfig else "mlp", "hidden": [9, 7], **keys})


@pytest.mark.parametrize(
    ("kind", "norm", "embedding"),
    [*itertools.product([MlpConfig, TabmConfig], ["none", "batch", "layer"], EMBEDDINGS)],
    ids=str,
)
def test_shapes_are_those_of_torch(kind, norm, embedding):
    config = config_of(kind, norm=norm, embedding=embedding, dropout=0.0 if norm == "layer" else 0.3)
    model = build_network(config, 6, (5, 3), 2, 0)
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert dict(weight_shapes(config, layout_of(6, (5, 3)), 2)) == expected
    assert model.fitted().n_parameters == sum(parameter.numel() for parameter in model.parameters())


DAMAGES = {
    "belongs to no layer": lambda weights: weights.update(more=np.zeros(1, np.float32)),
    "is missing": lambda weights: weights.pop("hidden.0.bias"),
    r"is float32 \(9, 3\), expected float32 \(9, 4\)": lambda weights: weights.update(
        {"hidden.0.weight": weights["hidden.0.weight"][:, :3]}
    ),
    "is float64": lambda weights: weights.update({"output.bias": weights["output.bias"].astype(np.float64)}),
}


@pytest.mark.parametrize("message", DAMAGES)
def test_weights_that_do_not_fit_are_refused(message):
    config = config_of(MlpConfig)
    weights = dict(build_network(config, 4, (), 2, 0).fitted().weights)
    assert isinstance(read_model([config], False, layout_of(4), task_of(2), weights), FittedNetwork)
    DAMAGES[message](weights)
    with pytest.raises(ArtefactError, match=message):
        read_model([config], False, layout_of(4), task_of(2), weights)
