"""Brings numbers to comparable sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from mlcli.config.features import Scale as ScaleName
from mlcli.errors import DataError
from mlcli.features.reshape import Power, Quantile, fit_power, fit_quantile

LARGEST = float(np.finfo(np.float32).max)


class Scale(nn.Module):
    """Reshapes some columns, then (x − centre) / spread, then limits to ± limit.

    centre, spread, limit : float64 (s,); unscaled columns have 0, 1 and the largest float32
    """

    centre: torch.Tensor
    spread: torch.Tensor
    limit: torch.Tensor

    def __init__(
        self, power: Power, quantile: Quantile, centre: torch.Tensor, spread: torch.Tensor, limit: torch.Tensor
    ) -> None:
        super().__init__()
        self.power = power
        self.quantile = quantile
        self.register_buffer("centre", centre)
        self.register_buffer("spread", spread)
        self.register_buffer("limit", limit)

    @property
    def is_affine(self) -> bool:
        """Whether the result is a straight line of the input, column by column."""
        return not self.power.at and not self.quantile.at and bool((self.limit == LARGEST).all())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, s) → (n, s)."""
        reshaped: torch.Tensor = self.quantile(self.power(x))
        scaled = (reshaped - self.centre) / self.spread
        return scaled.clamp(-self.limit, self.limit)


def fit_scale(x: np.ndarray, kinds: Sequence[ScaleName], clip: float | None) -> Scale:
    """Fit to training columns (n, s); constant columns are only centred."""
    varies = x.min(axis=0) < x.max(axis=0)
    kinds = [kind if varied or kind == "none" else "standard" for kind, varied in zip(kinds, varies, strict=True)]
    power = fit_power(x, [i for i, kind in enumerate(kinds) if kind == "power"])
    quantile = fit_quantile(x, [i for i, kind in enumerate(kinds) if kind == "quantile"])
    reshaped = power(torch.from_numpy(x)).numpy()
    with np.errstate(over="ignore", invalid="ignore"):
        lines = [_line(column, kind) for column, kind in zip(reshaped.T, kinds, strict=True)]
    centre, spread = np.array(lines, dtype=np.float64).reshape(-1, 2).T
    if not np.isfinite(spread).all():
        raise DataError("features.scale: a column has numbers too large to measure their spread; rescale or drop it")
    limit = [LARGEST if kind == "none" or clip is None else clip for kind in kinds]
    return Scale(
        power,
        quantile,
        torch.from_numpy(centre.copy()),
        torch.from_numpy(spread.copy()),
        torch.tensor(limit, dtype=torch.float64),
    )


def _line(column: np.ndarray, kind: ScaleName) -> tuple[float, float]:
    """Centre and spread of one column.

    Deviations have ddof = 0. A column whose quartiles coincide falls back to its deviation, since
    a spread of 1 would leave its rare values as large as they are.
    """
    low, high = float(column.min()), float(column.max())
    if kind in ("none", "quantile"):
        return 0.0, 1.0
    if low == high:
        return low, 1.0
    if kind == "minmax":
        return low, high - low
    if kind == "robust":
        q1, median, q3 = np.quantile(column, [0.25, 0.5, 0.75])
        return float(median), float((q3 - q1) or column.std())
    return float(column.mean()), float(column.std())
