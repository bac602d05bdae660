"""The callback that writes a training to its run's folder."""

from __future__ import annotations

import time

from mlcli.runs.checkpoint import save_checkpoint
from mlcli.runs.folder import Run
from mlcli.runs.history import MetricsLog
from mlcli.training.callbacks import Callback
from mlcli.training.context import TrainingContext
from mlcli.training.snapshot import take_snapshot
from mlcli.training.state import EpochRecord, Stopped, TrainingState


class RunRecorder(Callback):
    """Every epoch goes to metrics.jsonl; a checkpoint is saved when enough time has passed, and at the end.

    What a checkpoint holds of the history, metrics.jsonl holds, too, whenever the machine stops.
    """

    def __init__(self, run: Run, state: TrainingState, checkpoint_seconds: float) -> None:
        self.run = run
        self.log = MetricsLog(run.metrics)
        self.log.rewrite(state.history)
        self.checkpoint_seconds = checkpoint_seconds
        self.saved_at = time.monotonic()

    def on_epoch_end(self, context: TrainingContext, state: TrainingState, record: EpochRecord) -> None:
        self.log.append(record)
        if time.monotonic() - self.saved_at >= self.checkpoint_seconds:
            self._save(context, state)

    def on_train_end(self, context: TrainingContext, state: TrainingState, stopped: Stopped) -> None:
        # No training continues from weights that diverged.
        if stopped == "diverged":
            self.log.sync()
        else:
            self._save(context, state)

    def _save(self, context: TrainingContext, state: TrainingState) -> None:
        self.log.sync()
        save_checkpoint(self.run.checkpoints, take_snapshot(context, state))
        self.saved_at = time.monotonic()
