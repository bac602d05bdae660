"""Replaces missing numbers, and marks where they were."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from mlcli.errors import DataError
from mlcli.features.columns import NumberSettings


class Impute(nn.Module):
    """Fills the NaN of each column with its number.

    fill : float64 (p,)
    indicators : positions of the m columns that get a 0/1 column telling where a number was missing
    """

    fill: torch.Tensor

    def __init__(self, fill: torch.Tensor, indicators: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("fill", fill)
        self.indicators = tuple(indicators)

    def forward(self, numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, p) with NaN → filled (n, p), indicators (n, m)."""
        missing = numbers.isnan()
        marks = missing[:, list(self.indicators)].to(numbers.dtype)
        return torch.where(missing, self.fill, numbers), marks


def fit_fill(column: np.ndarray, settings: NumberSettings) -> float:
    """What replaces the NaN of a training column (n,); a wholly missing one is filled with fill_value."""
    present = column[~np.isnan(column)]
    if settings.impute == "constant" or not len(present):
        return settings.fill_value
    with np.errstate(over="ignore"):
        fill = float(present.mean() if settings.impute == "mean" else np.median(present, overwrite_input=True))
    if not np.isfinite(fill):
        raise DataError(f"features.impute: numbers too large to take their {settings.impute}; rescale or drop them")
    return fill
