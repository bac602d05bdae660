"""Pearson's r of each pair of number columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.exploration.association import Floats, pearson

# Columns of the matrix at most, those that tell most of the target.
MAX_COLUMNS = 60


@dataclass(frozen=True)
class Correlations:
    """r[i][j] is that of names[i] and names[j]; None where one of them does not vary. left_out : further columns."""

    names: tuple[str, ...]
    r: tuple[tuple[float | None, ...], ...]
    left_out: int = 0

    def pairs(self) -> Iterator[tuple[str, str, float]]:
        """Each pair once, the strongest first."""
        found = [
            (self.names[i], self.names[j], r)
            for i in range(len(self.names))
            for j in range(i)
            if (r := self.r[i][j]) is not None
        ]
        return iter(sorted(found, key=lambda pair: -abs(pair[2])))


def correlate(names: Sequence[str], columns: Sequence[Floats]) -> Correlations | None:
    """Of the first MAX_COLUMNS columns; None where there are no two."""
    if len(names) < 2:
        return None
    shown = list(names[:MAX_COLUMNS])
    matrix = pearson(np.column_stack(columns[: len(shown)]))
    rows = tuple(tuple(None if np.isnan(r) else r for r in row) for row in matrix.tolist())
    return Correlations(tuple(shown), rows, len(names) - len(shown))
