"""A configuration with its rows, ready for short experiments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from mlcli.config.sections.config import Config
from mlcli.config.sections.optimizer import ConstantSchedule
from mlcli.diagnosis.chance import ChanceBaseline, measure_chance
from mlcli.features.state import FeatureLayout
from mlcli.metrics.measure import n_classes_of
from mlcli.models.task import Classification, FittedTask
from mlcli.training.context import TensorDataset, TrainingContext, build_context
from mlcli.training.loop import derive_seed

# Multiply-adds of one experiment: some seconds.
EFFORT = 2**36
# Forward and backward passes, in forward passes.
PASSES = 3


@dataclass(frozen=True)
class Experiment:
    """One configuration and the rows it is trained on.

    train, valid : as the network takes them
    """

    config: Config
    task: FittedTask
    layout: FeatureLayout
    train: TensorDataset
    valid: TensorDataset

    @property
    def n_classes(self) -> int:
        """Classes of the target; 0 for regression."""
        return n_classes_of(self.task)

    def count_classes(self, rows: TensorDataset) -> tuple[int, ...]:
        """Rows of each class; empty for regression."""
        return tuple(rows.y.long().view(-1).bincount(minlength=self.n_classes).tolist()) if self.n_classes else ()

    def targets(self, y: torch.Tensor) -> np.ndarray:
        """Encoded targets as `skill_of` takes them: (n, K) classes as ones and zeros, or (n, n_targets) numbers."""
        if not isinstance(self.task, Classification):
            return y.cpu().numpy()
        targets: np.ndarray = np.eye(self.n_classes)[self.task.decode_targets(y)]
        return targets

    def context(self, config: Config | None = None, train: TensorDataset | None = None) -> TrainingContext:
        """A new network with its optimizer; the configuration and the rows are the experiment's own unless given."""
        return build_context(
            config or self.config, self.task, train or self.train, self.valid, self.layout.cardinalities
        )

    def chance(self, context: TrainingContext) -> ChanceBaseline:
        """The chance loss on the context's training rows."""
        return measure_chance(context.cost, self.task, context.train.y)

    def draw(self, rows: TensorDataset, most: int) -> TensorDataset:
        """At most so many of the rows, drawn without replacement, the same ones each time."""
        if len(rows) <= most:
            return rows
        chosen = self.permutation(len(rows))[:most].to(rows.x.device)
        return TensorDataset(rows.x.index_select(0, chosen), rows.y.index_select(0, chosen))

    def permutation(self, n: int) -> torch.Tensor:
        """The integers below n, shuffled by the seed."""
        return torch.randperm(n, generator=torch.Generator().manual_seed(derive_seed(self.config.seed, n)))


def affordable_steps(context: TrainingContext, most: int) -> int:
    """Steps within EFFORT, at most so many."""
    return min(most, max(1, EFFORT // (PASSES * context.batch_size * max(context.n_parameters, 1))))


def at_constant_rate(config: Config) -> Config:
    """The configuration without a schedule."""
    optimizer = config.optimizer.model_copy(update={"schedule": ConstantSchedule(name="constant")})
    return config.model_copy(update={"optimizer": optimizer})
