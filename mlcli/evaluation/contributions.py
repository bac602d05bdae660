"""What columns, or patches of an image, add to a prediction, as rows and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Digits of the largest number of a row.
DIGITS = 10


@dataclass(frozen=True, eq=False)
class Contributions:
    """output = base + the sum of values over the columns, for each of n rows and t targets (t = 1 for classes).

    quantity : what the output is, such as "probability of 'yes'"
    names    : of d columns, or of the patches of an image, row by row
    output   : (n, t); base : (n, t), the mean output of the background rows; values : (n, d, t)
    suffixes : of the t targets in names of columns
    """

    quantity: str
    names: tuple[str, ...]
    output: Floats
    base: Floats
    values: Floats
    suffixes: tuple[str, ...] = ("",)

    def largest(self, k: int) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Of each row and target the k largest, rounded so that all sums hold in decimals.

        Returns places among the columns (n, k, t), their values (n, k, t), and (n, 3, t): output, base, all others.
        """
        places = np.argsort(-np.abs(self.values), axis=1, kind="stable")[:, :k]
        ends = np.stack([self.output, self.base], axis=1)
        known = np.concatenate([ends, np.take_along_axis(self.values, places, axis=1)], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            size = np.ceil(np.log10(np.abs(known).max(axis=1, keepdims=True)))
            unit = 10.0 ** np.clip(DIGITS - np.where(np.isfinite(size), size, 0.0), -300, 300)
            whole = np.rint(known * unit)
            others = whole[:, :1] - whole[:, 1:].sum(axis=1, keepdims=True)
            if k >= len(self.names):  # what rounding leaves is no other column's
                whole[:, 2] += others[:, 0]
                others = np.zeros_like(others)
            return places, whole[:, 2:] / unit, np.concatenate([whole[:, :2], others], axis=1) / unit

    def frame(self, k: int) -> pl.DataFrame:
        """`explain_output`, `explain_base`, then `explain_column_1`, `explain_contribution_1` …, `explain_others`."""
        places, values, ends = self.largest(k)
        columns = []
        for t, suffix in enumerate(self.suffixes):
            columns += [pl.Series(f"explain_output{suffix}", ends[:, 0, t])]
            columns += [pl.Series(f"explain_base{suffix}", ends[:, 1, t])]
            for i in range(places.shape[1]):
                named = pl.Series(f"explain_column_{i + 1}{suffix}", list(self.names), dtype=pl.String)
                columns += [named.gather(places[:, i, t])]
                columns += [pl.Series(f"explain_contribution_{i + 1}{suffix}", values[:, i, t])]
            columns += [pl.Series(f"explain_others{suffix}", ends[:, 2, t])]
        return pl.DataFrame(columns)

    def to_json(self, k: int) -> dict[str, Any]:
        """The same for `predict --json`; one entry a row and target."""
        places, values, ends = self.largest(k)
        rows = [
            {
                "row": row,
                **({"target": suffix[1:]} if suffix else {}),
                **dict(zip(("output", "base", "others"), ends[row, :, t].tolist(), strict=True)),
                "contributions": [
                    {"column": self.names[place], "contribution": value}
                    for place, value in zip(places[row, :, t].tolist(), values[row, :, t].tolist(), strict=True)
                ],
            }
            for row, (t, suffix) in product(range(len(places)), enumerate(self.suffixes))
        ]
        return {"quantity": self.quantity, "rows": rows}
