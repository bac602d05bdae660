"""Monotone transforms of a number that is predicted: what the network learns in its place, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mlcli.errors import DataError
from mlcli.features.normal_scores import normal_deviate
from mlcli.features.scaling import measure_ranks

# Residuals that the mean is taken over; their quantiles stand for all of them.
_RESIDUALS = 32


@dataclass(frozen=True)
class TargetTransform:
    """From a number y to z, of mean 0 and deviation 1 (ddof 0) over the training rows.

    log      : z = (ln(y + offset) − mean) / std
    quantile : (z + mean) · std is the normal score of the rank of y, by straight lines through values and scores

    So that every number has a z, a straight line goes on below the least training number, and for quantile above the
    greatest. Predictions do not: those of a logarithm are exponentials, and ranks end at the least and the greatest.

    values, scores : ascending; for log, the least training number and its logarithm
    """

    kind: Literal["log", "quantile"]
    values: tuple[float, ...]
    scores: tuple[float, ...]
    offset: float = 0.0
    mean: float = 0.0
    std: float = 1.0

    @property
    def is_sound(self) -> bool:
        """Whether the numbers, read from a file, fit together."""
        ascends = all((np.diff(own) > 0).all() for own in (self.values, self.scores))
        is_log = self.kind == "log"
        counts = len(self.values) == len(self.scores) > 0 and (not is_log or len(self.values) == 1)
        return bool(counts and ascends and self.std > 0 and (not is_log or self.values[0] + self.offset > 0))

    @property
    def _slope(self) -> float:
        """Of the lines that go on."""
        if self.kind == "log":
            return 1 / (self.values[0] + self.offset)
        width = self.values[-1] - self.values[0]
        return (self.scores[-1] - self.scores[0]) / width if width else 1.0

    def apply(self, y: np.ndarray) -> np.ndarray:
        """Numbers (n,) → z (n,)."""
        beyond = np.minimum(y - self.values[0], 0.0)
        if self.kind == "log":
            scores = np.log(np.maximum(y, self.values[0]) + self.offset)
        else:
            scores, beyond = np.interp(y, self.values, self.scores), beyond + np.maximum(y - self.values[-1], 0.0)
        z: np.ndarray = (scores + beyond * self._slope - self.mean) / self.std
        return z

    def undo(self, z: np.ndarray) -> np.ndarray:
        """The inverse of `apply`; what float32 cannot distinguish from a training number or from 0 is that number."""
        scores = z * self.std + self.mean
        rounding = 2 * np.finfo(np.float32).eps * (np.abs(z * self.std) + abs(self.mean))
        knots = np.array(self.scores)
        nearest = knots[np.searchsorted((knots[1:] + knots[:-1]) / 2, scores)]
        scores = np.where(np.abs(scores - nearest) <= rounding, nearest, scores)
        beyond = np.minimum(scores - self.scores[0], 0.0)
        if self.kind == "log":
            numbers = np.exp(np.maximum(scores, self.scores[0])) - self.offset
        else:
            numbers = np.interp(scores, self.scores, self.values)
            beyond = beyond + np.maximum(scores - self.scores[-1], 0.0)
        numbers = numbers + beyond / self._slope
        return np.where((beyond != 0) & (np.abs(numbers) <= rounding / self._slope), 0.0, numbers)

    def predict(self, z: np.ndarray, residuals: Sequence[float] = (0.0,)) -> np.ndarray:
        """Numbers that outputs (n,) predict: the mean over their residuals, in z."""
        total = np.zeros(z.shape)
        for residual in residuals:
            total += self._decode(z + residual)
        return total / len(residuals)

    def summarise_residuals(self, residuals: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, ...]:
        """Residuals (n,), in z, as the few whose mean prediction is theirs (Duan, 1983): of a logarithm, one.

        weights : (n,), of the residuals; None where all count alike
        """
        if weights is not None:
            residuals, weights = residuals[weights > 0], weights[weights > 0]
        if self.kind == "log":
            logs, total = residuals * self.std, len(residuals)
            if weights is not None:
                logs, total = logs + np.log(weights), weights.sum()
            return (float(np.logaddexp.reduce(logs) - np.log(total)) / self.std,)
        shares = (np.arange(_RESIDUALS) + 0.5) / _RESIDUALS
        return tuple(
            (np.quantile(residuals, shares) if weights is None else _quantiles(residuals, weights, shares)).tolist()
        )

    def _decode(self, z: np.ndarray) -> np.ndarray:
        scores = z * self.std + self.mean
        if self.kind == "log":
            return np.exp(scores) - self.offset
        return np.interp(scores, self.scores, self.values)


def _quantiles(values: np.ndarray, weights: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Between values by straight lines, as np.quantile draws them where all weights are equal."""
    order, mean = np.argsort(values), weights.mean()
    middles = weights[order].cumsum() - (weights[order] + mean) / 2
    total = max(weights.sum() - mean, np.finfo(np.float64).tiny)
    quantiles: np.ndarray = np.interp(shares * total, middles, values[order])
    return quantiles


def fit_transform(kind: Literal["log", "quantile"], y: np.ndarray, name: str) -> TargetTransform:
    """Fit to a target (n,) of the training rows; raises DataError for the logarithm of a negative number."""
    if kind == "quantile":
        quantiles, below, through = measure_ranks(y)
        values, first = np.unique(quantiles, return_index=True)
        scores = normal_deviate((below + through)[first] / 2)
        raw = TargetTransform(kind, tuple(values.tolist()), tuple(scores.tolist()))
    else:
        least = float(y.min())
        if least < 0:
            raise DataError(
                f"column '{name}': loss.target log is for numbers of 0 or more; {int((y < 0).sum()):,} of {len(y):,} "
                f"training rows are negative, the lowest is {least:g}; use quantile or none"
            )
        offset = 0.0 if least else 1.0
        raw = TargetTransform(kind, (least,), (float(np.log(least + offset)),), offset)
    z = raw.apply(y)
    std = float(z.std())
    return TargetTransform(kind, raw.values, raw.scores, raw.offset, float(z.mean()), std if std > 0 else 1.0)
