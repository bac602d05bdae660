"""The state of a training, its history and its snapshots."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor

Stopped = Literal["finished", "early", "interrupted", "diverged"]


@dataclass(frozen=True)
class EpochRecord:
    """One epoch; without times, so that equal runs have equal records.

    epoch         : counts from 1
    step          : optimizer steps since the start
    lr            : learning rate of the epoch's last step
    train_loss    : mean over the epoch's rows, measured while the weights changed
    valid_loss    : mean over the validation rows after the epoch; None without validation rows
    valid_metrics : e.g. {"accuracy": 0.97}; for regression in the target's units. Undefined ones are left out
    """

    epoch: int
    step: int
    lr: float
    train_loss: float
    valid_loss: float | None
    valid_metrics: dict[str, float]

    def valid_score(self, metric: str) -> float:
        """A metric or "loss" on the validation rows; NaN where it is undefined or there are none."""
        score = self.valid_loss if metric == "loss" else self.valid_metrics.get(metric)
        return math.nan if score is None else score


@dataclass
class TrainingState:
    """Everything that changes while training, beside model and optimizer.

    epoch    : epochs completed
    batch    : steps done in the current epoch
    step     : optimizer steps since the start
    lr       : learning rate of the last step
    losses   : float32 (steps per epoch,), the current epoch's so far
    best     : weights of the best epoch, by parameter name; empty before the first epoch ends
    average  : moving average of the parameters, by name; empty without training.average, and before the first step
    """

    losses: Tensor
    epoch: int = 0
    batch: int = 0
    step: int = 0
    lr: float = 0.0
    best_epoch: int = 0
    best_score: float | None = None
    best: dict[str, Tensor] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)
    history: list[EpochRecord] = field(default_factory=list)


@dataclass(frozen=True)
class Snapshot:
    """All that an exact resume needs; tensors are copies.

    model     : "model.<parameter>", "best.<parameter>" and "losses"
    optimizer : torch's state_dict (nested dicts and lists of tensors, numbers and None)
    progress  : JSON-able scalars and the history
    """

    step: int
    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    progress: dict[str, Any]


def derive_seed(seed: int, counter: int) -> int:
    """A seed of 63 bits for each (seed, counter) (splitmix64's finaliser)."""
    z = (seed * 0x9E3779B97F4A7C15 + counter + 0x632BE59BD9B4E019) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return (z ^ (z >> 31)) >> 1
