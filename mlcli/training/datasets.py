"""Rows as a network's inputs and targets: in memory, or with inputs that are read from a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.io.row_file import RowFile


@dataclass(frozen=True)
class TensorDataset:
    """Rows as the network's inputs: x (n, d) in the precision of its first layer, y as the task encodes it."""

    x: Tensor
    y: Tensor

    @classmethod
    def of(cls, x: NDArray[Any], y: NDArray[Any]) -> TensorDataset:
        """From what features and task give."""
        return cls(torch.from_numpy(x), torch.from_numpy(y))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice) -> TensorDataset:
        return TensorDataset(self.x[rows], self.y[rows])

    def at(self, places: Tensor) -> TensorDataset:
        """The rows at these places, in this order."""
        return TensorDataset(self.x.index_select(0, places), self.y.index_select(0, places))

    def to(self, device: torch.device, dtype: torch.dtype) -> TensorDataset:
        """On a device, the inputs in this precision."""
        return TensorDataset(self.x.to(device, dtype), self.y.to(device))


@dataclass(frozen=True)
class FileDataset:
    """The same with inputs that are read from a file, where memory does not hold them."""

    x: RowFile
    y: Tensor

    @classmethod
    def of(cls, x: RowFile, y: NDArray[Any]) -> FileDataset:
        """From a file and what the task gives."""
        return cls(x, torch.from_numpy(y))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice) -> TensorDataset:
        return TensorDataset(self.x[rows], self.y[rows])

    def at(self, places: Tensor) -> TensorDataset:
        """The rows at these places, in this order; read one by one."""
        spans = [(row, row + 1) for row in places.tolist()]
        return TensorDataset(self.x.read(spans), self.y.index_select(0, places))

    def to(self, device: torch.device, dtype: torch.dtype) -> FileDataset:
        """The inputs are put on the device, in this precision, as they are read."""
        return FileDataset(self.x.to(device, dtype), self.y.to(device))


Rows = TensorDataset | FileDataset
