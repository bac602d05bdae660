"""Answers and true values as what a picture can show: which side, and how strongly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mlcli.task import Classification, FittedTask

# Shares of the training targets between which a number's colour changes.
QUANTILES = (0.01, 0.99)


@dataclass(frozen=True)
class Shades:
    """One for each of n places.

    kinds     : int64 (n,), index of the class; of a number: 1 for the higher half, 0 for the lower; -1 for neither
    strengths : float64 (n,), 0 (as good as undecided) to 1
    """

    kinds: NDArray[np.int64]
    strengths: NDArray[np.float64]


@dataclass(frozen=True)
class Shader:
    """Makes shades of a task's answers.

    low, high : numbers of which the first is wholly the one, the second wholly the other colour
    """

    task: FittedTask
    low: float = -1.0
    high: float = 1.0

    @classmethod
    def of(cls, task: FittedTask, truth: np.ndarray) -> Shader:
        """For a task with these training targets."""
        if isinstance(task, Classification) or not len(truth):
            return cls(task)
        low, high = np.quantile(truth[:, 0], QUANTILES)
        return cls(task, float(low), float(high) if high > low else float(low) + 1)

    @property
    def names(self) -> tuple[str, ...]:
        """What each kind is called."""
        if isinstance(self.task, Classification):
            return self.task.classes
        return (f"{self.low:.3g}", f"{self.high:.3g}")

    def answers(self, outputs: torch.Tensor) -> Shades:
        """Of the network's raw outputs (n, n_outputs)."""
        told = self.task.decode(outputs)
        finite = np.isfinite(told.scores).all(axis=1)
        if not isinstance(self.task, Classification):
            shades = self._numbers(told.values[:, 0])
        elif told.probabilities is None:
            shades = Shades(told.values, np.abs(np.tanh(told.scores[:, 0])))
        else:
            chance = 1 / told.probabilities.shape[1]
            sure = (told.probabilities.max(axis=1) - chance) / (1 - chance)
            shades = Shades(told.values, sure)
        return Shades(np.where(finite, shades.kinds, -1), np.where(finite, shades.strengths, 0.0))

    def truth(self, truth: np.ndarray) -> Shades:
        """Of targets as the task gives them: class indices (n,) or numbers (n, 1)."""
        if isinstance(self.task, Classification):
            return Shades(truth, np.ones(len(truth)))
        return self._numbers(truth[:, 0])

    def _numbers(self, values: np.ndarray) -> Shades:
        from_middle = (values - (self.low + self.high) / 2) / ((self.high - self.low) / 2)
        kinds = np.where(from_middle >= 0, 1, 0)
        return Shades(kinds, np.abs(np.nan_to_num(from_middle)).clip(0, 1))
