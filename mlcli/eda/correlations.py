"""Pearson's r of each pair of number columns, and rows as points in a plane of two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.eda.association import Codes, Floats, TargetColumn, pearson
from mlcli.io.text import show_number

# Columns of the matrix at most: those with the strongest association with the target.
MAX_COLUMNS = 60
# Points drawn, at most.
MAX_POINTS = 1500
# Share of a target's numbers at either end that is left out before they are divided into low, middle and high.
TAIL = 0.05


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


@dataclass(frozen=True)
class Scatter:
    """Points, each with its group's place; no groups where the target itself is drawn.

    grouped_by : the target
    n_rows     : rows that know both numbers, of which these are a sample drawn at random
    """

    x_name: str
    y_name: str
    grouped_by: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    groups: tuple[str, ...]
    group: tuple[int, ...]
    n_rows: int


def scatter_plane(names: tuple[str, str], x: Floats, y: Floats, target: TargetColumn) -> Scatter:
    """Two columns with the target as colour: its classes, or whether it is low, middling or high."""
    if target.classes:
        codes = np.where(target.codes < len(target.shown), target.codes, -1)
        return _scatter(names, x, y, target.name, target.shown, codes)
    known = np.isfinite(target.numbers)
    ends = np.quantile(target.numbers[known], [TAIL, 1 - TAIL]) if known.any() else np.zeros(2)
    first, second = np.linspace(ends[0], ends[1], 4)[1:3].tolist()
    groups = (f"up to {show_number(first)}", "between", f"over {show_number(second)}")
    levels = np.searchsorted([first, second], target.numbers, side="left")
    return _scatter(names, x, y, target.name, groups, np.where(known, levels, -1))


def scatter_target(name: str, x: Floats, target: TargetColumn) -> Scatter:
    """A column across, the target upwards."""
    return _scatter((name, target.name), x, target.numbers, "", (), np.zeros(len(x), dtype=np.int64))


def _scatter(names: tuple[str, str], x: Floats, y: Floats, by: str, groups: Sequence[str], group: Codes) -> Scatter:
    places = np.flatnonzero(np.isfinite(x) & np.isfinite(y) & (group >= 0))
    chosen = np.random.default_rng(0).permutation(places)[:MAX_POINTS]
    return Scatter(
        x_name=names[0],
        y_name=names[1],
        grouped_by=by,
        x=tuple(x[chosen].tolist()),
        y=tuple(y[chosen].tolist()),
        groups=tuple(groups),
        group=tuple(group[chosen].tolist()) if groups else (),
        n_rows=len(places),
    )
