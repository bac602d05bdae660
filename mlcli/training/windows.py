"""The order of rows that are read from a file: blocks of neighbours, and windows of blocks that memory holds.

The blocks are shuffled, a window takes the next ones, and its rows are shuffled: all as a pure function of a seed, so
that any batch of any epoch can be read again.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mlcli.training.datasets import FileDataset, TensorDataset, join_datasets
from mlcli.training.state import derive_seed

# Bytes of a window; one is trained on, and the next is read meanwhile.
WINDOW = 32 << 20
# Batches and blocks that a window has at least, and rows that a block has at most.
BATCHES, BLOCKS, BLOCK = 8, 64, 4096


@dataclass(frozen=True)
class WindowPlan:
    """How many rows a block has, and a window, which is whole blocks; the last ones of a file may have fewer."""

    n_rows: int
    block: int
    window: int

    @classmethod
    def of(cls, n_rows: int, width: int, batch_size: int) -> WindowPlan:
        """For float32 rows of this width."""
        rows = max(WINDOW // (4 * width), BATCHES * batch_size)
        block = min(BLOCK, max(1, rows // BLOCKS))
        return cls(n_rows, block, rows // block * block)

    def memory(self, row_bytes: int) -> int:
        """Bytes of the window that is trained on, and of the next; row_bytes : of a row in memory."""
        return 2 * row_bytes * min(self.window, self.n_rows)

    def spans(self, window: int, seed: int | None) -> list[tuple[int, int]]:
        """First row and end of each block of a window, shuffled unless seed is None; the file's last block stays last.

        The last block may be short, and would move the ends of windows.
        """
        n_whole = self.n_rows // self.block
        blocks = torch.arange(n_whole) if seed is None else torch.randperm(n_whole, generator=_generator(seed, 0))
        each = self.window // self.block
        numbers = [*blocks[window * each : (window + 1) * each].tolist()]
        if self.n_rows % self.block and window == n_whole // each:
            numbers.append(n_whole)
        return [(one * self.block, min((one + 1) * self.block, self.n_rows)) for one in numbers]

    def order(self, window: int, n_rows: int, seed: int | None) -> Tensor:
        """Order of the rows of a window, int64 (n_rows,)."""
        return torch.arange(n_rows) if seed is None else torch.randperm(n_rows, generator=_generator(seed, window + 1))


def _generator(seed: int, number: int) -> torch.Generator:
    return torch.Generator().manual_seed(derive_seed(seed, number))


@dataclass(frozen=True)
class _Window:
    """The rows of a window, block by block, and their order."""

    rows: TensorDataset
    order: Tensor

    def at(self, start: int, stop: int) -> TensorDataset:
        """The rows from one place of the order to another, or to its end."""
        return self.rows.at(self.order[start:stop])


@dataclass(frozen=True, eq=False)
class WindowedOrder:
    """The rows of a file in the order of one epoch.

    seed : of the epoch; None for the order of the file
    """

    rows: FileDataset
    plan: WindowPlan
    seed: int | None

    def take(self, start: int, stop: int) -> TensorDataset:
        """The rows from one place of the order to another."""
        size = self.plan.window
        parts = [
            self._window(window).at(max(0, start - window * size), stop - window * size)
            for window in range(start // size, -(-stop // size))
        ]
        if stop >= self.plan.n_rows:  # memory is needed for the scores now
            self._read.clear()
        return parts[0] if len(parts) == 1 else join_datasets(parts)

    def _window(self, window: int) -> _Window:
        """A window; the next one is read from now on."""
        for number in [number for number in self._read if number < window]:
            del self._read[number]
        last = (self.plan.n_rows - 1) // self.plan.window
        for number in range(window, min(window + 1, last) + 1):
            if number not in self._read:
                spans = self.plan.spans(number, self.seed)
                # In this thread, as the C library keeps what is freed of another's memory for that thread.
                room = self.rows.x.room_for(spans)
                self._read[number] = self._reader.submit(self._load, number, spans, room)
        return self._read[window].result()

    def _load(self, window: int, spans: list[tuple[int, int]], room: Tensor) -> _Window:
        y, weights = self.rows.y, self.rows.weights
        rows = TensorDataset(
            self.rows.x.read(spans, room),
            torch.cat([y[first:end] for first, end in spans]),
            None if weights is None else torch.cat([weights[first:end] for first, end in spans]),
        )
        return _Window(rows, self.plan.order(window, len(rows), self.seed).to(rows.y.device))

    @cached_property
    def _read(self) -> dict[int, Future[_Window]]:
        """Windows in memory, or about to be."""
        return {}

    @cached_property
    def _reader(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1)
