"""Backpropagation of embedded inputs written out, against torch's autograd."""

import copy

import pytest
import torch

from mlcli.config.sections.model import MlpConfig
from mlcli.models.networks import build_model
from mlcli.training.embedding_backprop import EmbeddingBackprop
from tests.models.builders import layout_of, task_of

PIECEWISE = {"name": "piecewise", "bins": 4, "width": 3}
PERIODIC = {"name": "periodic", "frequencies": 3, "width": 4}


def network(embedding, numbers, cardinalities):
    """Of four numeric columns in float64; no weight is 0."""
    config = MlpConfig(hidden=(5,), embedding=embedding)
    model = build_model(config, layout_of(4, cardinalities, numbers), task_of(1), seed=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.rand(parameter.shape, generator=torch.Generator().manual_seed(2)))
    model.fit(torch.randn(60, 4 + len(cardinalities), generator=torch.Generator().manual_seed(3)))
    return model.double()


@pytest.mark.parametrize("cardinalities", [(), (5, 3)], ids=["", "categories"])
@pytest.mark.parametrize("numbers", [(0, 1, 2, 3), (1, 3)], ids=["all", "two"])
@pytest.mark.parametrize("embedding", [{"name": "none"}, PIECEWISE, PERIODIC], ids=lambda e: e["name"])
def test_inputs_and_gradients_are_those_of_autograd(embedding, numbers, cardinalities):
    ours = network(embedding, numbers, cardinalities)
    theirs, backprop = copy.deepcopy(ours), EmbeddingBackprop(ours)
    assert backprop.learns == (embedding["name"] != "none" or bool(cardinalities))
    learned = [name for name, _ in ours.named_parameters() if name.startswith(("numbers", "embeddings"))]
    for parameter in ours.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    generator = torch.Generator().manual_seed(4)
    for n in (20, 9):  # the second batch replaces the gradients of the first
        x = torch.randn(n, 4, generator=generator, dtype=torch.float64)
        codes = [torch.randint(k, (n, 1), generator=generator).double() for k in cardinalities]
        x = torch.cat([x, *codes], dim=1)
        with torch.no_grad():
            inputs = backprop.forward(x)
            grad = torch.randn(inputs.shape, generator=generator, dtype=torch.float64)
            if learned:
                backprop.backward(grad)
        expected = theirs.embed(x)
        torch.testing.assert_close(inputs, expected, rtol=1e-12, atol=1e-12)
        if learned:
            theirs.zero_grad()
            expected.backward(grad)
        for name in learned:
            his = theirs.get_parameter(name).grad
            torch.testing.assert_close(ours.get_parameter(name).grad, his, rtol=1e-12, atol=1e-12)
