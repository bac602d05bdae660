"""What a diagnosis looks at: one training's history, scores and experiments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from mlcli.config.sections.config import Config
from mlcli.config.sections.optimizer import DECADE
from mlcli.models.task import Classification, FittedTask
from mlcli.training.losses import Loss
from mlcli.training.state import EpochRecord


@dataclass(frozen=True)
class ChanceBaseline:
    """What predictions that look at no feature cost, with the loss of the training.

    chance : equal probabilities, or the mean: ln K for cross-entropy, 1 for the squared error
    prior  : the best constant answer found; below chance where classes are imbalanced
    """

    chance: float
    prior: float


@dataclass(frozen=True)
class TrainingEvidence:
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
    guessing: ChanceBaseline
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


def untrained_evidence(config: Config, task: FittedTask, loss: Loss, train_y: Tensor, n_valid: int) -> TrainingEvidence:
    """What is known before the first epoch; train_y is encoded."""
    counts, classes = (task.counts, task.classes) if isinstance(task, Classification) else ((), ())
    return TrainingEvidence(config, (), {}, {}, chance_loss(loss, task, train_y), n_valid, counts, classes)


def chance_loss(loss: Loss, task: FittedTask, y: Tensor) -> ChanceBaseline:
    """What guessing costs on the rows of the encoded targets `y`."""
    flat = torch.zeros(len(y), task.n_outputs, device=y.device)
    chance = loss(flat, y).item()
    if not isinstance(task, Classification):
        return ChanceBaseline(chance, chance)
    shares = torch.tensor(task.counts, dtype=torch.float32, device=y.device).clamp(min=1e-3).log()
    constant = shares if task.output == "softmax" else shares[1:] - shares[:1]
    return ChanceBaseline(chance, min(chance, loss(flat + constant, y).item()))


def skill_of(truth: np.ndarray, predicted: np.ndarray) -> float:
    """1 − Σ(predicted − truth)² / Σ(mean − truth)²: 0 is guessing and 1 perfect.

    truth, predicted : (n, K) classes as ones and zeros, and their probabilities: Brier's skill score (Murphy, 1973);
                       or (n, n_targets) numbers: R² over all targets
    """
    spread = np.square(truth - truth.mean(axis=0)).sum()
    return float(1 - np.square(predicted - truth).sum() / spread) if spread > 0 else 1.0


# The descent is measured over half a decade, so that one lucky step does not decide.
STRETCH = 0.5


@dataclass(frozen=True)
class RateRange:
    """How the loss on a fixed sample of training rows went as the rate grew.

    start  : the loss before the first step
    rates  : (n,) values of optimizer.lr, each the same factor above the last
    losses : (n,) after the step at each rate
    limit  : the rate at which the loss ran away; None where none of those tried did that
    """

    start: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    limit: float | None

    @cached_property
    def lowest(self) -> float:
        """The lowest loss."""
        return min(self.losses)

    @cached_property
    def best_rate(self) -> float:
        """The rate at the lowest loss; beyond it steps are too long."""
        return self.rates[self.losses.index(self.lowest)]

    @cached_property
    def suggested(self) -> float:
        """The rate of the steepest descent, at most a decade below that of the lowest loss."""
        curve = (self.start, *self.losses)
        span = min(max(1, round(STRETCH / math.log10(self._growth))), len(self.losses))
        falls = [before - after for before, after in zip(curve, curve[span:], strict=False)]
        steepest = self.rates[falls.index(max(falls)) + span // 2]
        return min(steepest, self.best_rate / DECADE)

    def loss_after(self, lr: float, steps: int) -> float:
        """The lowest loss when the test had gone as far as so many steps at one rate go.

        How far descent gets is the sum of its rates; that of a geometric sequence is its last term · g / (g − 1),
        g the factor between two.
        """
        reached = lr * steps * (self._growth - 1) / self._growth
        passed = [loss for rate, loss in zip(self.rates, self.losses, strict=True) if rate <= reached]
        return min((self.start, *passed))

    @property
    def _growth(self) -> float:
        return self.rates[1] / self.rates[0]


@dataclass(frozen=True)
class ColumnFacts:
    """By the names of the columns before encoding, in order.

    sizes  : root mean square of each numeric input on the training rows, by the input's name
    skills : what a column alone tells: 0 is guessing and 1 perfect, on rows that were not looked at for it
    """

    sizes: dict[str, float]
    skills: dict[str, float]


@dataclass(frozen=True)
class ForestFacts:
    """Out-of-bag predictions of training rows.

    rows      : (n,) their positions among the training rows, from 0
    truth     : (n, K) classes as ones and zeros, or (n, n_targets) standardised targets
    predicted : as truth, with probabilities for classes
    """

    rows: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray

    @property
    def skill(self) -> float:
        """0 is guessing and 1 perfect."""
        return skill_of(self.truth, self.predicted)


@dataclass(frozen=True)
class LabelFacts:
    """What contradicts the labels of a sample of training rows.

    floor    : share of errors among the quarter of rows that are predicted most surely
    surest   : how many rows that quarter has
    share    : of labels in the sample that confident learning takes for wrong
    suspects : their rows among the training rows, from 1, the surest first
    """

    floor: float
    surest: int
    share: float
    suspects: tuple[int, ...]


@dataclass(frozen=True)
class NetworkFacts:
    """One network at one moment.

    gradients : root mean square of the cost's gradient by each layer's weights, the first layer's first
    dead      : share of units of each hidden layer that are 0 for every row; empty for units that cannot die
    saturated : share of activations of each hidden layer in the flat ends; empty for activations without
    predicted : rows of each class that the network predicts; empty for regression
    skill     : of its outputs on these very rows: 0 is guessing and 1 perfect
    """

    gradients: tuple[float, ...]
    dead: tuple[float, ...]
    saturated: tuple[float, ...]
    predicted: tuple[int, ...]
    skill: float


@dataclass(frozen=True)
class RowCurve:
    """rows: training rows; losses: the lowest validation loss of a training on so many."""

    rows: tuple[int, ...]
    losses: tuple[float, ...]

    @property
    def gain(self) -> float:
        """By how much twice the rows would lower the loss, by the straight line through loss and log₂(rows)."""
        slope, _ = np.polyfit(np.log2(self.rows), self.losses, 1)
        return -float(slope)


@dataclass(frozen=True)
class Examination:
    """What the experiments showed.

    untrained, trained : the network with its first weights, and with those that were kept
    labels             : None for regression
    curve              : None where training and validation rows do equally well, or where it would take too long
    valid_counts       : validation rows of each class; empty for regression
    valid_deviation    : standard error of the loss on the validation rows; 0 where there are fewer than two
    """

    rates: RateRange | None
    untrained: NetworkFacts
    trained: NetworkFacts
    columns: ColumnFacts
    forest: ForestFacts
    labels: LabelFacts | None
    curve: RowCurve | None
    valid_counts: tuple[int, ...]
    valid_deviation: float
