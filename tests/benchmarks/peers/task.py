"""What every peer trains on, and how it tells what that took."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Recipe:
    """The hyper-parameters of a training: ReLU, Adam, rows shuffled every epoch.

    peak : share of steps before the peak of a one-cycle learning rate; None keeps it constant
    """

    hidden: list[int]
    n_classes: int
    batch_size: int
    epochs: int
    lr: float
    beta2: float
    peak: float | None
    label_smoothing: float
    precision: str

    @classmethod
    def read(cls, folder: str) -> Recipe:
        """From recipe.json."""
        return cls(**json.loads((Path(folder) / "recipe.json").read_text()))


@dataclass(frozen=True)
class Task:
    """Rows and recipe: x float32 (n, d), y int64 (n,)."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    recipe: Recipe

    @classmethod
    def read(cls, folder: str) -> Task:
        """From x.npy, y.npy and recipe.json."""
        return cls(np.load(Path(folder) / "x.npy"), np.load(Path(folder) / "y.npy"), Recipe.read(folder))

    @property
    def steps(self) -> int:
        """Optimizer steps an epoch."""
        return -(-len(self.x) // self.recipe.batch_size)


def tell_fit(marks: Sequence[float], steps: int, **more: float) -> None:
    """Print seconds of the fit, of a later epoch and of one step of it, and what else is given.

    marks : the clock at the start of the fit and after every epoch; the first epoch warms up
    """
    epoch = later_epoch(marks)
    tell(fit=marks[-1] - marks[0], epoch=epoch, step=epoch / steps, **more)


def later_epoch(marks: Sequence[float]) -> float:
    """The median of all epochs but the first."""
    return statistics.median([end - start for start, end in pairwise(marks)][1:])


def tell(**values: float) -> None:
    """Print measured values for the suite to read."""
    print(json.dumps(values))
