"""Rows as a network's inputs and targets: in memory, or with inputs that are read from a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.errors import DataError
from mlcli.io.row_file import RowFile


@dataclass(frozen=True)
class TensorDataset:
    """Rows as the network's inputs: x (n, d) in the precision of its first layer, y as the task encodes it.

    weights : (n,), how much each row counts; None where all count alike
    """

    x: Tensor
    y: Tensor
    weights: Tensor | None = None

    @classmethod
    def of(cls, x: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None = None) -> TensorDataset:
        """From what features, task and `row_weights` give."""
        return cls(torch.from_numpy(x), torch.from_numpy(y), _as_tensor(weights))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice) -> TensorDataset:
        return TensorDataset(self.x[rows], self.y[rows], None if self.weights is None else self.weights[rows])

    def at(self, places: Tensor) -> TensorDataset:
        """The rows at these places, in this order."""
        return TensorDataset(self.x.index_select(0, places), self.y.index_select(0, places), _at(self.weights, places))

    select = at

    def to(self, device: torch.device, dtype: torch.dtype) -> TensorDataset:
        """On a device, the inputs in this precision."""
        weights = None if self.weights is None else self.weights.to(device)
        return TensorDataset(self.x.to(device, dtype), self.y.to(device), weights)

    def normalised(self) -> TensorDataset:
        """With weights as multiples of their mean."""
        return replace(self, weights=_normalised(self.weights))


@dataclass(frozen=True)
class FileDataset:
    """The same with inputs that are read from a file, where memory does not hold them."""

    x: RowFile
    y: Tensor
    weights: Tensor | None = None

    @classmethod
    def of(cls, x: RowFile, y: NDArray[Any], weights: NDArray[Any] | None = None) -> FileDataset:
        """From a file and what task and `row_weights` give."""
        return cls(x, torch.from_numpy(y), _as_tensor(weights))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice) -> TensorDataset:
        return TensorDataset(self.x[rows], self.y[rows], None if self.weights is None else self.weights[rows])

    def at(self, places: Tensor) -> TensorDataset:
        """The rows at these places, in this order, in memory."""
        return self.select(places)[:]

    def select(self, places: Tensor) -> FileDataset:
        """The same, whose inputs stay in the file."""
        x = self.x.select(places.cpu().numpy())
        return FileDataset(x, self.y.index_select(0, places), _at(self.weights, places))

    def to(self, device: torch.device, dtype: torch.dtype) -> FileDataset:
        """The inputs are put on the device, in this precision, as they are read."""
        weights = None if self.weights is None else self.weights.to(device)
        return FileDataset(self.x.to(device, dtype), self.y.to(device), weights)

    def normalised(self) -> FileDataset:
        """With weights as multiples of their mean."""
        return replace(self, weights=_normalised(self.weights))


Rows = TensorDataset | FileDataset


def join_splits(train: Rows, valid: Rows) -> Rows:
    """Training rows, then the validation rows that follow them in the same file, or in memory."""
    if isinstance(train, TensorDataset) and isinstance(valid, TensorDataset):
        return join_datasets([train, valid])
    if isinstance(train, TensorDataset) or isinstance(valid, TensorDataset):
        raise TypeError("some rows are in memory, and others in a file")
    weights = None if train.weights is None or valid.weights is None else torch.cat([train.weights, valid.weights])
    return FileDataset(train.x.joined(valid.x), torch.cat([train.y, valid.y]), weights)


def join_datasets(parts: Sequence[TensorDataset]) -> TensorDataset:
    """The rows of one part after another."""
    weights = [part.weights for part in parts if part.weights is not None]
    return TensorDataset(
        torch.cat([part.x for part in parts]),
        torch.cat([part.y for part in parts]),
        torch.cat(weights) if len(weights) == len(parts) else None,
    )


def _as_tensor(weights: NDArray[Any] | None) -> Tensor | None:
    return None if weights is None else torch.from_numpy(np.array(weights, dtype=np.float64))


def _at(weights: Tensor | None, places: Tensor) -> Tensor | None:
    return None if weights is None else weights.index_select(0, places)


def _normalised(weights: Tensor | None) -> Tensor | None:
    """float32; raises DataError where none is above 0."""
    if weights is None:
        return None
    if len(weights) and not weights.any():
        raise DataError(f"dataset.weight: the weights of {len(weights):,} rows that belong together are all 0")
    return (weights.double() / weights.double().mean()).float()
