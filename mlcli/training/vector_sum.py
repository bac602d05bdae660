"""The sum of the processes' vectors, in an order that does not depend on how many they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from mlcli.io.shared_memory import Connection, Offer, has_answered, join, map_numbers
from mlcli.training.processes import Processes

# Vectors are a multiple of so many numbers, as many as there can be shards, so that each process adds an equal part.
MULTIPLE = 64
# Up to so many numbers a process adds whole vectors, which takes one exchange, not two.
WHOLE = 1 << 14


class VectorSum:
    """The sum of a vector of each process: each adds a part of it, and all get the whole.

    Processes of one machine read each other's vectors from memory that they share; others send them.

    own : this process's vector, of at least n_numbers, the last of which tells the others whether this one is to stop
    like : a tensor of their precision, on their device
    """

    def __init__(self, processes: Processes, n_numbers: int, like: Tensor) -> None:
        length = -(-n_numbers // MULTIPLE) * MULTIPLE
        self._processes = processes
        self._shared = _share(processes, length, like.dtype) if length > WHOLE and processes.are_local else None
        self.own = like.detach().new_zeros(length) if self._shared is None else self._shared.rows[processes.rank]

    def add(self) -> Tensor:
        """The sum, the same bits in all processes, until the next call; overwrites `own`."""
        self.own[-1] = float(self._processes.wants_stop())
        total = self._add()
        self._processes.stop_if(bool(total[-1] > 0))
        return total

    def _add(self) -> Tensor:
        processes, own = self._processes, self.own
        if processes.size == 1:
            return own
        if len(own) <= WHOLE:
            return add_in_pairs(processes.gather(own))
        if self._shared is not None:
            parts = self._shared.rows.view(processes.size + 1, processes.size, -1)[:, processes.rank]
            self._shared.meet(processes)
            add_in_pairs(list(parts[:-1]), out=parts[-1])
            self._shared.meet(processes)
            return self._shared.rows[-1]
        parts = torch.empty_like(own)
        processes.run(lambda: dist.all_to_all_single(parts, own, async_op=True))
        total = add_in_pairs(list(parts.view(processes.size, -1)))
        processes.run(lambda: dist.all_gather(list(own.view(processes.size, -1)), total, async_op=True))
        return own


class _Shared(NamedTuple):
    """What the processes of one machine share.

    rows  : the vector of each, and their sum
    peers : connections: of process 0 with each of the others, of another with process 0
    """

    rows: Tensor
    peers: list[Connection]

    def meet(self, processes: Processes) -> None:
        """Wait until all have come here: process 0 hears from each, and then tells each."""
        waiting = list(self.peers)

        def tell() -> None:
            for peer in self.peers:
                peer.sendall(b".")

        def hear(_: object) -> bool:
            if has_answered(waiting[-1]):
                waiting.pop()
            return not waiting

        if processes.rank:
            processes.wait(tell, hear)
        else:
            processes.wait(lambda: None, hear)
            processes.wait(tell, lambda _: True)


def _share(processes: Processes, length: int, dtype: torch.dtype) -> _Shared | None:
    """Made by process 0; None where one of them cannot have it."""
    shape = (processes.size + 1, length)
    with Offer(math.prod(shape) * dtype.itemsize) if processes.rank == 0 else nullcontext() as offer:
        if not (folder := processes.share(lambda: offer.folder if offer else "")):
            return None
        try:
            rows = map_numbers(folder, math.prod(shape), dtype).view(shape)
            peers = [] if offer else [join(folder)]
        except (OSError, RuntimeError):  # RuntimeError: torch's
            rows = None
        if processes.largest(rows is None) or rows is None:
            return None
        return _Shared(rows, offer.accept(processes.size - 1) if offer else peers)


def add_in_pairs(vectors: Sequence[Tensor], out: Tensor | None = None) -> Tensor:
    """The sum of a power of two of vectors, by pairs of neighbours, pairs of pairs, and so on; overwrites them.

    out : where the sum is put, of two vectors or more
    """
    while len(vectors) > 2:
        vectors = [left.add_(right) for left, right in zip(vectors[::2], vectors[1::2], strict=True)]
    return vectors[0] if len(vectors) == 1 else torch.add(*vectors, out=vectors[0] if out is None else out)
