"""Inference by which a row's outputs are the same to the bit, whatever other rows are in the batch."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from mlcli.models.networks import Heads

T = TypeVar("T")

# Rows in a block are a multiple of 64, which fills vector registers; 64 rows take a millisecond in 784-512-10.
ROWS = 64
MAX_ROWS = 1024
LANES = 16
MULTIPLY_ADDS = 2**24


class InferenceModel:
    """A copy of a network, in float32 on the CPU, that computes every row in the same way."""

    def __init__(self, model: nn.Module) -> None:
        self.rows = rows_per_block(model)
        self.model = _pad_layers(copy.deepcopy(model).float().cpu().eval())

    def outputs(self, x: Tensor) -> Tensor:
        """Float32 (n, d) → outputs for n rows, then for the rows of zeros that fill up the last block."""
        missing = -len(x) % self.rows or (0 if len(x) else self.rows)
        filled = functional.pad(x, (0, 0, 0, missing)) if missing else x
        with torch.inference_mode(), single_thread():
            return torch.cat([self.model(block) for block in torch.split(filled, self.rows)])


def rows_per_block(model: nn.Module) -> int:
    """Rows in a block; it depends on the network alone, not on how many rows there are."""
    n_parameters = max(1, sum(parameter.numel() for parameter in model.parameters()))
    multiply_adds = n_parameters * max(getattr(module, "n_members", 1) for module in model.modules())
    row_size = max(getattr(module, "row_size", 0) for module in model.modules())
    rows = MULTIPLY_ADDS // max(multiply_adds, row_size)
    return min(MAX_ROWS, max(ROWS, rows // ROWS * ROWS))


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Limit torch to one thread: several split the rows where vector registers are not full."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def map_alone(work: Callable[[T], Tensor], items: Sequence[T]) -> list[Tensor]:
    """work(item) for all items, on as many threads as torch has, but each item on a single thread."""
    n_threads = min(torch.get_num_threads(), len(items))
    with single_thread():
        if n_threads == 1:
            return [work(item) for item in items]
        with ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as threads:
            return list(threads.map(work, items))


class _PaddedLayer(nn.Module):
    """A layer whose inputs are padded with zeros, so that every row is aligned to vector registers."""

    def __init__(self, layer: nn.Linear | Heads) -> None:
        super().__init__()
        self.layer = layer
        self.missing = -layer.weight.shape[1] % LANES
        layer.weight = nn.Parameter(functional.pad(layer.weight.detach(), (0, self.missing)), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        padded: Tensor = self.layer(functional.pad(x, (0, self.missing)))
        return padded


def _pad_layers(model: nn.Module) -> nn.Module:
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Linear | Heads) and child.weight.shape[1] % LANES:
                setattr(parent, name, _PaddedLayer(child))
    return model
