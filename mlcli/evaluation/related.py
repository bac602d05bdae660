"""Columns of which one nearly determines another, so that a model can use either in its place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.data.tables.types import DISCRETE, Column

# Share of a column's variance that a related one explains, 0.9² as of two numbers; rows that both must know.
SHARE, FEWEST_ROWS = 0.8, 20
# Ranges that numbers are divided into, at most, and rows in each of them at least.
MAX_RANGES, ROWS_IN_RANGE = 20, 8


class _Cells(NamedTuple):
    """A column's n cells.

    codes : int64 (n,), categories, or ranges of numbers with as many rows each; missing cells are one more
    ranks : float64 (n,) of numbers; None for categories
    known : bool (n,)
    """

    codes: NDArray[np.int64]
    ranks: NDArray[np.float64] | None
    known: NDArray[np.bool_]


def group_related(frame: pl.DataFrame, columns: Sequence[Column]) -> tuple[tuple[str, ...], ...]:
    """The names of all columns, related ones together; groups and names in the order of the columns.

    Two columns are related where one of them explains SHARE of the other's variance or more: of a number's ranks by
    ranges of the other or by its categories (the squared correlation ratio), and of categories in the same way
    (Goodman and Kruskal's tau). A group is a chain of related columns.
    """
    cells = [_encode(frame[column.name], column) for column in columns]
    group = np.arange(len(columns))
    for i, j in combinations(range(len(columns)), 2):
        if group[i] != group[j] and max(_explained(cells[i], cells[j]), _explained(cells[j], cells[i])) >= SHARE:
            group[group == group[j]] = group[i]
    places = [np.flatnonzero(group == own).tolist() for own in dict.fromkeys(group.tolist())]
    return tuple(tuple(columns[place].name for place in own) for own in places)


def _encode(values: pl.Series, column: Column) -> _Cells:
    known = values.is_not_null().to_numpy()
    if column.kind in DISCRETE:
        codes = np.unique(values.cast(pl.String).fill_null("").to_numpy()[known], return_inverse=True)[1]
        return _Cells(_with_missing(codes, known), None, known)
    ranks = values.rank("average").fill_null(0.0).cast(pl.Float64).to_numpy()
    distinct, codes = np.unique(ranks[known], return_inverse=True)
    n_ranges = int(np.clip(known.sum() // ROWS_IN_RANGE, 2, MAX_RANGES))
    if len(distinct) > n_ranges:
        codes = ((ranks[known] - 0.5) * n_ranges / len(codes)).astype(np.int64)
    return _Cells(_with_missing(codes, known), ranks, known)


def _with_missing(codes: NDArray[np.int64], known: NDArray[np.bool_]) -> NDArray[np.int64]:
    filled = np.full(len(known), codes.max(initial=-1) + 1, dtype=np.int64)
    filled[known] = codes
    return filled


def _explained(by: _Cells, of: _Cells) -> float:
    """The share of one column's variance that lies between the groups of the other, corrected for their number.

    0 where few rows, or few in each group, would explain it by chance.
    """
    groups = np.unique(by.codes[of.known], return_inverse=True)[1]
    n_rows, counts = len(groups), np.bincount(groups)
    if n_rows < max(FEWEST_ROWS, 2 * len(counts)):
        return 0.0
    if of.ranks is not None:
        ranks = of.ranks[of.known] - of.ranks[of.known].mean()
        total = float(ranks @ ranks)
        between = float((np.bincount(groups, weights=ranks) ** 2 / counts).sum())
    else:
        labels = of.codes[of.known]
        cells, sizes = np.unique(groups * (labels.max() + 1) + labels, return_counts=True)
        alone = float((np.bincount(labels) ** 2.0).sum() / n_rows)
        total = n_rows - alone
        between = float((sizes**2 / counts[cells // (labels.max() + 1)]).sum()) - alone
    if total <= 0:
        return 0.0
    return 1 - (total - between) / (n_rows - len(counts)) * (n_rows - 1) / total
