"""The six generated datasets of the TensorFlow Playground, vectorised."""

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from mlcli.config.sections.dataset import PlaygroundConfig, PlaygroundSet
from mlcli.data.readers.source import CELL, MemoryNeed, Source
from mlcli.data.tables.types import Column, SourceRead, Table

Points = tuple[np.ndarray, np.ndarray, np.ndarray]
"""x1, x2 and label, float64 (n,)."""

_CLASS_ROWS = 500
_REGRESSION_ROWS = 1200
_RADIUS = 5.0
_REGRESSION_RADIUS = 6.0
_BUMPS = np.array([(-4, 2.5, 1), (0, 2.5, -1), (4, 2.5, 1), (-4, -2.5, -1), (0, -2.5, 1), (4, -2.5, -1)])
"""Centre and sign of each bump of multi_gauss."""


class PlaygroundSource(Source[PlaygroundConfig]):
    """Points drawn by a generator."""

    def memory_needs(self) -> Iterator[MemoryNeed]:
        rows = self.config.rows
        yield MemoryNeed(self.config.name, 3 * CELL * (rows or 0), f"{rows:,} points" if rows else "points")

    def read(self) -> SourceRead:
        return SourceRead(draw_points(self.config), None, self.config.known_task)


def draw_points(config: PlaygroundConfig) -> Table:
    """Numbers x1 and x2, and label: '1' and '-1', or a number about -1 to 1."""
    has_classes = config.known_task == "classification"
    n_rows = config.rows or (_CLASS_ROWS if has_classes else _REGRESSION_ROWS)
    x1, x2, label = _GENERATORS[config.name](n_rows, config.noise, np.random.default_rng(config.seed))
    target = np.where(label > 0, "1", "-1") if has_classes else label
    return Table(
        rows=pl.DataFrame({"x1": x1, "x2": x2, "label": target}),
        features=(Column("x1", "number"), Column("x2", "number")),
        targets=(Column("label", "category" if has_classes else "number"),),
    )


def _gauss(n: int, noise: float, rng: np.random.Generator) -> Points:
    """Two clouds about (2, 2) and (-2, -2) whose variance grows from 0.5 to 4 with the noise."""
    label = _halves(n)
    deviation = np.sqrt(0.5 + noise / 0.5 * 3.5)
    return rng.normal(2 * label, deviation), rng.normal(2 * label, deviation), label


def _circle(n: int, noise: float, rng: np.random.Generator) -> Points:
    """A disc of radius 2.5 within a ring from 3.5 to 5; noise moves points across the border for the label only."""
    inner = _halves(n) > 0
    r = rng.uniform(np.where(inner, 0.0, 0.7 * _RADIUS), np.where(inner, 0.5 * _RADIUS, _RADIUS))
    angle = rng.uniform(0.0, 2 * np.pi, n)
    x1, x2 = r * np.sin(angle), r * np.cos(angle)
    moved = np.hypot(*_moved(x1, x2, _RADIUS, noise, rng))
    return x1, x2, np.where(moved < 0.5 * _RADIUS, 1.0, -1.0)


def _xor(n: int, noise: float, rng: np.random.Generator) -> Points:
    """The sign of x1 · x2 on a square of half-width 5 with an empty cross of half-width 0.3."""
    x1, x2 = rng.uniform(-5.0, 5.0, (2, n))
    x1, x2 = (x + np.where(x > 0, 0.3, -0.3) for x in (x1, x2))
    moved1, moved2 = _moved(x1, x2, 5.0, noise, rng)
    return x1, x2, np.where(moved1 * moved2 >= 0, 1.0, -1.0)


def _spiral(n: int, noise: float, rng: np.random.Generator) -> Points:
    """Two arms of 1.75 turns, r growing evenly from 0 to 5; noise moves the points themselves."""
    label = _halves(n)
    position = np.where(label > 0, np.arange(n), np.arange(n) - np.count_nonzero(label > 0)) / (n / 2)
    r, t = position * 5, 1.75 * position * 2 * np.pi + np.where(label > 0, 0.0, np.pi)
    wobble1, wobble2 = rng.uniform(-1.0, 1.0, (2, n)) * noise
    return r * np.sin(t) + wobble1, r * np.cos(t) + wobble2, label


def _plane(n: int, noise: float, rng: np.random.Generator) -> Points:
    """(x1 + x2) / 10, at a place moved by the noise."""
    x1, x2 = rng.uniform(-_REGRESSION_RADIUS, _REGRESSION_RADIUS, (2, n))
    moved1, moved2 = _moved(x1, x2, _REGRESSION_RADIUS, noise, rng)
    return x1, x2, (moved1 + moved2) / 10


def _multi_gauss(n: int, noise: float, rng: np.random.Generator) -> Points:
    """Six signed cones of height 1 and radius 2; where they meet, the larger in absolute value."""
    x1, x2 = rng.uniform(-_REGRESSION_RADIUS, _REGRESSION_RADIUS, (2, n))
    moved1, moved2 = _moved(x1, x2, _REGRESSION_RADIUS, noise, rng)
    distance = np.hypot(moved1[:, None] - _BUMPS[:, 0], moved2[:, None] - _BUMPS[:, 1])
    heights = np.clip(1 - distance / 2, 0.0, 1.0)
    largest = heights.argmax(axis=1)
    return x1, x2, _BUMPS[largest, 2] * heights[np.arange(n), largest]


def _halves(n: int) -> np.ndarray:
    """1 for the first half of the rows (and the odd one), -1 for the second."""
    return np.where(np.arange(n) < n / 2, 1.0, -1.0)


def _moved(
    x1: np.ndarray, x2: np.ndarray, radius: float, noise: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    shift1, shift2 = rng.uniform(-radius, radius, (2, len(x1))) * noise
    return x1 + shift1, x2 + shift2


_GENERATORS: dict[PlaygroundSet, Callable[[int, float, np.random.Generator], Points]] = {
    "circle": _circle,
    "xor": _xor,
    "gauss": _gauss,
    "spiral": _spiral,
    "plane": _plane,
    "multi_gauss": _multi_gauss,
}
