"""The two scales that change the shape of a distribution: by a power and by ranks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

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
