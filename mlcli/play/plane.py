"""The plane that is drawn: its limits, the rows on it, and the places of a grid as the network takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from mlcli.config.dataset import DatasetConfig, PlaygroundConfig
from mlcli.data.frames import collect
from mlcli.data.types import Splits, Table
from mlcli.features.fitted import FittedFeatures
from mlcli.play.shades import Shader, Shades
from mlcli.task import FittedTask

Floats = NDArray[np.float64]
# The Playground's own plane reaches so far.
REACH = 6.0
# Rows kept for drawing; more would not find room.
MOST_POINTS = 1500


@dataclass(frozen=True)
class Limits:
    """Ends of both axes."""

    left: float
    right: float
    bottom: float
    top: float


@dataclass(frozen=True)
class Points:
    """Rows to draw: places as shares of the plane from its left and its top, float64 (n,), and their true shades."""

    across: Floats
    down: Floats
    shades: Shades


def limits_of(dataset: DatasetConfig, splits: Splits, columns: tuple[str, str]) -> Limits:
    """The Playground's own for its sets; for others, what holds all training and validation rows."""
    if isinstance(dataset, PlaygroundConfig):
        return Limits(-REACH, REACH, -REACH, REACH)
    places = np.concatenate([places_of(rows, columns) for rows in (splits.train, splits.valid) if len(rows)])
    ends = [_ends(places[:, axis]) for axis in (0, 1)]
    return Limits(*ends[0], *ends[1])


def places_of(rows: object, columns: tuple[str, str]) -> Floats:
    """Columns x1 and x2 of a table, float64 (n, 2), NaN where missing."""
    if not isinstance(rows, Table):
        raise TypeError("pictures have no plane")
    places: Floats = collect(rows.rows.select(columns)).to_numpy().astype(np.float64)
    return places


def points_of(rows: Table, columns: tuple[str, str], limits: Limits, task: FittedTask, shader: Shader) -> Points:
    """At most MOST_POINTS rows that lie on the plane, the same ones each time."""
    places, shades = places_of(rows, columns), shader.truth(task.truth(rows))
    across = (places[:, 0] - limits.left) / (limits.right - limits.left)
    down = (limits.top - places[:, 1]) / (limits.top - limits.bottom)
    with np.errstate(invalid="ignore"):
        inside = np.flatnonzero((across >= 0) & (across <= 1) & (down >= 0) & (down <= 1))
    if len(inside) > MOST_POINTS:
        inside = np.sort(np.random.default_rng(0).choice(inside, MOST_POINTS, replace=False))
    return Points(across[inside], down[inside], Shades(shades.kinds[inside], shades.strengths[inside]))


def grid_inputs(
    features: FittedFeatures, columns: tuple[str, str], limits: Limits, width: int, height: int
) -> torch.Tensor:
    """Inputs at the centres of width × height places, row by row from the top left."""
    across = limits.left + (np.arange(width) + 0.5) / width * (limits.right - limits.left)
    down = limits.top - (np.arange(height) + 0.5) / height * (limits.top - limits.bottom)
    x, y = np.meshgrid(across, down)
    frame = pl.DataFrame({columns[0]: x.ravel(), columns[1]: y.ravel()})
    return features.transform(Table(frame, features.schema.columns, ()))


def _ends(values: Floats) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room
