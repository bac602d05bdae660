"""Ensembles: several networks' outputs as those of one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mlcli.models.task import Output


class Ensemble(nn.Module):
    """The mean of networks with the same inputs and outputs.

    Input  : the same as its members'
    Output : float32 (n, n_outputs), raw outputs like one network's: those that decode to the mean probability
             (sigmoid, softmax) or count (exp), or the mean itself (identity, step)
    """

    def __init__(self, members: Sequence[nn.Module], output: Output) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.output = output

    def forward(self, x: Tensor) -> Tensor:
        return combine_outputs(torch.stack([member(x) for member in self.members]), self.output)


def combine_outputs(outputs: Tensor, output: Output) -> Tensor:
    """(k, n, n_outputs) of k networks → (n, n_outputs): log p or log-odds of the mean p, computed in float64."""
    wide = outputs.double()
    match output:
        case "softmax":
            combined = _log_mean(wide.log_softmax(dim=2))
        case "sigmoid":
            combined = _log_mean(functional.logsigmoid(wide)) - _log_mean(functional.logsigmoid(-wide))
        case "exp":
            combined = _log_mean(wide)
        case _:
            combined = wide.mean(dim=0)
    return combined.to(outputs.dtype)


def _log_mean(logs: Tensor) -> Tensor:
    """Logarithm of the mean over the first dimension of exp(logs)."""
    return logs.logsumexp(dim=0) - math.log(len(logs))
