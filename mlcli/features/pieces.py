"""Numbers cut into pieces, so that a network can bend where the data does.

The piecewise linear encoding of Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning"
(2022), beside the number itself. A value that many rows share is an edge of its own and counts in no quantile: most
people gain no capital, and what tells the others apart must not be one piece.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn


class Pieces(nn.Module):
    """How far a number has come through each piece of its column: 0 before it, 1 beyond it.

    at         : the column of each of the k pieces
    low, width : float64 (k,), where each piece begins and how long it is
    """

    low: torch.Tensor
    width: torch.Tensor

    def __init__(self, at: Sequence[int], low: torch.Tensor, width: torch.Tensor) -> None:
        super().__init__()
        self.at = tuple(at)
        self.register_buffer("low", low)
        self.register_buffer("width", width)

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """Filled numbers (n, p) → (n, k)."""
        if not self.at:
            return numbers[:, :0]
        return ((numbers[:, list(self.at)] - self.low) / self.width).clamp(0.0, 1.0)


@np.errstate(over="ignore")
def find_edges(column: np.ndarray, count: int) -> np.ndarray:
    """Where to cut a filled training column (n,) into about `count` pieces: (pieces + 1,) ascending.

    Values held by a piece's share of the rows or more are edges, and so are quantiles of the other rows. Empty where
    there would be one piece or none: it would say what the number says.
    """
    if count < 2:
        return np.empty(0)
    edges, rows = np.unique(column, return_counts=True)
    if len(edges) > count + 1:
        shared = edges[rows * count >= len(column)]
        others = column[~np.isin(column, shared)]
        quantiles = np.percentile(others, np.linspace(0.0, 100.0, max(1, count - len(shared)) + 1))
        edges = np.unique(np.concatenate([shared, quantiles]))
    return edges if len(edges) > 2 and np.isfinite(np.diff(edges)).all() else np.empty(0)


def join_edges(edges: Sequence[np.ndarray]) -> Pieces:
    """The pieces of columns whose edges were found one by one."""
    at = [i for i, own in enumerate(edges) for _ in own[1:]]
    low = np.concatenate([np.empty(0), *(own[:-1] for own in edges)])
    width = np.concatenate([np.empty(0), *(np.diff(own) for own in edges)])
    return Pieces(at, torch.from_numpy(low), torch.from_numpy(width))


def variances_of(column: np.ndarray, edges: np.ndarray) -> list[float]:
    """Variance (ddof 0) of each piece over a filled training column (n,)."""
    return [float(np.clip((column - low) / (high - low), 0.0, 1.0).var()) for low, high in itertools.pairwise(edges)]
