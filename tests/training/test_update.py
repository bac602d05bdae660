"""The kernel called straight leaves the bits that the optimizer's own step leaves."""

import copy

import pytest
import torch
from torch import nn, optim

from mlcli.training.optimizers import FusedAdam, choose_update

CPU = torch.device("cpu")


def parameters():
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((7, 5), (7,))]


@pytest.mark.parametrize("kind", [optim.Adam, optim.AdamW])
@pytest.mark.parametrize("decays", [(0.0, 0.0), (0.1, 0.0)])
def test_it_leaves_what_the_optimizer_leaves(kind, decays):
    ours, theirs = parameters(), parameters()
    settings = {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-6, "fused": True}
    groups = [[{"params": [p], "weight_decay": d} for p, d in zip(own, decays, strict=True)] for own in (ours, theirs)]
    optimizer, reference = (kind(own, **settings) for own in groups)
    update = choose_update(optimizer, CPU)
    assert isinstance(update, FusedAdam)
    generator = torch.Generator().manual_seed(1)
    for step in range(4):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn(mine.shape, generator=generator)
            other.grad = mine.grad.clone()
        for group in (*optimizer.param_groups, *reference.param_groups):
            group["lr"] = 0.01 / (step + 1)
        assert update(lambda step=step: torch.tensor(float(step))).item() == step
        reference.step()
        if step == 1:  # as a resumed run does
            optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.equal(mine, other)
    assert str(optimizer.state_dict()) == str(reference.state_dict())


def test_other_optimizers_step_themselves():
    optimizer = optim.SGD(parameters(), lr=0.1)
    assert choose_update(optimizer, CPU) == optimizer.step
