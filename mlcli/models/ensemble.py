"""Several networks that answer as one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mlcli.task import Output


class Ensemble(nn.Module):
    """Networks of the same inputs and outputs; the answer is the mean of theirs.

    Input  : as its members take it
    Output : float32 (n, n_outputs), raw outputs as of one network: those that are decoded to the mean probability
             (sigmoid, softmax), or the mean itself (identity, step)
    """

    def __init__(self, members: Sequence[nn.Module], output: Output) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.output = output

    def forward(self, x: Tensor) -> Tensor:
        return combine_outputs(torch.stack([member(x) for member in self.members]), self.output)


def combine_outputs(outputs: Tensor, output: Output) -> Tensor:
    """(k, n, n_outputs) of k networks to (n, n_outputs): log p or log-odds of the mean p, in float64 on the way."""
    wide = outputs.double()
    match output:
        case "softmax":
            combined = _log_mean(wide.log_softmax(dim=2))
        case "sigmoid":
            combined = _log_mean(functional.logsigmoid(wide)) - _log_mean(functional.logsigmoid(-wide))
        case _:
            combined = wide.mean(dim=0)
    return combined.to(outputs.dtype)


def _log_mean(logs: Tensor) -> Tensor:
    """Logarithm of the mean over the first dimension of exp(logs)."""
    return logs.logsumexp(dim=0) - math.log(len(logs))
