"""The network in PyTorch."""

from __future__ import annotations

from itertools import pairwise

from torch import nn


def build_network(n_inputs: int, hidden: list[int], n_outputs: int) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise([n_inputs, *hidden, n_outputs]):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
