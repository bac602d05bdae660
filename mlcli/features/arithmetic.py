"""The arithmetic from raw numbers and category codes to the feature matrix, as one torch module."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from mlcli.features.columns import Derived
from mlcli.features.encode import Encode
from mlcli.features.extract import Project
from mlcli.features.impute import Impute
from mlcli.features.pieces import Pieces
from mlcli.features.scale import Scale


class Derive(nn.Module):
    """Appends the derived columns; numbers that are not finite count as missing (NaN)."""

    def __init__(self, raw: Sequence[str], derived: Sequence[Derived]) -> None:
        super().__init__()
        self.raw = tuple(raw)
        self.derived = tuple(derived)

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """(n, p) → (n, p + derived)."""
        numbers = torch.where(numbers.isfinite(), numbers, torch.nan)
        if not self.derived:
            return numbers
        columns = {name: numbers[:, i].contiguous() for i, name in enumerate(self.raw)}
        for own in self.derived:
            columns[own.name] = own.formula.evaluate(columns)
        return torch.stack(list(columns.values())).T


class TableArithmetic(nn.Module):
    """Derive, impute, encode and cut; scale; select; project. Float64 within, float32 out.

    select : int64 positions kept of the assembled features: numbers, ordinal codes and target
    means (these are scaled), then one-hot columns, indicators and pieces (these are not)
    """

    select: torch.Tensor

    def __init__(
        self,
        derive: Derive,
        impute: Impute,
        encode: Encode,
        pieces: Pieces,
        scale: Scale,
        select: torch.Tensor,
        project: Project | None = None,
    ) -> None:
        super().__init__()
        self.derive = derive
        self.impute = impute
        self.encode = encode
        self.pieces = pieces
        self.scale = scale
        self.project = project
        self.register_buffer("select", select)
        self.n_embedded = encode.counts[-1]

    def forward(self, numbers: torch.Tensor, codes: torch.Tensor, folds: torch.Tensor | None = None) -> torch.Tensor:
        """Float64 numbers (n, p), int64 codes (n, q), int64 folds (n,) or None → float32 (n, width)."""
        features = self.refine(*self.assemble(numbers, codes, folds)).to(torch.float32)
        if not self.n_embedded:
            return features
        embedded = codes[:, codes.shape[1] - self.n_embedded :]
        return torch.cat([features, embedded.to(torch.float32)], dim=1)

    def assemble(
        self, numbers: torch.Tensor, codes: torch.Tensor, folds: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Derive, impute, encode and cut: the features to be scaled (n, s) and those that are not (n, u)."""
        filled, indicators = self.impute(self.derive(numbers))
        values, flags = self.encode(codes, folds)
        return _beside(filled, values), _beside(_beside(flags, indicators), self.pieces(filled))

    def refine(self, scaled: torch.Tensor, unscaled: torch.Tensor) -> torch.Tensor:
        """Scale, select and project: float64 (n, numeric features)."""
        features = _beside(self.scale(scaled), unscaled)
        if len(self.select) < features.shape[1]:
            features = features.index_select(1, self.select)
        return features if self.project is None else self.project(features)


def _beside(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return torch.cat([left, right], dim=1) if right.shape[1] else left
