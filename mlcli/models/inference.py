"""A network's outputs for rows: each row's the same to the bit, whatever rows stand beside it."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

T = TypeVar("T")

# 64 rows of whole vectors leave no element over, and cost about a millisecond in 784-512-10.
ROWS = 64
MAX_ROWS = 1024
LANES = 16
MULTIPLY_ADDS = 2**24


class InferenceModel:
    """A copy of a network, in float32 on the CPU, that treats every row alike."""

    def __init__(self, model: nn.Module) -> None:
        self.rows = rows_per_block(model)
        self.model = _fill_lanes(copy.deepcopy(model).float().cpu().eval())

    def outputs(self, x: Tensor) -> Tensor:
        """Float32 (n, d) to outputs for n rows and more: the last block's filling stays in."""
        with torch.inference_mode(), single_thread():
            blocks = torch.split(fill_rows(x, self.rows), self.rows)
            return torch.cat([self.model(block) for block in blocks])


def rows_per_block(model: nn.Module) -> int:
    """Rows in a block: a matter of the network alone, never of how many rows there are."""
    n_parameters = max(1, sum(parameter.numel() for parameter in model.parameters()))
    return min(MAX_ROWS, max(ROWS, MULTIPLY_ADDS // n_parameters // ROWS * ROWS))


def fill_rows(x: Tensor, multiple: int = ROWS) -> Tensor:
    """Rows of zeros added to (n, d), so that their number is a multiple and not 0."""
    missing = -len(x) % multiple or (0 if len(x) else multiple)
    return functional.pad(x, (0, 0, 0, missing)) if missing else x


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Keep torch to one thread: where rows are dealt out to several, each has elements left over."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def map_alone(work: Callable[[T], Tensor], items: Sequence[T]) -> list[Tensor]:
    """work(item) for all items, on as many threads as torch has, but each item on one alone."""
    n_threads = min(torch.get_num_threads(), len(items))
    with single_thread():
        if n_threads == 1:
            return [work(item) for item in items]
        with ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as threads:
            return list(threads.map(work, items))


class _WholeLanes(nn.Module):
    """A Linear layer whose inputs are filled up with zeros, so that every row starts at a vector's start."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.missing = -layer.in_features % LANES
        self.weight = nn.Parameter(functional.pad(layer.weight.detach(), (0, self.missing)), requires_grad=False)
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(functional.pad(x, (0, self.missing)), self.weight, self.bias)


def _fill_lanes(model: nn.Module) -> nn.Module:
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Linear) and child.in_features % LANES:
                setattr(parent, name, _WholeLanes(child))
    return model
