"""The observer that writes a training to its run's folder."""

from __future__ import annotations

import time

from mlcli.checkpoint import save_checkpoint
from mlcli.run import MetricsLog, Run
from mlcli.training.job import TrainingJob
from mlcli.training.observers import Observer
from mlcli.training.snapshot import take_snapshot
from mlcli.training.state import EpochRecord, Stopped, TrainingState


class RunRecorder(Observer):
    """Every epoch goes to metrics.jsonl; a checkpoint is saved when enough time has passed, and at the end.

    What a checkpoint holds of the history, metrics.jsonl holds, too, whenever the machine stops.
    """

    def __init__(self, run: Run, state: TrainingState, checkpoint_seconds: float) -> None:
        self.run = run
        self.log = MetricsLog(run.metrics)
        self.log.rewrite(state.history)
        self.checkpoint_seconds = checkpoint_seconds
        self.saved_at = time.monotonic()

    def on_epoch(self, job: TrainingJob, state: TrainingState, record: EpochRecord) -> None:
        self.log.append(record)
        if time.monotonic() - self.saved_at >= self.checkpoint_seconds:
            self._save(job, state)

    def on_end(self, job: TrainingJob, state: TrainingState, stopped: Stopped) -> None:
        # Weights that diverged are no place to go on from.
        if stopped == "diverged":
            self.log.sync()
        else:
            self._save(job, state)

    def _save(self, job: TrainingJob, state: TrainingState) -> None:
        self.log.sync()
        save_checkpoint(self.run.checkpoints, take_snapshot(job, state))
        self.saved_at = time.monotonic()
