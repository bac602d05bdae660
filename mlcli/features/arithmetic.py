"""The arithmetic from raw numbers and category codes to the feature matrix, as one torch module."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from mlcli.errors import DataError
from mlcli.features.column_plan import NumberSettings
from mlcli.features.encoding import Encode
from mlcli.features.scaling import Scaler, differ
from mlcli.features.selection import Project
from mlcli.formulas.program import Formula


class Impute(nn.Module):
    """Fills the NaN of each column with its statistic.

    statistic  : float64 (p,)
    indicators : positions of the m columns that get a 0/1 column, 1 where the number was missing
    """

    statistic: torch.Tensor

    def __init__(self, statistic: torch.Tensor, indicators: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("statistic", statistic)
        self.indicators = tuple(indicators)

    def forward(self, numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, p) with NaN → filled (n, p), indicators (n, m)."""
        missing = numbers.isnan()
        marks = missing[:, list(self.indicators)].to(numbers.dtype)
        return torch.where(missing, self.statistic, numbers), marks


def fit_statistic(column: np.ndarray, settings: NumberSettings) -> float:
    """What replaces the NaN of a training column (n,); a wholly missing one is filled with fill_value."""
    present = column[~np.isnan(column)]
    if settings.impute == "constant" or not len(present):
        return settings.fill_value
    with np.errstate(over="ignore"):
        statistic = float(present.mean() if settings.impute == "mean" else np.median(present, overwrite_input=True))
    if not np.isfinite(statistic):
        raise DataError(f"features.impute: numbers too large to take their {settings.impute}; rescale or drop them")
    return statistic


class PiecewiseLinearEncoding(nn.Module):
    """The place of a number in each piece of its column, from 0 at its lower to 1 at its upper edge and beyond.

    Piecewise linear encoding of Gorishniy et al. (2022).

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
    there would be one piece or none, which adds nothing to the number.
    """
    if count < 2:
        return np.empty(0)
    edges, rows = np.unique(column, return_counts=True)
    if len(edges) > count + 1:
        shared = edges[rows * count >= len(column)]
        others = column[~np.isin(column, shared)]
        quantiles = np.percentile(others, np.linspace(0.0, 100.0, max(1, count - len(shared)) + 1))
        edges = np.unique(np.concatenate([shared, quantiles]))
    marks = edges.tolist()
    edges = edges[[True, *itertools.starmap(differ, itertools.pairwise(marks))]]
    return edges if len(edges) > 2 and np.isfinite(np.diff(edges)).all() else np.empty(0)


def join_edges(edges: Sequence[np.ndarray]) -> PiecewiseLinearEncoding:
    """The encoding of columns whose edges were found one by one."""
    at = [i for i, own in enumerate(edges) for _ in own[1:]]
    low = np.concatenate([np.empty(0), *(own[:-1] for own in edges)])
    width = np.concatenate([np.empty(0), *(np.diff(own) for own in edges)])
    return PiecewiseLinearEncoding(at, torch.from_numpy(low), torch.from_numpy(width))


def piece_variances(column: np.ndarray, edges: np.ndarray) -> list[float]:
    """Variance (ddof 0) of each piece over a filled training column (n,)."""
    return [float(np.clip((column - low) / (high - low), 0.0, 1.0).var()) for low, high in itertools.pairwise(edges)]


class Derive(nn.Module):
    """Appends the derived columns; numbers that are not finite count as missing (NaN)."""

    def __init__(self, raw: Sequence[str], derived: Mapping[str, Formula]) -> None:
        super().__init__()
        self.raw = tuple(raw)
        self.derived = dict(derived)

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """(n, p) → (n, p + derived)."""
        numbers = torch.where(numbers.isfinite(), numbers, torch.nan)
        if not self.derived:
            return numbers
        columns = {name: numbers[:, i].contiguous() for i, name in enumerate(self.raw)}
        for name, formula in self.derived.items():
            columns[name] = formula.evaluate(columns)
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
        pieces: PiecewiseLinearEncoding,
        scale: Scaler,
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
        features = self.scale_and_select(*self.assemble(numbers, codes, folds)).to(torch.float32)
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
        return _join(filled, values), _join(_join(flags, indicators), self.pieces(filled))

    def scale_and_select(self, scaled: torch.Tensor, unscaled: torch.Tensor) -> torch.Tensor:
        """Scale, select and project: float64 (n, numeric features)."""
        features = _join(self.scale(scaled), unscaled)
        if len(self.select) < features.shape[1]:
            features = features.index_select(1, self.select)
        return features if self.project is None else self.project(features)


def _join(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return torch.cat([left, right], dim=1) if right.shape[1] else left
