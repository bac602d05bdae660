"""Callbacks of a training run, and rules that end it at an epoch's end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mlcli.config.sections.training import TrainingConfig
from mlcli.training.context import TrainingContext
from mlcli.training.state import EpochRecord, Stopped, TrainingState


class Callback:
    """Observes a training without changing it. Subclasses override the methods they need; these do nothing."""

    def on_train_begin(self, context: TrainingContext, state: TrainingState) -> None:
        """Called once, before the first step."""

    def on_batch_end(self, context: TrainingContext, state: TrainingState) -> None:
        """Called after an optimizer step, at most ten times a second."""

    def on_epoch_end(self, context: TrainingContext, state: TrainingState, record: EpochRecord) -> None:
        """Called after every epoch."""

    def on_train_end(self, context: TrainingContext, state: TrainingState, stopped: Stopped) -> None:
        """Called once, while the network still has the last weights; then it gets the best ones."""


class StopRule(Protocol):
    """Asked after every epoch."""

    def should_stop(self, state: TrainingState) -> bool:
        """Whether to end training here."""


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the best epoch is `patience` epochs ago."""

    patience: int

    def should_stop(self, state: TrainingState) -> bool:
        return state.epoch - state.best_epoch >= self.patience


def stop_rules(config: TrainingConfig) -> list[StopRule]:
    """The rules that the configuration asks for."""
    early = config.early_stopping
    return [EarlyStopping(early.patience)] if early else []
