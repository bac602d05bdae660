"""What is looked at before and beside a training: a configuration with its rows, ready for short experiments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from mlcli.config.optimizer import ConstantSchedule
from mlcli.config.schema import Config
from mlcli.features.layout import FeatureLayout
from mlcli.improve.case import Guessing, guess
from mlcli.metrics.measure import n_classes_of
from mlcli.task import Classification, FittedTask
from mlcli.training.job import Arrays, TrainingJob, assemble_job
from mlcli.training.loop import mix

# Multiply-adds an experiment may spend: some seconds.
EFFORT = 2**36
# Forward and backward.
PASSES = 3


@dataclass(frozen=True)
class Subject:
    """One configuration and the rows it is trained on.

    train, valid : as the network takes them
    """

    config: Config
    task: FittedTask
    layout: FeatureLayout
    train: Arrays
    valid: Arrays

    @property
    def n_classes(self) -> int:
        """Classes of the target; 0 for regression."""
        return n_classes_of(self.task)

    def count_classes(self, rows: Arrays) -> tuple[int, ...]:
        """Rows of each class; empty for regression."""
        return tuple(rows.y.long().view(-1).bincount(minlength=self.n_classes).tolist()) if self.n_classes else ()

    def goals(self, y: torch.Tensor) -> np.ndarray:
        """Encoded targets as `skill_of` takes them: (n, K) classes as ones and zeros, or (n, n_targets) as they are."""
        if not isinstance(self.task, Classification):
            return y.cpu().numpy()
        goals: np.ndarray = np.eye(self.n_classes)[self.task.decode_targets(y)]
        return goals

    def job(self, config: Config | None = None, train: Arrays | None = None) -> TrainingJob:
        """A fresh network with its optimizer; the configuration and the rows are the subject's own unless given."""
        return assemble_job(
            config or self.config, self.task, train or self.train, self.valid, self.layout.cardinalities
        )

    def guessing(self, job: TrainingJob) -> Guessing:
        """What guessing costs on the job's training rows."""
        return guess(job.cost, self.task, job.train.y)

    def draw(self, rows: Arrays, most: int) -> Arrays:
        """At most so many of the rows, drawn without replacement, the same ones each time."""
        if len(rows) <= most:
            return rows
        chosen = self.chance(len(rows))[:most].to(rows.x.device)
        return Arrays(rows.x.index_select(0, chosen), rows.y.index_select(0, chosen))

    def chance(self, n: int) -> torch.Tensor:
        """The whole numbers below n in an order that the seed decides."""
        return torch.randperm(n, generator=torch.Generator().manual_seed(mix(self.config.seed, n)))


def affordable_steps(job: TrainingJob, most: int) -> int:
    """Steps within EFFORT, at most so many."""
    return min(most, max(1, EFFORT // (PASSES * job.batch_size * max(job.n_parameters, 1))))


def at_constant_rate(config: Config) -> Config:
    """The configuration without a schedule."""
    optimizer = config.optimizer.model_copy(update={"schedule": ConstantSchedule(name="constant")})
    return config.model_copy(update={"optimizer": optimizer})
