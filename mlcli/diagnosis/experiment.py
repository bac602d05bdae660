"""A configuration with its rows, ready for short experiments, and the loss of chance that they are compared with."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mlcli.config.sections.config import Config
from mlcli.config.sections.optimizer import ConstantSchedule
from mlcli.features.state import FeatureLayout
from mlcli.metrics.measure import n_classes_of
from mlcli.models.task import Classification, FittedTask
from mlcli.training.context import TrainingContext, build_context
from mlcli.training.datasets import Rows, TensorDataset
from mlcli.training.loop import outputs_of
from mlcli.training.losses import Loss
from mlcli.training.state import derive_seed

# Multiply-adds of one experiment: some seconds.
EFFORT = 2**36
# Forward and backward passes, in forward passes.
PASSES = 3


@dataclass(frozen=True)
class ChanceBaseline:
    """The training's loss of predictions that use no feature.

    uniform_loss : of equal probabilities, or of the best constant: ln K for cross-entropy, 1 for the squared error
    prior_loss   : of the class frequencies; below uniform_loss where classes are imbalanced
    """

    uniform_loss: float
    prior_loss: float


def measure_chance(loss: Loss, task: FittedTask, y: Tensor, weights: Tensor | None = None) -> ChanceBaseline:
    """The baseline on the rows of the encoded targets `y`, which may have weights (n,)."""
    flat = torch.zeros(len(y), task.n_outputs, device=y.device)
    if not isinstance(task, Classification) and task.q is not None:
        flat += torch.from_numpy(task.outputs_of(task.best_constant)).to(y.device)
    uniform = loss(flat, y, weights).item()
    if not isinstance(task, Classification):
        return ChanceBaseline(uniform, uniform)
    logs = torch.tensor(task.sizes, dtype=torch.float32, device=y.device).clamp(min=1e-3).log()
    prior = logs if task.output == "softmax" else logs[1:] - logs[:1]
    return ChanceBaseline(uniform, min(uniform, loss(flat + prior, y, weights).item()))


def skill_of(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None) -> float:
    """1 − Σ(predicted − truth)² / Σ(mean − truth)²: 0 for the mean and 1 for perfect predictions.

    truth, predicted : (n, K) classes as ones and zeros, and their probabilities: Brier's skill score (Murphy, 1973);
                       or (n, n_targets) numbers: R² over all targets
    weights          : (n,), how much each row counts; None where all count alike
    """
    of_rows = 1.0 if weights is None else weights[:, np.newaxis]
    spread = (of_rows * np.square(truth - np.average(truth, axis=0, weights=weights))).sum()
    return float(1 - (of_rows * np.square(predicted - truth)).sum() / spread) if spread > 0 else 1.0


@dataclass(frozen=True)
class Experiment:
    """One configuration and the rows it is trained on.

    train, valid : encoded, as the network's inputs
    groups       : of the training rows in a split by group, as `Table.groups` has them
    numbers      : of the training rows in their file, as `Splits.numbers` has them
    files        : of folders of images, the file of each number, from 1
    deadline     : when short experiments end, in seconds of the monotonic clock
    """

    config: Config
    task: FittedTask
    layout: FeatureLayout
    train: Rows
    valid: Rows
    groups: np.ndarray | None = None
    numbers: np.ndarray | None = None
    files: Sequence[str] = ()
    deadline: float = math.inf

    @property
    def row_numbers(self) -> np.ndarray:
        """Of the training rows in the file, from 1: int64 (n,); without one, as they come."""
        return np.arange(1, len(self.train) + 1) if self.numbers is None else self.numbers

    def late(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self.deadline

    @property
    def n_classes(self) -> int:
        """Classes of the target; 0 for regression."""
        return n_classes_of(self.task)

    def targets(self, y: Tensor) -> np.ndarray:
        """Encoded targets for `skill_of`: (n, K) classes as ones and zeros, or (n, n_targets) numbers."""
        if not isinstance(self.task, Classification):
            return y.cpu().numpy()
        targets: np.ndarray = np.eye(self.n_classes)[self.task.decode_targets(y.cpu())]
        return targets

    def context(self, config: Config | None = None, train: Rows | None = None) -> TrainingContext:
        """A new network with its optimizer; the configuration and the rows are the experiment's own unless given."""
        return build_context(config or self.config, self.task, train or self.train, self.valid, self.layout)

    def chance(self, context: TrainingContext) -> ChanceBaseline:
        """The chance loss on the context's training rows."""
        return measure_chance(context.cost, self.task, context.train.y, context.train.weights)

    def draw(self, rows: Rows, most: int) -> TensorDataset:
        """At most so many of the rows, drawn without replacement, the same ones each time."""
        return rows[:] if len(rows) <= most else rows.at(self.drawn_rows(len(rows), most).to(rows.y.device))

    def drawn_rows(self, n: int, most: int) -> Tensor:
        """The rows that `draw` takes of n."""
        return torch.arange(n) if n <= most else self.permutation(n)[:most]

    def by_groups(self) -> Tensor:
        """The training rows shuffled by the seed; those of one group follow each other."""
        if self.groups is None:
            return self.permutation(len(self.train))
        number = np.unique(self.groups, return_inverse=True)[1]
        rank = self.permutation(int(number.max()) + 1).argsort().numpy()
        return torch.from_numpy(np.argsort(rank[number], kind="stable"))

    def permutation(self, n: int) -> Tensor:
        """The integers below n, shuffled by the seed."""
        return torch.randperm(n, generator=torch.Generator().manual_seed(derive_seed(self.config.seed, n)))


def mean_loss(context: TrainingContext, rows: TensorDataset) -> float:
    """The loss of the context's network on rows."""
    return context.cost(outputs_of(context, rows.x), rows.y, rows.weights).item()


def weights_of(rows: TensorDataset) -> np.ndarray | None:
    """Of the rows, float64 (n,), as NumPy and scikit-learn take them; None where all count alike."""
    return None if rows.weights is None else rows.weights.cpu().double().numpy()


def affordable_steps(context: TrainingContext, most: int) -> int:
    """Steps within EFFORT, at most so many."""
    return min(most, max(1, EFFORT // (PASSES * context.batch_size * max(context.multiply_adds, 1))))


def at_constant_rate(config: Config) -> Config:
    """The configuration without a schedule."""
    optimizer = config.optimizer.model_copy(update={"schedule": ConstantSchedule(name="constant")})
    return config.model_copy(update={"optimizer": optimizer})
