"""Brings numbers to comparable sizes, linearly, by a power or by ranks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from mlcli.config.sections.features import Scale
from mlcli.errors import DataError

MAX_QUANTILES = 1000
# scikit-learn keeps the tails this far, in probability, from 0 and 1: ±5.199 standard deviations.
_MARGIN = 1e-7


class Power(nn.Module):
    """Yeo-Johnson transform (Yeo and Johnson, 2000) of the columns `at`.

    exponents : float64 (len(at),)
    """

    exponents: torch.Tensor

    def __init__(self, at: Sequence[int], exponents: torch.Tensor) -> None:
        super().__init__()
        self.at = tuple(at)
        self.register_buffer("exponents", exponents)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, s) → (n, s)."""
        if not self.at:
            return x
        chosen = list(self.at)
        out = x.clone()
        out[:, chosen] = yeo_johnson(x[:, chosen], self.exponents)
        return out


class Quantile(nn.Module):
    """Maps the columns `at` to a normal distribution by ranks.

    quantiles : float64 (len(at), m), ascending, at m evenly spaced shares from 0 to 1
    """

    quantiles: torch.Tensor

    def __init__(self, at: Sequence[int], quantiles: torch.Tensor) -> None:
        super().__init__()
        self.at = tuple(at)
        self.register_buffer("quantiles", quantiles)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, s) → (n, s)."""
        if not self.at:
            return x
        out = x.clone()
        # One column at a time: how a long array is shared out among threads must not change its bits.
        for i, quantiles in zip(self.at, self.quantiles, strict=True):
            out[:, i] = normal_score(x[:, i].contiguous(), quantiles)
        return out


def yeo_johnson(x: torch.Tensor, exponents: torch.Tensor) -> torch.Tensor:
    """((1 + x)^e − 1) / e for x ≥ 0 and −((1 − x)^(2−e) − 1) / (2 − e) below; logarithms where the divisor is 0."""
    e = torch.where(x >= 0, exponents, 2.0 - exponents)
    log = x.abs().log1p()
    grown = torch.where(e == 0, log, torch.expm1(e * log) / torch.where(e == 0, 1.0, e))
    return torch.where(x >= 0, grown, -grown)


def normal_score(x: torch.Tensor, quantiles: torch.Tensor) -> torch.Tensor:
    """The normal deviate of the rank of x (n,) among quantiles (m,).

    Tied quantiles give the middle of their ranks: the mean of interpolating from below and from above.
    """
    shares = torch.linspace(0.0, 1.0, len(quantiles), dtype=x.dtype)
    below = torch.searchsorted(quantiles, x, right=True).clamp(1, len(quantiles) - 1)
    above = torch.searchsorted(quantiles, x).clamp(1, len(quantiles) - 1)
    share = 0.5 * (_interpolate(x, below, quantiles, shares) + _interpolate(x, above, quantiles, shares))
    share = torch.where(x + _MARGIN > quantiles[-1], 1.0, share)
    share = torch.where(x - _MARGIN < quantiles[0], 0.0, share)
    edge = torch.tensor([_MARGIN - np.spacing(1), 1 - (_MARGIN - np.spacing(1))], dtype=x.dtype)
    deviate: torch.Tensor = torch.special.ndtri(share.clamp(edge[0], edge[1]))
    return deviate


def _interpolate(x: torch.Tensor, right: torch.Tensor, xs: torch.Tensor, ys: torch.Tensor) -> torch.Tensor:
    """The line through the points right − 1 and right, at x; the edges beyond them."""
    x0, x1, y0, y1 = xs[right - 1], xs[right], ys[right - 1], ys[right]
    width = x1 - x0
    part = torch.where(width > 0, (x - x0) / torch.where(width > 0, width, 1.0), (x >= x1).to(x.dtype))
    return y0 + part.clamp(0.0, 1.0) * (y1 - y0)


def fit_power(x: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
    """Exponents of greatest likelihood (s,) for columns x (n, s), none of them constant, and the columns reshaped."""
    from sklearn.preprocessing import PowerTransformer

    every = list(range(x.shape[1]))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        exponents = PowerTransformer(standardize=False).fit(x[:, every]).lambdas_
    power = Power(every, torch.from_numpy(np.asarray(exponents, dtype=np.float64)))
    reshaped: torch.Tensor = power(torch.from_numpy(x))
    if not reshaped.isfinite().all():
        raise DataError(
            "features.scale: 'power' finds no finite transform of a column; choose another scale for it, "
            "such as robust or quantile"
        )
    return power.exponents, reshaped.numpy()


def n_quantiles(n_rows: int) -> int:
    """How many quantiles that many rows have."""
    return max(2, min(MAX_QUANTILES, n_rows))


def fit_quantiles(column: np.ndarray) -> np.ndarray:
    """Up to 1,000 quantiles of a column (n,)."""
    # Percentiles, as in scikit-learn: shares in 0 … 1 round otherwise, which moves the edges of ties.
    quantiles = np.percentile(column, np.linspace(0.0, 1.0, n_quantiles(len(column))) * 100)
    # Interpolation may round a quantile below its neighbour.
    ascending: np.ndarray = np.maximum.accumulate(quantiles)
    return ascending


LARGEST = float(np.finfo(np.float32).max)


class Scaler(nn.Module):
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

    kind: Scale
    line: tuple[float, float] = (0.0, 1.0)
    quantiles: np.ndarray | None = None
    column: np.ndarray | None = None


def measure_column(column: np.ndarray, kind: Scale) -> ScaledColumn:
    """Fit to one training column (n,); a constant one is only centred."""
    if kind != "none" and not column.min() < column.max():
        kind = "standard"
    if kind == "power":
        return ScaledColumn(kind, column=column)
    if kind == "quantile":
        return ScaledColumn(kind, quantiles=fit_quantiles(column))
    return ScaledColumn(kind, _line(column, kind))


def join_columns(columns: Sequence[ScaledColumn], n_rows: int, clip: float | None) -> Scaler:
    """The scale of columns that were measured one by one on n_rows training rows."""
    power, bent = _fit_power(columns)
    ranked = {i: own.quantiles for i, own in enumerate(columns) if own.quantiles is not None}
    lines = [bent.get(i, own.line) for i, own in enumerate(columns)]
    centre, spread = np.array(lines, dtype=np.float64).reshape(-1, 2).T
    if not np.isfinite(spread).all():
        raise DataError("features.scale: a column has numbers too large to measure their spread; rescale or drop it")
    quantiles = np.array([*ranked.values()]).reshape(len(ranked), n_quantiles(n_rows))
    limit = [LARGEST if own.kind == "none" or clip is None else clip for own in columns]
    return Scaler(
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
def _line(column: np.ndarray, kind: Scale) -> tuple[float, float]:
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
