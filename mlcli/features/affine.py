"""The straight line from features in the data's units to the network's inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from mlcli.features.pixels import PixelFeatures
from mlcli.features.scale import LARGEST
from mlcli.features.table import TableFeatures

MAX_SIZE = 4096


@dataclass(frozen=True, eq=False)
class AffineMap:
    """inputs = matrix @ features + offset.

    matrix : float64 (width, k); offset : float64 (width,)
    names : the k features in the data's units: numbers and derived columns (imputed), ordinal codes,
    target means, one-hot columns, indicators; or pixels
    """

    matrix: torch.Tensor
    offset: torch.Tensor
    names: tuple[str, ...]


def table_map(features: TableFeatures) -> AffineMap | None:
    """The map of a table's features, where it is affine and no column is embedded or cut."""
    arithmetic, names = features.arithmetic, features.names
    if not arithmetic.scale.is_affine or arithmetic.n_embedded or arithmetic.pieces.at:
        return None
    n_scaled = len(arithmetic.scale.centre)
    return _probe(lambda x: arithmetic.refine(x[:, :n_scaled], x[:, n_scaled:]), names)


def pixel_map(features: PixelFeatures) -> AffineMap | None:
    """The map of a picture's pixels, where it is affine."""
    arithmetic = features.arithmetic
    if arithmetic.line[2] < LARGEST:
        return None
    names = tuple(f"px{i}" for i in range(features.plan.size))
    return _probe(lambda x: arithmetic(x.index_select(1, arithmetic.select)), names)


def _probe(stage: Callable[[torch.Tensor], torch.Tensor], names: tuple[str, ...]) -> AffineMap | None:
    """Evaluate the stage at 0 and at the unit vectors."""
    k = len(names)
    if k > MAX_SIZE:
        return None
    offset = stage(torch.zeros(1, k, dtype=torch.float64))[0]
    matrix = (stage(torch.eye(k, dtype=torch.float64)) - offset).T
    return AffineMap(matrix.contiguous(), offset, names)
