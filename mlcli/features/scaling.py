"""Scales of number columns: linear, by a power transform or by quantiles."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mlcli.config.sections.features import Scale
from mlcli.data.tables.rows import EXACT
from mlcli.errors import DataError
from mlcli.features.normal_scores import normal_score

LARGEST = float(np.finfo(np.float32).max)
MAX_QUANTILES = 1000
# Relative difference up to which numbers differ by the rounding of what computed them. Whole numbers are exact.
ROUNDING = 2.0**12 * float(np.finfo(np.float64).eps)

Floats = NDArray[np.float64]
Number = TypeVar("Number", bound=np.generic)


def columns_at(x: NDArray[Number], at: Sequence[int] | NDArray[np.int64]) -> NDArray[Number]:
    """The columns of x (n, p) at these places, contiguous one by one."""
    return x.T[np.asarray(at, dtype=np.int64)].T


@dataclass(frozen=True, eq=False)
class Scaler:
    """Power and quantile transforms of some columns, then (x − mean) / scale, then limits to ± limit.

    mean, scale, limit : float64 (s,); unscaled columns have 0, 1 and the largest float32
    """

    power: Power
    quantile: Quantile
    mean: Floats
    scale: Floats
    limit: Floats

    @property
    def is_affine(self) -> bool:
        """Whether the result is a straight line of the input, column by column."""
        return not self.power.at and not self.quantile.at and bool((self.limit == LARGEST).all())

    def __call__(self, x: Floats) -> Floats:
        """(n, s) → (n, s)."""
        scaled: Floats = np.clip((self.quantile(self.power(x)) - self.mean) / self.scale, -self.limit, self.limit)
        return scaled

    def state(self) -> dict[str, Floats]:
        """The fitted numbers, by the names that they have in files."""
        state = {"scale.power.exponents": self.power.exponents, "scale.quantile.quantiles": self.quantile.quantiles}
        if self.quantile.shares is not None:
            state["scale.quantile.shares"] = self.quantile.shares
        return state | {"scale.centre": self.mean, "scale.spread": self.scale, "scale.limit": self.limit}


@dataclass(frozen=True, eq=False)
class Power:
    """Yeo-Johnson transform (Yeo and Johnson, 2000) of the columns `at`.

    exponents : float64 (len(at),)
    """

    at: tuple[int, ...]
    exponents: Floats

    def __call__(self, x: Floats) -> Floats:
        """(n, s) → (n, s)."""
        if not self.at:
            return x
        out = x.copy(order="K")
        out[:, list(self.at)] = yeo_johnson(columns_at(x, self.at), self.exponents)
        return out


@dataclass(frozen=True, eq=False)
class Quantile:
    """Maps the columns `at` to a normal distribution by ranks.

    quantiles : float64 (len(at), m), ascending, at m evenly spaced shares of the training rows from 0 to 1
    shares    : float64 (len(at), 2, m), shares of the training rows below each quantile, and below or equal to it;
        earlier versions have none: ties are then as wide as the quantiles say, and both ends are at ±5.199
    """

    at: tuple[int, ...]
    quantiles: Floats
    shares: Floats | None

    def __call__(self, x: Floats) -> Floats:
        """(n, s) → (n, s)."""
        if not self.at:
            return x
        out = x.copy(order="K")
        for k, i in enumerate(self.at):
            shares = None if self.shares is None else self.shares[k]
            out[:, i] = normal_score(np.ascontiguousarray(x[:, i]), self.quantiles[k], shares)
        return out


def yeo_johnson(x: Floats, exponents: Floats) -> Floats:
    """((1 + x)^e − 1) / e for x ≥ 0 and −((1 − x)^(2−e) − 1) / (2 − e) below; logarithms where the divisor is 0."""
    e = np.where(x >= 0, exponents, 2.0 - exponents)
    log = np.log1p(np.abs(x))
    grown = np.where(e == 0, log, np.expm1(e * log) / np.where(e == 0, 1.0, e))
    return np.where(x >= 0, grown, -grown)


@dataclass(frozen=True)
class ScaledColumn:
    """A training column measured for its scale.

    variance    : before scaling, with ddof 0
    mean, scale : not for power, whose columns are measured after the transform
    ranks       : for quantile, float64 (3, m): quantiles and shares, as `Quantile` has them
    column      : for power, the column itself: the exponents of such columns are found together
    """

    kind: Scale
    variance: float
    mean: float = 0.0
    scale: float = 1.0
    ranks: np.ndarray | None = None
    column: np.ndarray | None = None


@np.errstate(over="ignore", invalid="ignore")
def measure_column(column: np.ndarray, kind: Scale) -> ScaledColumn:
    """Fit to one training column (n,); of a constant one, but for rounding, the number itself is subtracted."""
    varied = varies(column)
    variance = float(column.var()) if varied else 0.0
    if not varied and kind != "none":
        return ScaledColumn("standard", variance, float(column.min()), 1.0)
    if kind == "power":
        return ScaledColumn(kind, variance, column=column)
    if kind == "quantile":
        return ScaledColumn(kind, variance, ranks=measure_ranks(column))
    return ScaledColumn(kind, variance, *_mean_and_scale(column, kind))


def fit_scaler(columns: Sequence[ScaledColumn], n_rows: int, clip: float | None, names: Sequence[str]) -> Scaler:
    """The scaler of columns of these names that were measured one by one on n_rows training rows."""
    power, lines = _fit_powers(columns, names)
    ranked = {i: own.ranks for i, own in enumerate(columns) if own.ranks is not None}
    pairs = [lines.get(i, (own.mean, own.scale)) for i, own in enumerate(columns)]
    mean, scale = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    if not np.isfinite(scale).all():
        raise DataError(
            f"features.scale: column '{names[int(np.isfinite(scale).argmin())]}' has numbers too large to compute its "
            "scale; rescale or drop it"
        )
    ranks = np.array([*ranked.values()]).reshape(len(ranked), 3, n_quantiles(n_rows))
    limit = [LARGEST if own.kind == "none" or clip is None else clip for own in columns]
    return Scaler(
        power,
        Quantile(tuple(ranked), ranks[:, 0].copy(), ranks[:, 1:].copy()),
        mean.copy(),
        scale.copy(),
        np.array(limit, dtype=np.float64),
    )


@np.errstate(over="ignore", invalid="ignore")
def variance_of(column: np.ndarray) -> float:
    """Variance (ddof 0) of a column (n,); exactly 0 for one that varies by rounding alone."""
    return float(column.var()) if varies(column) else 0.0


def varies(column: np.ndarray) -> bool:
    """Whether a column (n,) holds different numbers, and not one number with different rounding.

    scikit-learn's bound grows with the number of rows, so that it takes microseconds since 1970 for a constant.
    """
    return differ(float(column.min()), float(column.max()))


def differ(low: float, high: float) -> bool:
    """Whether high is above low by more than rounding; whole numbers below 2^53 have none."""
    if not high > low:
        return False
    largest = max(abs(low), abs(high))
    return (largest <= EXACT and low.is_integer() and high.is_integer()) or high - low > ROUNDING * largest


@np.errstate(over="ignore", invalid="ignore")
def _mean_and_scale(column: np.ndarray, kind: Scale) -> tuple[float, float]:
    """What is subtracted from a column (n,) that varies, and what it is divided by.

    Deviations have ddof = 0. A column whose quartiles coincide falls back to its deviation, since
    a scale of 1 would leave its rare values as large as they are.
    """
    if kind == "none":
        return 0.0, 1.0
    if kind == "minmax":
        low, high = float(column.min()), float(column.max())
        return low, high - low
    if kind == "robust":
        q1, median, q3 = np.quantile(column, [0.25, 0.5, 0.75]).tolist()
        return median, float(q3 - q1 if differ(q1, q3) else column.std()) or 1.0
    return float(column.mean()), float(column.std()) or 1.0  # squares of the smallest numbers are 0


def _fit_powers(columns: Sequence[ScaledColumn], names: Sequence[str]) -> tuple[Power, dict[int, tuple[float, float]]]:
    """The exponents of greatest likelihood, and mean and scale of each column transformed by them."""
    kept = {i: own.column for i, own in enumerate(columns) if own.column is not None}
    if not kept:
        return Power((), np.empty(0)), {}
    from sklearn.preprocessing import PowerTransformer

    x = np.stack([*kept.values()]).T
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fitted = PowerTransformer(standardize=False).fit(x.copy(order="K")).lambdas_
    exponents = np.asarray(fitted, dtype=np.float64)
    with np.errstate(all="ignore"):
        transformed = yeo_johnson(x, exponents)
    for i, column in zip(kept, transformed.T, strict=True):
        if np.isfinite(column).all() and varies(column):
            continue
        name = names[i]
        raise DataError(
            f"features.scale: 'power' finds no transform of column '{name}' with finite, different numbers; choose "
            f"another scale for it: features.columns: {{{name}: {{scale: quantile}}}}"
        )
    lines = (_mean_and_scale(column, "power") for column in transformed.T)
    return Power(tuple(kept), exponents), dict(zip(kept, lines, strict=True))


def measure_ranks(column: np.ndarray) -> np.ndarray:
    """Quantiles of a column (n,), numbers of it, and the shares of its rows below each, and below or equal: (3, m)."""
    ordered = np.sort(column)
    quantiles = ordered[np.linspace(0, len(column) - 1, n_quantiles(len(column))).round().astype(np.int64)]
    ranks = [ordered.searchsorted(quantiles), ordered.searchsorted(quantiles, side="right")]
    return np.stack([quantiles, *(own / len(column) for own in ranks)])


def n_quantiles(n_rows: int) -> int:
    """How many quantiles that many rows have."""
    return max(2, min(MAX_QUANTILES, n_rows))
