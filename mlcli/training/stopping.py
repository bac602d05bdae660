"""Rules that end training at an epoch's end. They decide and do nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mlcli.config.training import TrainingConfig
from mlcli.training.state import TrainingState


class StopRule(Protocol):
    """Asked after every epoch."""

    def should_stop(self, state: TrainingState) -> bool:
        """Whether to end training here."""


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the best epoch lies `patience` epochs back."""

    patience: int

    def should_stop(self, state: TrainingState) -> bool:
        return state.epoch - state.best_epoch >= self.patience


def stop_rules(config: TrainingConfig) -> list[StopRule]:
    """The rules that the configuration asks for."""
    early = config.early_stopping
    return [EarlyStopping(early.patience)] if early else []
