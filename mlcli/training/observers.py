"""Onlookers of a training run. They return nothing and change nothing."""

from __future__ import annotations

from mlcli.training.job import TrainingJob
from mlcli.training.state import EpochRecord, Stopped, TrainingState


class Observer:
    """Does nothing; subclasses override what they look at."""

    def on_start(self, job: TrainingJob, state: TrainingState) -> None:
        """Called once, before the first step."""

    def on_tick(self, job: TrainingJob, state: TrainingState) -> None:
        """Called inside an epoch, at most ten times a second."""

    def on_epoch(self, job: TrainingJob, state: TrainingState, record: EpochRecord) -> None:
        """Called after every epoch."""

    def on_end(self, job: TrainingJob, state: TrainingState, stopped: Stopped) -> None:
        """Called once, with the last weights still in place; the best ones follow."""
