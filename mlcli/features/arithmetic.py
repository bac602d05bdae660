"""The arithmetic from raw numbers and category codes to the feature matrix."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import DataError
from mlcli.features.column_plan import NumberSettings
from mlcli.features.encoding import Encode
from mlcli.features.scaling import Floats, Scaler, columns_at, differ
from mlcli.features.selection import Project
from mlcli.formulas.program import Formula

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Impute:
    """Fills the NaN of each column with its statistic.

    statistic  : float64 (p,)
    indicators : positions of the m columns that get a 0/1 column, 1 where the number was missing
    """

    statistic: Floats
    indicators: tuple[int, ...]

    def __call__(self, numbers: Floats) -> tuple[Floats, Floats]:
        """(n, p) with NaN → filled (n, p), indicators (n, m)."""
        missing = np.isnan(numbers)
        return np.where(missing, self.statistic, numbers), columns_at(missing, self.indicators).astype(np.float64)


def fit_statistic(column: np.ndarray, settings: NumberSettings) -> float:
    """What replaces the NaN of a training column (n,); a wholly missing one is filled with fill_value."""
    present = column[~np.isnan(column)]
    if settings.impute == "constant" or not len(present):
        return settings.fill_value
    with np.errstate(over="ignore"):
        statistic = float(present.mean() if settings.impute == "mean" else np.median(present, overwrite_input=True))
    if not np.isfinite(statistic):
        raise DataError(f"features.impute: numbers too large to take their {settings.impute}; rescale or drop them")
    return statistic


@dataclass(frozen=True, eq=False)
class PiecewiseLinearEncoding:
    """The place of a number in each piece of its column, from 0 at its lower to 1 at its upper edge and beyond.

    Piecewise linear encoding of Gorishniy et al. (2022).

    at         : the column of each of the k pieces
    low, width : float64 (k,), where each piece begins and how long it is
    """

    at: tuple[int, ...]
    low: Floats
    width: Floats

    def __call__(self, numbers: Floats) -> Floats:
        """Filled numbers (n, p) → (n, k)."""
        if not self.at:
            return numbers[:, :0]
        places: Floats = np.clip((columns_at(numbers, self.at) - self.low) / self.width, 0.0, 1.0)
        return places


@np.errstate(over="ignore")
def find_edges(column: np.ndarray, count: int) -> np.ndarray:
    """Where to cut a filled training column (n,) into about `count` pieces: (pieces + 1,) ascending.

    Values held by a piece's share of the rows or more are edges, and so are quantiles of the other rows. Empty where
    there would be one piece or none, which adds nothing to the number.
    """
    if count < 2:
        return np.empty(0)
    edges, rows = np.unique(column, return_counts=True)
    if len(edges) > count + 1:
        shared = edges[rows * count >= len(column)]
        others = column[~np.isin(column, shared)]
        quantiles = np.percentile(others, np.linspace(0.0, 100.0, max(1, count - len(shared)) + 1))
        edges = np.unique(np.concatenate([shared, quantiles]))
    marks = edges.tolist()
    edges = edges[[True, *itertools.starmap(differ, itertools.pairwise(marks))]]
    return edges if len(edges) > 2 and np.isfinite(np.diff(edges)).all() else np.empty(0)


def join_edges(edges: Sequence[np.ndarray]) -> PiecewiseLinearEncoding:
    """The encoding of columns whose edges were found one by one."""
    at = tuple(i for i, own in enumerate(edges) for _ in own[1:])
    low = np.concatenate([np.empty(0), *(own[:-1] for own in edges)])
    width = np.concatenate([np.empty(0), *(np.diff(own) for own in edges)])
    return PiecewiseLinearEncoding(at, low, width)


def piece_variances(column: np.ndarray, edges: np.ndarray) -> list[float]:
    """Variance (ddof 0) of each piece over a filled training column (n,)."""
    return [float(np.clip((column - low) / (high - low), 0.0, 1.0).var()) for low, high in itertools.pairwise(edges)]


@dataclass(frozen=True, eq=False)
class Derive:
    """Appends the derived columns; numbers that are not finite count as missing (NaN)."""

    raw: tuple[str, ...]
    derived: Mapping[str, Formula]

    def __call__(self, numbers: Floats) -> Floats:
        """(n, p) → (n, p + derived)."""
        numbers = np.where(np.isfinite(numbers), numbers, np.nan)
        if not self.derived:
            return numbers
        columns = {name: np.ascontiguousarray(numbers[:, i]) for i, name in enumerate(self.raw)}
        for name, formula in self.derived.items():
            columns[name] = formula.evaluate(columns)
        return np.stack(list(columns.values())).T


@dataclass(frozen=True, eq=False)
class TableArithmetic:
    """Derive, impute, encode and cut; scale; select; project. Float64 within, float32 out.

    Matrices of rows are contiguous column by column.

    select : int64 positions kept of the assembled features: numbers, ordinal codes and target
    means (these are scaled), then one-hot columns, indicators and pieces (these are not)
    """

    derive: Derive
    impute: Impute
    encode: Encode
    pieces: PiecewiseLinearEncoding
    scale: Scaler
    select: Ints
    project: Project | None = None

    @property
    def n_embedded(self) -> int:
        """Columns whose codes the network embeds."""
        return self.encode.counts[-1]

    def __call__(self, numbers: Floats, codes: Ints, folds: Ints | None = None) -> NDArray[np.float32]:
        """Float64 numbers (n, p), int64 codes (n, q), int64 folds (n,) or None → float32 (n, width)."""
        with np.errstate(all="ignore"):
            features = self.scale_and_select(*self.assemble(numbers, codes, folds)).astype(np.float32)
        if not self.n_embedded:
            return features
        embedded = codes[:, codes.shape[1] - self.n_embedded :]
        return np.concatenate([features, embedded.astype(np.float32)], axis=1)

    def state(self) -> dict[str, NDArray[Any]]:
        """The fitted numbers by name."""
        state: dict[str, NDArray[Any]] = {
            "select": self.select,
            "impute.fill": self.impute.statistic,
            "encode.ordinal": self.encode.ordinal,
            "encode.target": self.encode.target,
            **self.scale.state(),
        }
        if self.pieces.at:
            state |= {"pieces.low": self.pieces.low, "pieces.width": self.pieces.width}
        return state if self.project is None else state | self.project.state()

    def assemble(self, numbers: Floats, codes: Ints, folds: Ints | None = None) -> tuple[Floats, Floats]:
        """Derive, impute, encode and cut: the features to be scaled (n, s) and those that are not (n, u)."""
        filled, indicators = self.impute(self.derive(numbers))
        values, flags = self.encode(codes, folds)
        return _join(filled, values), _join(_join(flags, indicators), self.pieces(filled))

    def scale_and_select(self, scaled: Floats, unscaled: Floats) -> Floats:
        """Scale, select and project: float64 (n, numeric features)."""
        features = _join(self.scale(scaled), unscaled)
        if len(self.select) < features.shape[1]:
            features = columns_at(features, self.select)
        return features if self.project is None else self.project(features)


def _join(left: Floats, right: Floats) -> Floats:
    return np.concatenate([left, right], axis=1) if right.shape[1] else left
