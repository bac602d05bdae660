"""Turns category codes into numbers by tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from mlcli.features.target import FOLDS, Goal, cross_fitted_means
from mlcli.features.vocabulary import Vocabulary

ENCODES = ("ordinal", "target", "one_hot", "embedding")


class Encode(nn.Module):
    """Encodes the codes of category columns, which come grouped as in ENCODES.

    ordinal : float64 (codes of all ordinal columns,), the value of each code
    target : float64 (6, codes of all target-encoded columns, t), see `cross_fitted_means`
    """

    ordinal: torch.Tensor
    target: torch.Tensor
    ordinal_start: torch.Tensor
    target_start: torch.Tensor
    one_hot_start: torch.Tensor
    place: torch.Tensor

    def __init__(self, vocabularies: Sequence[Vocabulary], ordinal: torch.Tensor, target: torch.Tensor) -> None:
        super().__init__()
        groups = grouped(vocabularies)
        self.counts = [len(groups[encode]) for encode in ENCODES]
        self.register_buffer("ordinal", ordinal)
        self.register_buffer("target", target)
        for encode in ENCODES[:3]:
            self.register_buffer(f"{encode}_start", _starts(groups[encode]), persistent=False)
        place, self.n_one_hot = _places(groups["one_hot"])
        self.register_buffer("place", place, persistent=False)

    def forward(self, codes: torch.Tensor, folds: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Int64 codes (n, q), folds (n,) → ordinal and target values (n, s), one-hot columns (n, h).

        folds is None for rows that are not training rows.
        """
        return self.values(codes, folds), self.flags(codes)

    def values(self, codes: torch.Tensor, folds: torch.Tensor | None) -> torch.Tensor:
        """Ordinal values, then target means."""
        ordinal, target, _, _ = torch.split(codes, self.counts, dim=1)
        means = self.target[FOLDS if folds is None else folds[:, None], target + self.target_start]
        return torch.cat([self.ordinal[ordinal + self.ordinal_start], means.flatten(1)], dim=1)

    def flags(self, codes: torch.Tensor) -> torch.Tensor:
        """One-hot columns."""
        _, _, one_hot, _ = torch.split(codes, self.counts, dim=1)
        # The reserved code of a column without an "(other)" feature lands in a last column, cut off.
        flags = self.ordinal.new_zeros(codes.shape[0], self.n_one_hot + 1)
        flags.scatter_(1, self.place[one_hot + self.one_hot_start], 1.0)
        return flags[:, :-1]


def grouped(vocabularies: Sequence[Vocabulary]) -> dict[str, list[Vocabulary]]:
    """The vocabularies of each encoding."""
    return {encode: [own for own in vocabularies if own.encode == encode] for encode in ENCODES}


def fit_encode(vocabularies: Sequence[Vocabulary], codes: np.ndarray, goal: Goal | None) -> Encode:
    """Fit the tables to training codes (n, q)."""
    columns = dict(zip((own.name for own in vocabularies), codes.T, strict=True))
    groups = grouped(vocabularies)
    if groups["target"] and goal is None:
        raise ValueError("encode: target needs the target")
    ordinal = [_ordinal_values(columns[own.name], own) for own in groups["ordinal"]]
    y = goal.as_numbers() if goal and groups["target"] else np.empty((len(codes), 0))
    target = [cross_fitted_means(columns[own.name], own.size, y) for own in groups["target"]]
    return Encode(
        vocabularies,
        torch.from_numpy(np.concatenate([np.empty(0), *ordinal])),
        torch.from_numpy(np.concatenate([np.empty((FOLDS + 1, 0, y.shape[1])), *target], axis=1)),
    )


def _ordinal_values(codes: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """The codes themselves; the reserved one counts as the mean code of the training rows."""
    known = codes[codes < vocabulary.reserved]
    return np.append(np.arange(vocabulary.reserved, dtype=np.float64), known.mean() if len(known) else 0.0)


def _starts(vocabularies: Sequence[Vocabulary]) -> torch.Tensor:
    """Where the codes of each column start in the joint table."""
    sizes = [0, *(own.size for own in vocabularies)]
    return torch.tensor(sizes, dtype=torch.int64).cumsum(0)[:-1]


def _places(vocabularies: Sequence[Vocabulary]) -> tuple[torch.Tensor, int]:
    """The one-hot column of every code of every column, and their number, which stands for "none"."""
    widths = [len(own.features) for own in vocabularies]
    total = sum(widths)
    first = np.cumsum([0, *widths])
    places = [
        np.append(start + np.arange(own.reserved), start + own.reserved if own.with_other else total)
        for own, start in zip(vocabularies, first[:-1], strict=True)
    ]
    return torch.from_numpy(np.concatenate([np.empty(0, dtype=np.int64), *places])), total
