"""A network's parameters in one stretch of memory, and their gradients in another."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mlcli.training.optim import Parameters

# Each parameter starts at a multiple of this many numbers: of 64 bytes, in bfloat16 too.
ALIGNMENT = 32


class FlatParameters:
    """Moves a network's parameters together, weights before biases; the network then holds views of them.

    An optimizer updates one tensor instead of many, and one call turns all into another precision.

    values, gradients : (n,), with zeros between parameters
    """

    def __init__(self, model: nn.Module) -> None:
        ordered = sorted(model.parameters(), key=lambda parameter: parameter.ndim < 2)
        lengths = [-(-parameter.numel() // ALIGNMENT) * ALIGNMENT for parameter in ordered]
        self._n_weights = sum(length for p, length in zip(ordered, lengths, strict=True) if p.ndim >= 2)
        self._starts = {id(p): sum(lengths[:index]) for index, p in enumerate(ordered)}
        self.values = torch.zeros(sum(lengths), dtype=ordered[0].dtype)
        self.gradients = torch.zeros_like(self.values)
        for parameter in ordered:
            view = self.part(self.values, parameter)
            view.copy_(parameter.detach())
            parameter.data = view
            parameter.grad = self.part(self.gradients, parameter)

    def part(self, buffer: Tensor, parameter: Tensor) -> Tensor:
        """The view of a buffer that belongs to a parameter, in its shape."""
        start = self._starts[id(parameter)]
        return buffer[start : start + parameter.numel()].view(parameter.shape)

    def parameters(self) -> Parameters:
        """What an optimizer is given: three long parameters over the same memory."""
        weights, biases = slice(0, self._n_weights), slice(self._n_weights, None)
        return Parameters([self._parameter(weights)], [self._parameter(biases)], [self._parameter(slice(None))])

    def _parameter(self, span: slice) -> nn.Parameter:
        parameter = nn.Parameter(self.values[span])
        parameter.grad = self.gradients[span]
        return parameter
