"""Gradients of a batch in shards, the same bits for any number of processes that compute them.

The shards' gradients are added in the order of one binary tree, whose leaves they are: a process adds those of its own
shards, and the processes' sums are added as the tree's upper levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn

from mlcli.training.augment import Augmentation
from mlcli.training.datasets import TensorDataset
from mlcli.training.gradients import Gradients
from mlcli.training.processes import Processes
from mlcli.training.state import derive_seed
from mlcli.training.vector_sum import VectorSum


class Sharded:
    """Costs and gradients of batches that are cut into shards, of which each process computes an equal part.

    Norms take their statistics from each shard; the running ones become the mean over the shards.

    augment : of the images of each shard
    """

    def __init__(
        self,
        gradients: Gradients,
        model: nn.Module,
        shards: int,
        processes: Processes,
        augment: Augmentation | None = None,
    ) -> None:
        self.parameters, self.input_dtype = gradients.parameters, gradients.input_dtype
        self._gradients, self._shards, self._processes, self._augment = gradients, shards, processes, augment
        norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]
        self._counts = [count for norm in norms if (count := norm.num_batches_tracked) is not None]
        self._statistics = [
            statistic for norm in norms for statistic in (norm.running_mean, norm.running_var) if statistic is not None
        ]
        self._own = shards // processes.size

    @cached_property
    def _sum(self) -> VectorSum:
        """Of the processes' gradients and statistics; made once they are connected."""
        length = sum(tensor.numel() for tensor in (*self.parameters.together, *self._statistics)) + 2
        return VectorSum(self._processes, length, like=self.parameters.together[0])

    @cached_property
    def _levels(self) -> list[Tensor]:
        """The vectors of the tree within this process, from its root on."""
        own = self._sum.own
        return [own, *(torch.zeros_like(own) for _ in range(self._own.bit_length() - 2))]

    def compute_gradients(self, x: Tensor, y: Tensor, seed: int, weights: Tensor | None = None) -> Tensor:
        """As `Autograd.compute_gradients`, of the whole batch, in every process."""
        batch = TensorDataset(x, y, weights)
        before = [statistic.clone() for statistic in (*self._statistics, *self._counts)]

        def put_shards(first: int, count: int, depth: int) -> None:
            level, half = self._levels[depth], count // 2
            if count == 1:
                self._compute_shard(first, batch, seed, before, level)
                return
            put_shards(first, half, depth)
            if half == 1:  # without a vector of its own
                self._compute_shard(first + 1, batch, seed, before, level, adds=True)
            else:
                put_shards(first + half, half, depth + 1)
                level.add_(self._levels[depth + 1])

        put_shards(self._processes.rank * self._own, self._own, 0)
        # The sum of equal shards is divided once: by a power of two, which changes no digit.
        factor = 1 / self._shards if self._are_equal(batch) else 1.0
        return self._take(self._sum.add(), factor, before[len(self._statistics) :])

    def _are_equal(self, batch: TensorDataset) -> bool:
        return len(batch) % self._shards == 0

    def _compute_shard(
        self,
        shard: int,
        batch: TensorDataset,
        seed: int,
        before: Sequence[Tensor],
        found: Tensor,
        *,
        adds: bool = False,
    ) -> None:
        """Put the shard's part of the gradients, of the statistics and, last but one, of the cost into `found`.

        adds : to what is there
        """
        start, end = (index * len(batch) // self._shards for index in (shard, shard + 1))
        if start == end:
            if not adds:
                found.zero_()
            return
        for statistic, value in zip((*self._statistics, *self._counts), before, strict=True):
            statistic.copy_(value)
        seed = derive_seed(seed, shard)
        own = batch[start:end]
        x = own.x if self._augment is None else self._augment(own.x, seed)
        value = self._gradients.compute_gradients(x, own.y, seed, own.weights)
        share = 1.0 if self._are_equal(batch) else len(own) / len(batch)
        with torch.no_grad():
            for part, tensor in (*self._parts(found), (found[-2], value)):
                if not adds:
                    torch.mul(tensor, share, out=part)
                else:
                    part.add_(tensor if share == 1 else tensor * share)

    @torch.no_grad()
    def _take(self, total: Tensor, factor: float, counts: Sequence[Tensor]) -> Tensor:
        """Set gradients and statistics from the sum; returns the cost. counts : of batches before this one."""
        for part, tensor in self._parts(total):
            torch.mul(part, factor, out=tensor)
        for count, before in zip(self._counts, counts, strict=True):
            count.copy_(before + 1)
        return total[-2] * factor

    def _parts(self, vector: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Each gradient and statistic, with its place in a vector, in its shape."""
        start = 0
        for parameter in self.parameters.together:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for tensor in (*(p.grad for p in self.parameters.together if p.grad is not None), *self._statistics):
            yield vector[start : start + tensor.numel()].view(tensor.shape), tensor
            start += tensor.numel()
