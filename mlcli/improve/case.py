"""What a diagnosis looks at: one training's history and scores, in units of what guessing costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mlcli.config.schema import Config
from mlcli.task import Classification, FittedTask
from mlcli.training.losses import Loss
from mlcli.training.state import EpochRecord

if TYPE_CHECKING:
    from mlcli.improve.examine import Examination
    from mlcli.improve.probes.rates import RateRange


@dataclass(frozen=True)
class Guessing:
    """What predictions that look at no feature cost, with the loss of the training.

    chance : equal probabilities, or the mean: ln K for cross-entropy, 1 for the squared error
    prior  : the best constant answer found; below chance where classes are imbalanced
    """

    chance: float
    prior: float


@dataclass(frozen=True)
class Case:
    """One training.

    train, valid : loss and metrics of the best weights; empty without such weights, or without rows
    n_valid      : validation rows
    counts       : training rows of each class; empty for regression
    classes      : their names
    diverged     : it ended at a loss that is not a finite number
    examination  : what short experiments showed; None where none were made
    """

    config: Config
    history: Sequence[EpochRecord]
    train: Mapping[str, float]
    valid: Mapping[str, float]
    guessing: Guessing
    n_valid: int
    counts: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    diverged: bool = False
    examination: Examination | None = None

    @cached_property
    def levels(self) -> list[float]:
        """Training loss of each epoch as a share of chance; empty for losses that chance cannot be told of."""
        chance = self.guessing.chance
        return [record.train_loss / chance for record in self.history] if chance > 0 else []

    @cached_property
    def valid_levels(self) -> list[float]:
        """Validation loss of each epoch as a share of chance; empty without validation rows."""
        losses = [record.valid_loss for record in self.history if record.valid_loss is not None]
        return [loss / self.guessing.chance for loss in losses] if self.guessing.chance > 0 else []

    @property
    def valid_deviation(self) -> float:
        """Standard error of the validation loss; 0 where it was not looked at."""
        return self.examination.valid_deviation if self.examination is not None else 0.0

    @property
    def rates(self) -> RateRange | None:
        """The range test; None where none was made."""
        return self.examination.rates if self.examination is not None else None

    @property
    def suggested_rate(self) -> float | None:
        """The optimizer.lr that the range test suggests."""
        return self.rates.suggested if self.rates is not None else None

    def fall(self, share: float) -> float:
        """By how much the training loss fell over the last `share` of the epochs, in chances."""
        return self.levels[-1 - max(1, round(share * len(self.levels)))] - self.levels[-1]

    def skill(self, scores: Mapping[str, float]) -> float:
        """0 is guessing and 1 perfect: the share of the guesser's loss, or of its errors, that is avoided."""
        if self.guessing.prior > 0:
            return 1 - scores["loss"] / self.guessing.prior
        if not self.counts:
            return 1.0  # a constant target
        majority = max(self.counts) / sum(self.counts)
        return (scores["accuracy"] - majority) / (1 - majority)


def untrained_case(config: Config, task: FittedTask, loss: Loss, train_y: Tensor, n_valid: int) -> Case:
    """What is known before the first epoch; train_y is encoded."""
    counts, classes = (task.counts, task.classes) if isinstance(task, Classification) else ((), ())
    return Case(config, (), {}, {}, guess(loss, task, train_y), n_valid, counts, classes)


def guess(loss: Loss, task: FittedTask, y: Tensor) -> Guessing:
    """What guessing costs on the rows of the encoded targets `y`."""
    flat = torch.zeros(len(y), task.n_outputs, device=y.device)
    chance = loss(flat, y).item()
    if not isinstance(task, Classification):
        return Guessing(chance, chance)
    shares = torch.tensor(task.counts, dtype=torch.float32, device=y.device).clamp(min=1e-3).log()
    constant = shares if task.output == "softmax" else shares[1:] - shares[:1]
    return Guessing(chance, min(chance, loss(flat + constant, y).item()))
