"""What a run records: its manifest, its epochs and its checkpoints."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from mlcli.data.tables.types import SPLITS
from mlcli.runs.checkpoint import save_checkpoint
from mlcli.runs.folder import Run
from mlcli.runs.history import MetricsLog
from mlcli.runs.manifest import RunManifest, creation_time, package_versions
from mlcli.training.callbacks import Callback
from mlcli.training.context import TrainingContext
from mlcli.training.inputs import Inputs
from mlcli.training.snapshot import take_snapshot
from mlcli.training.state import EpochRecord, Stopped, TrainingState


def manifest_of(context: TrainingContext, inputs: Inputs) -> RunManifest:
    """The manifest of a run that starts."""
    creation_time()  # what is wrong with it is said before the training
    splits = inputs.prepared.splits
    return RunManifest(
        seed=context.config.seed,
        device=str(context.device),
        threads=context.threads,
        on_disk=context.on_disk,
        precision=str(context.precision).removeprefix("torch."),
        config_fingerprint=context.config.fingerprint(),
        data_fingerprint=inputs.prepared.fingerprint,
        dataset=inputs.prepared.dataset,
        n_parameters=context.n_parameters,
        rows={name: len(splits[name]) for name in SPLITS},
        stand_in_for=inputs.prepared.stand_in_for,
        parent=inputs.parent,
    )


def bundle_facts(
    inputs: Inputs, best_epoch: int, train: Mapping[str, float], valid: Mapping[str, float]
) -> dict[str, Any]:
    """When and from what data a bundle was made, and its scores; without names of folders, machines or people."""
    return {
        "created": creation_time(),
        "versions": package_versions(),
        "data_fingerprint": inputs.prepared.fingerprint,
        "stand_in_for": inputs.prepared.stand_in_for,
        "rows": {name: len(inputs.prepared.splits[name]) for name in SPLITS},
        "best_epoch": best_epoch,
        "train": train,
        "valid": valid,
        **({"parent": inputs.parent} if inputs.parent else {}),
    }


class RunRecorder(Callback):
    """Writes every epoch to metrics.jsonl, and a checkpoint when enough time has passed, and at the end.

    All epochs of a checkpoint are in metrics.jsonl too, even after a crash.
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
