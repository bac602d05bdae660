"""Brings numbers to comparable sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from mlcli.config.features import Scale as ScaleName
from mlcli.errors import DataError
from mlcli.features.reshape import Power, Quantile, fit_power, fit_quantiles, n_quantiles

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


@dataclass(frozen=True)
class ScaledColumn:
    """A training column measured for its scale.

    line      : centre and spread, but for power, whose line is that of the columns reshaped
    quantiles : for quantile, float64 (m,)
    column    : for power, the column itself: the exponents and lines of such columns are found together
    """

    kind: ScaleName
    line: tuple[float, float] = (0.0, 1.0)
    quantiles: np.ndarray | None = None
    column: np.ndarray | None = None


def measure_column(column: np.ndarray, kind: ScaleName) -> ScaledColumn:
    """Fit to one training column (n,); a constant one is only centred."""
    if kind != "none" and not column.min() < column.max():
        kind = "standard"
    if kind == "power":
        return ScaledColumn(kind, column=column)
    if kind == "quantile":
        return ScaledColumn(kind, quantiles=fit_quantiles(column))
    return ScaledColumn(kind, _line(column, kind))


def join_columns(columns: Sequence[ScaledColumn], n_rows: int, clip: float | None) -> Scale:
    """The scale of columns that were measured one by one on n_rows training rows."""
    power, bent = _fit_power(columns)
    ranked = {i: own.quantiles for i, own in enumerate(columns) if own.quantiles is not None}
    lines = [bent.get(i, own.line) for i, own in enumerate(columns)]
    centre, spread = np.array(lines, dtype=np.float64).reshape(-1, 2).T
    if not np.isfinite(spread).all():
        raise DataError("features.scale: a column has numbers too large to measure their spread; rescale or drop it")
    quantiles = np.array([*ranked.values()]).reshape(len(ranked), n_quantiles(n_rows))
    limit = [LARGEST if own.kind == "none" or clip is None else clip for own in columns]
    return Scale(
        power,
        Quantile(tuple(ranked), torch.from_numpy(quantiles)),
        torch.from_numpy(centre.copy()),
        torch.from_numpy(spread.copy()),
        torch.tensor(limit, dtype=torch.float64),
    )


def _fit_power(columns: Sequence[ScaledColumn]) -> tuple[Power, dict[int, tuple[float, float]]]:
    """The powers, and the line of each column they reshape."""
    kept = {i: own.column for i, own in enumerate(columns) if own.column is not None}
    if not kept:
        return Power((), torch.empty(0, dtype=torch.float64)), {}
    exponents, reshaped = fit_power(np.stack([*kept.values()]).T)
    return Power(tuple(kept), exponents), dict(
        zip(kept, (_line(column, "power") for column in reshaped.T), strict=True)
    )


@np.errstate(over="ignore", invalid="ignore")
def _line(column: np.ndarray, kind: ScaleName) -> tuple[float, float]:
    """Centre and spread of one column.

    Deviations have ddof = 0. A column whose quartiles coincide falls back to its deviation, since
    a spread of 1 would leave its rare values as large as they are.
    """
    low, high = float(column.min()), float(column.max())
    if kind == "none":
        return 0.0, 1.0
    if low == high:
        return low, 1.0
    if kind == "minmax":
        return low, high - low
    if kind == "robust":
        q1, median, q3 = np.quantile(column, [0.25, 0.5, 0.75])
        return float(median), float((q3 - q1) or column.std())
    return float(column.mean()), float(column.std())
