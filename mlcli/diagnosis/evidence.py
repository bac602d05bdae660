"""The evidence that a diagnosis rests on: a training's history and scores, and the results of probes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlcli.config.sections.config import Config
from mlcli.config.sections.optimizer import DECADE
from mlcli.diagnosis.chance import ChanceBaseline, skill_of
from mlcli.training.state import EpochRecord

# Decades over which the steepest descent is measured, so that one lucky step does not decide.
STRETCH = 0.5


@dataclass(frozen=True)
class TrainingEvidence:
    """One training: its history, its scores and the results of probes.

    train, valid : loss and metrics of the best weights; empty without such weights, or without rows
    n_valid      : validation rows
    counts       : training rows of each class; empty for regression
    classes      : their names
    diverged     : it ended at a loss that is not a finite number
    probes       : None where none were run
    """

    config: Config
    history: Sequence[EpochRecord]
    train: Mapping[str, float]
    valid: Mapping[str, float]
    chance: ChanceBaseline
    n_valid: int
    counts: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    diverged: bool = False
    probes: ProbeResults | None = None

    @cached_property
    def losses(self) -> list[float]:
        """Training loss of each epoch as a share of the chance loss; empty where that is 0."""
        chance = self.chance.uniform_loss
        return [record.train_loss / chance for record in self.history] if chance > 0 else []

    @cached_property
    def valid_losses(self) -> list[float]:
        """Validation loss of each epoch as a share of the chance loss; empty without validation rows."""
        losses = [record.valid_loss for record in self.history if record.valid_loss is not None]
        return [loss / self.chance.uniform_loss for loss in losses] if self.chance.uniform_loss > 0 else []

    @property
    def valid_deviation(self) -> float:
        """Standard error of the validation loss; 0 where it was not measured."""
        return self.probes.valid_deviation if self.probes is not None else 0.0

    @property
    def rates(self) -> RateRange | None:
        """The range test; None where none was made."""
        return self.probes.rates if self.probes is not None else None

    @property
    def suggested_rate(self) -> float | None:
        """The optimizer.lr that the range test suggests."""
        return self.rates.suggested if self.rates is not None else None

    def fall(self, share: float) -> float:
        """By how much the training loss fell over the last `share` of the epochs, as a share of the chance loss."""
        return self.losses[-1 - max(1, round(share * len(self.losses)))] - self.losses[-1]

    def skill(self, scores: Mapping[str, float]) -> float:
        """1 − loss / chance loss, or the same of errors where the chance loss is 0: 0 is chance and 1 perfect."""
        if self.chance.prior_loss > 0:
            return 1 - scores["loss"] / self.chance.prior_loss
        if not self.counts:
            return 1.0  # a constant target
        majority = max(self.counts) / sum(self.counts)
        return (scores.get("accuracy", majority) - majority) / (1 - majority)


@dataclass(frozen=True)
class RateRange:
    """The learning-rate range test: the loss on a fixed sample of training rows as the rate grows.

    start  : the loss before the first step
    rates  : (n,) values of optimizer.lr, each the same factor above the last
    losses : (n,) after the step at each rate
    limit  : the rate at which the loss diverged; None where it did at none
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
        """The rate at the lowest loss; beyond it the loss rises."""
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
        """The lowest loss of the test up to the point that `steps` steps at one rate reach.

        The length of a descent is taken as the sum of its rates; that of a geometric sequence is its last term ·
        g / (g − 1), with g the factor between two.
        """
        reached = lr * steps * (self._growth - 1) / self._growth
        passed = [loss for rate, loss in zip(self.rates, self.losses, strict=True) if rate <= reached]
        return min((self.start, *passed))

    @property
    def _growth(self) -> float:
        return self.rates[1] / self.rates[0]


@dataclass(frozen=True)
class ColumnFacts:
    """Inputs and columns of a sample of the training rows.

    sizes  : root mean square of each numeric input on the training rows, by the input's name
    skills : of each column before encoding, used alone, on rows held out: 0 is chance and 1 perfect
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
        """0 is chance and 1 perfect."""
        return skill_of(self.truth, self.predicted)


@dataclass(frozen=True)
class LabelFacts:
    """Labels that contradict out-of-bag predictions.

    error_rate  : of the most confident quarter of the predictions
    n_confident : rows of that quarter
    share       : of labels that confident learning takes for wrong
    suspects    : their rows among the training rows, from 1, the most confident prediction first
    """

    error_rate: float
    n_confident: int
    share: float
    suspects: tuple[int, ...]


@dataclass(frozen=True)
class NetworkFacts:
    """A network with its present weights, on a sample of the training rows.

    gradients : root mean square of the gradient of each layer's weights, the first layer's first
    dead      : share of units of each hidden layer that output 0 for every row; empty for other units than ReLU
    saturated : share of outputs of each hidden layer in the flat ends; empty for activations without
    predicted : rows that the network predicts for each class; empty for regression
    skill     : on the same rows: 0 is chance and 1 perfect
    """

    gradients: tuple[float, ...]
    dead: tuple[float, ...]
    saturated: tuple[float, ...]
    predicted: tuple[int, ...]
    skill: float


@dataclass(frozen=True)
class RowCurve:
    """The lowest validation loss of trainings on different numbers of rows."""

    rows: tuple[int, ...]
    losses: tuple[float, ...]

    @property
    def gain(self) -> float:
        """By how much twice the rows would lower the loss, by a least-squares line of the loss over log₂(rows)."""
        slope, _ = np.polyfit(np.log2(self.rows), self.losses, 1)
        return -float(slope)


@dataclass(frozen=True)
class ProbeResults:
    """The results of all probes.

    untrained, trained : the network with its initial weights, and with its best ones
    labels             : None for regression
    curve              : None where training and validation loss are close, or where it would take too long
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
