"""The loss of predictions that use no feature, and the skill of others beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mlcli.models.task import Classification, FittedTask
from mlcli.training.losses import Loss


@dataclass(frozen=True)
class ChanceBaseline:
    """The training's loss of predictions that use no feature.

    uniform_loss : of equal probabilities, or of the mean: ln K for cross-entropy, 1 for the squared error
    prior_loss   : of the class frequencies; below uniform_loss where classes are imbalanced
    """

    uniform_loss: float
    prior_loss: float


def measure_chance(loss: Loss, task: FittedTask, y: Tensor) -> ChanceBaseline:
    """The baseline on the rows of the encoded targets `y`."""
    flat = torch.zeros(len(y), task.n_outputs, device=y.device)
    uniform = loss(flat, y).item()
    if not isinstance(task, Classification):
        return ChanceBaseline(uniform, uniform)
    logs = torch.tensor(task.counts, dtype=torch.float32, device=y.device).clamp(min=1e-3).log()
    prior = logs if task.output == "softmax" else logs[1:] - logs[:1]
    return ChanceBaseline(uniform, min(uniform, loss(flat + prior, y).item()))


def skill_of(truth: np.ndarray, predicted: np.ndarray) -> float:
    """1 − Σ(predicted − truth)² / Σ(mean − truth)²: 0 for the mean and 1 for perfect predictions.

    truth, predicted : (n, K) classes as ones and zeros, and their probabilities: Brier's skill score (Murphy, 1973);
                       or (n, n_targets) numbers: R² over all targets
    """
    spread = np.square(truth - truth.mean(axis=0)).sum()
    return float(1 - np.square(predicted - truth).sum() / spread) if spread > 0 else 1.0
