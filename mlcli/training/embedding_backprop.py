"""Backpropagation written out for embedded inputs, on the CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mlcli.models.embeddings import NumberEmbedding, Piecewise
from mlcli.models.networks import Network


class EmbeddingBackprop:
    """`Network.embed` and the gradients of its vectors, which overwrite the parameters' `grad`.

    learns : whether there are such vectors
    """

    def __init__(self, model: Network) -> None:
        self._split, self.learns = model.split, model.is_embedded
        self._numbers = _backprop_of(model.numbers)
        self._tables = [_Table(table) for table in model.embeddings if isinstance(table, nn.Embedding)]
        self._widths: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        """The first layer's inputs (n, n_inputs) of rows x."""
        if not self.learns:
            return x
        numbers, others, codes = self._split(x)
        parts = [] if self._numbers is None else [self._numbers.forward(numbers)]
        parts += [others, *(table.forward(own) for table, own in zip(self._tables, codes.unbind(1), strict=True))]
        self._widths = [part.shape[1] for part in parts]
        return torch.cat(parts, dim=1) if sum(self._widths) > self._widths[0] else parts[0]

    def backward(self, grad: Tensor) -> None:
        """From the gradient of the inputs that `forward` returned last."""
        parts = [*torch.split(grad, self._widths, dim=1)]
        if self._numbers is not None:
            self._numbers.backward(parts.pop(0))
        for table, own in zip(self._tables, parts[1:], strict=True):
            table.backward(own)


class _Table:
    """Vectors of categories."""

    def __init__(self, table: nn.Embedding) -> None:
        self._table = table

    def forward(self, codes: Tensor) -> Tensor:
        self._codes = codes
        return self._table.weight.index_select(0, codes)

    def backward(self, grad: Tensor) -> None:
        self._table.weight.grad.zero_().index_add_(0, self._codes, grad)  # type: ignore[union-attr]


class _Pieces:
    """Piecewise-linear vectors of numbers."""

    def __init__(self, numbers: Piecewise) -> None:
        self._numbers = numbers

    def forward(self, x: Tensor) -> Tensor:
        self._terms = self._numbers.terms(x)
        return self._numbers.combine(self._terms)

    def backward(self, grad: Tensor) -> None:
        by_column = grad.view(len(grad), -1, self._numbers.width).transpose(0, 1)
        torch.bmm(self._terms.transpose(1, 2), by_column, out=self._numbers.weight.grad)
        torch.sum(by_column, 1, out=self._numbers.bias.grad)


class _ByAutograd:
    """Vectors of numbers that any module makes."""

    _vectors: Tensor

    def __init__(self, numbers: nn.Module) -> None:
        self._numbers = numbers

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            self._vectors = self._numbers(x)
        return self._vectors.detach()

    def backward(self, grad: Tensor) -> None:
        for parameter in self._numbers.parameters():
            parameter.grad.zero_()  # type: ignore[union-attr]
        torch.autograd.backward(self._vectors, grad)


def _backprop_of(numbers: NumberEmbedding | None) -> _Pieces | _ByAutograd | None:
    if numbers is None:
        return None
    return _Pieces(numbers) if isinstance(numbers, Piecewise) else _ByAutograd(numbers)
