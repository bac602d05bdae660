"""Rows as points in a plane of two number columns, with the target as their group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.evaluation.show import show_number
from mlcli.exploration.association import Codes, Floats
from mlcli.exploration.targets import Target

# Points drawn, at most.
MAX_POINTS = 1500
# Share of a target's numbers at either end that says nothing of where it is low and high.
TAIL = 0.05


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


def scatter_plane(names: tuple[str, str], x: Floats, y: Floats, target: Target) -> Scatter:
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


def scatter_target(name: str, x: Floats, target: Target) -> Scatter:
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
