"""The heatmap of a network's predictions over the plane of two inputs, and the rows on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from mlcli.config.sections.dataset import DatasetConfig, PlaygroundConfig
from mlcli.data.tables.frames import collect
from mlcli.data.tables.types import Splits, Table
from mlcli.features.fitted import FittedFeatures
from mlcli.models.networks import Network
from mlcli.models.task import Classification, FittedTask

# Quantiles of the training targets between which a number's colour changes.
QUANTILES = (0.01, 0.99)
# The Playground's plane is -REACH to REACH on both axes.
REACH = 6.0
# Rows drawn, at most.
MOST_POINTS = 1500

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Heatmap:
    """Predictions at n points of the plane.

    kinds     : int64 (n,), index of the class; for regression 1 in the higher half, 0 in the lower; -1 if not finite
    strengths : float64 (n,), 0 (undecided) to 1 (certain)
    """

    kinds: NDArray[np.int64]
    strengths: NDArray[np.float64]


@dataclass(frozen=True)
class HeatmapScale:
    """Converts predictions and targets to heatmaps.

    low, high : numbers drawn in the full colour of kind 0 and of kind 1
    """

    task: FittedTask
    low: float = -1.0
    high: float = 1.0

    @classmethod
    def of(cls, task: FittedTask, truth: np.ndarray) -> HeatmapScale:
        """For a task with these training targets."""
        if isinstance(task, Classification) or not len(truth):
            return cls(task)
        low, high = np.quantile(truth[:, 0], QUANTILES)
        return cls(task, float(low), float(high) if high > low else float(low) + 1)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the kinds."""
        if isinstance(self.task, Classification):
            return self.task.classes
        return (f"{self.low:.3g}", f"{self.high:.3g}")

    def predictions(self, outputs: ArrayLike) -> Heatmap:
        """The heatmap of raw outputs (n, n_outputs)."""
        decoded = self.task.decode(outputs)
        finite = np.isfinite(decoded.scores).all(axis=1)
        if not isinstance(self.task, Classification):
            heatmap = self._numbers(decoded.values[:, 0])
        elif decoded.probabilities is None:
            heatmap = Heatmap(decoded.values, np.abs(np.tanh(decoded.scores[:, 0])))
        else:
            chance = 1 / decoded.probabilities.shape[1]
            certainty = (decoded.probabilities.max(axis=1) - chance) / (1 - chance)
            heatmap = Heatmap(decoded.values, certainty)
        return Heatmap(np.where(finite, heatmap.kinds, -1), np.where(finite, heatmap.strengths, 0.0))

    def truth(self, truth: np.ndarray) -> Heatmap:
        """The heatmap of targets: class indices (n,) or numbers (n, 1)."""
        if isinstance(self.task, Classification):
            return Heatmap(truth, np.ones(len(truth)))
        return self._numbers(truth[:, 0])

    def _numbers(self, values: np.ndarray) -> Heatmap:
        from_middle = (values - (self.low + self.high) / 2) / ((self.high - self.low) / 2)
        kinds = np.where(from_middle >= 0, 1, 0)
        return Heatmap(kinds, np.abs(np.nan_to_num(from_middle)).clip(0, 1))


@torch.inference_mode()
def hidden_outputs(model: Network, x: Tensor) -> list[Tensor]:
    """Outputs (n, units) of each hidden layer, after its activation; the mean of members. x : inputs (n, d)."""
    model.eval()
    outputs: list[Tensor] = []
    values = model.member_inputs(x.to(model.output.weight.dtype))
    for layer in model.hidden:
        values = layer(values)
        if isinstance(layer, nn.Linear):
            outputs.append(values)
        else:
            outputs[-1] = values
    return [output.view(len(x), model.n_members, -1).mean(dim=1) for output in outputs]


def unit_heatmap(outputs: Tensor) -> Heatmap:
    """The outputs (n,) of a hidden unit: kinds by their sign, strengths relative to the largest."""
    values = outputs.double().cpu().numpy()
    finite = np.isfinite(values)
    largest = np.abs(values[finite]).max(initial=0.0) or 1.0
    kinds = np.where(values >= 0, 1, 0)
    return Heatmap(np.where(finite, kinds, -1), np.abs(np.nan_to_num(values)).clip(0, largest) / largest)


@dataclass(frozen=True)
class Limits:
    """Ends of both axes."""

    left: float
    right: float
    bottom: float
    top: float


@dataclass(frozen=True)
class Points:
    """Rows to draw: positions from the plane's left and top, float64 (n,) from 0 to 1, and their targets' heatmap."""

    across: Floats
    down: Floats
    heatmap: Heatmap


def limits_of(dataset: DatasetConfig, splits: Splits, columns: tuple[str, str]) -> Limits:
    """Fixed for the Playground's sets; else 6 % beyond the range of the training and validation rows."""
    if isinstance(dataset, PlaygroundConfig):
        return Limits(-REACH, REACH, -REACH, REACH)
    places = np.concatenate([places_of(rows, columns) for rows in (splits.train, splits.valid) if len(rows)])
    ends = []
    for values in places.T:
        known = values[np.isfinite(values)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        margin = 0.06 * (high - low) or 1.0
        ends += [low - margin, high + margin]
    return Limits(*ends)


def places_of(rows: object, columns: tuple[str, str]) -> Floats:
    """Columns x1 and x2 of a table, float64 (n, 2), NaN where missing."""
    if not isinstance(rows, Table):
        raise TypeError("images have no plane")
    places: Floats = collect(rows.rows.select(columns)).to_numpy().astype(np.float64)
    return places


def points_of(rows: Table, columns: tuple[str, str], limits: Limits, task: FittedTask, scale: HeatmapScale) -> Points:
    """At most MOST_POINTS rows within the limits, the same ones each time."""
    places, heatmap = places_of(rows, columns), scale.truth(task.truth(rows))
    across = (places[:, 0] - limits.left) / (limits.right - limits.left)
    down = (limits.top - places[:, 1]) / (limits.top - limits.bottom)
    with np.errstate(invalid="ignore"):
        inside = np.flatnonzero((across >= 0) & (across <= 1) & (down >= 0) & (down <= 1))
    if len(inside) > MOST_POINTS:
        inside = np.sort(np.random.default_rng(0).choice(inside, MOST_POINTS, replace=False))
    return Points(across[inside], down[inside], Heatmap(heatmap.kinds[inside], heatmap.strengths[inside]))


def grid_inputs(
    features: FittedFeatures, columns: tuple[str, str], limits: Limits, width: int, height: int
) -> NDArray[np.float32]:
    """Inputs at the centres of width × height cells, row by row from the top left."""
    across = limits.left + (np.arange(width) + 0.5) / width * (limits.right - limits.left)
    down = limits.top - (np.arange(height) + 0.5) / height * (limits.top - limits.bottom)
    x, y = np.meshgrid(across, down)
    frame = pl.DataFrame({columns[0]: x.ravel(), columns[1]: y.ravel()})
    return features.transform(Table(frame, features.schema.columns, ()))
