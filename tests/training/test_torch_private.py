"""Private parts of torch change the speed of a training, never its numbers; it runs without them, too."""

import copy
import subprocess
import sys
from collections import OrderedDict
from types import SimpleNamespace

import pytest
import torch
from torch import nn, optim

from mlcli.config.sections.config import Config
from mlcli.training import torch_private
from mlcli.training.backprop import fused_linear
from mlcli.training.loop import new_state, train_model
from mlcli.training.optimizers import Parameters, build_optimizer, choose_update
from mlcli.training.torch_private import DERIVATIVES, derivative, fused_adam, linear_relu

CPU = torch.device("cpu")
OPTIMIZERS = ["sgd", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "adamax", "nadam", "radam", "muon", "lbfgs"]


def network():
    torch.manual_seed(0)
    return nn.Sequential(OrderedDict(hidden=nn.Sequential(nn.Linear(7, 5)), output=nn.Linear(5, 5)))


def optimizer_for(name, model, l2=0.0):
    sections = {"name": "x", "dataset": {"name": "iris"}, "optimizer": {"name": name, "l2": l2}}
    return build_optimizer(Config.model_validate(sections).optimizer, Parameters.of(model))


def cost_of(model, seed):
    """The closure of an optimizer's step."""
    x = torch.randn(9, 7, generator=torch.Generator().manual_seed(seed))

    def cost():
        model.zero_grad()
        value = model(x).square().mean()
        value.backward()
        return value.detach()

    return cost


@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_update_leaves_the_bits_of_the_optimizers_step(name, l2):
    ours, theirs = network(), network()
    optimizer, reference = optimizer_for(name, ours, l2), optimizer_for(name, theirs, l2)
    update = choose_update(optimizer, CPU)
    for step in range(4):
        for group in (*optimizer.param_groups, *reference.param_groups):
            group["lr"] = 0.01 / (step + 1)
        assert torch.equal(update(cost_of(ours, step)), reference.step(cost_of(theirs, step)))
        if step == 1:  # as a resumed run does
            optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other)
    assert str(optimizer.state_dict()) == str(reference.state_dict())


@pytest.mark.parametrize("name", DERIVATIVES)
def test_formulas_of_derivatives_give_what_the_kernels_give(name, monkeypatch):
    grad, output = torch.randn(2, 50, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    settings = {"threshold_backward": (0,), "leaky_relu_backward": (0.01, True)}.get(name, ())
    expected = derivative(name)(grad, output, *settings)
    monkeypatch.setattr(torch_private, "aten", SimpleNamespace())
    assert derivative(name) is DERIVATIVES[name]
    torch.testing.assert_close(derivative(name)(grad, output, *settings), expected, rtol=1e-12, atol=1e-12)


def test_adam_without_its_kernels_takes_the_optimizers_own_steps(make_context, monkeypatch):
    def trained():
        context = make_context(training={"epochs": 2, "batch_size": 16})
        assert isinstance(context.optimizer, optim.Adam)
        return train_model(context, new_state(context)).model.state_dict()

    expected = trained()
    monkeypatch.setattr(torch_private, "ADAM_KERNELS", {"adam": None, "adamw": None})
    assert fused_adam(optimizer_for("adam", network())).__qualname__.startswith("plain_step")
    torch.testing.assert_close(trained(), expected)


@pytest.mark.parametrize(("dtype", "digits"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_the_kernel_of_a_layer_is_its_formula(dtype, digits):
    kernel = linear_relu(dtype)
    if kernel is None:
        pytest.skip("torch has no such kernel here")
    x, weight, bias = (torch.randn(shape, generator=torch.Generator().manual_seed(1)) for shape in ((9, 7), (5, 7), 5))
    expected = (x @ weight.T + bias).clamp(min=0)
    torch.testing.assert_close(
        kernel(*(t.to(dtype) for t in (x, weight, bias))).float(), expected, rtol=digits, atol=digits
    )


def test_a_layer_without_its_kernel_is_computed_by_its_formula(monkeypatch):
    assert linear_relu(torch.float64) is None
    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", None)
    assert linear_relu(torch.float32) is None
    x, weight, bias = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0], [-3.0, 1.0]]), torch.tensor([0.5, 0.5])
    assert fused_linear("relu", torch.float32)(x, weight, bias).tolist() == [[5.5, 0.0]]


TRAIN = """
import sys, torch
from torch import optim
from mlcli.config.sections.optimizer import (AdamConfig)
from mlcli.training.optimizers import Parameters, build_optimizer, choose_update
def cost():
    value = model(torch.ones(1, 2)).sum()
    value.backward()
    return value
for kind in sys.argv[1:]:
    model = torch.nn.Linear(2, 1)
    optimizer = build_optimizer(AdamConfig(name=kind), Parameters.of(model))
    update = choose_update(optimizer, torch.device("cpu"))
    update(cost), update(cost)
    optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""
COMPILE = """
import torch._dynamo.config
print(torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item())
optimizer.step(cost)
"""


def test_a_training_does_not_import_the_compiler_which_works_after_it():
    code = [sys.executable, "-c", TRAIN + COMPILE, "adam", "adamw", "nadam"]
    assert subprocess.run(code, capture_output=True, text=True, check=True).stdout == "False\n2.0\n"
