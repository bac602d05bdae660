"""Writes what mlcli trains on, so that every peer trains on the same numbers: python -m tests.benchmarks.share."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from mlcli.config.loading.load import load_config
from mlcli.config.sections.optimizer import AdamConfig, OneCycleSchedule
from mlcli.models.task import Classification
from mlcli.reporter import Silent
from mlcli.training.context import TrainingContext
from mlcli.training.inputs import gather_inputs, make_context


def share(path: Path, folder: Path, *sets: str) -> None:
    """Leave x.npy, y.npy and recipe.json of a config in a folder."""
    config = load_config(path, sets)
    inputs = gather_inputs(config, Silent())
    if inputs.prepared.stand_in_for:
        sys.exit(f"{inputs.prepared.stand_in_for} is not in the data folder")
    rows, valid = inputs.training_arrays()
    context = make_context(config, inputs, (rows, valid))
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "x.npy", rows.x.numpy())
    np.save(folder / "y.npy", rows.y.numpy().reshape(-1).astype(np.int64))
    assert isinstance(inputs.task, Classification)
    recipe = recipe_of(context) | {"n_classes": len(inputs.task.classes)}
    (folder / "recipe.json").write_text(json.dumps(recipe))


def recipe_of(context: TrainingContext) -> dict[str, object]:
    """The hyper-parameters, in the words of peers.task.Recipe."""
    config, optimizer = context.config, context.config.optimizer
    assert isinstance(optimizer, AdamConfig)
    schedule = optimizer.schedule
    return {
        "hidden": list(config.model.hidden),
        "batch_size": context.batch_size,
        "epochs": config.training.epochs,
        "lr": context.lr,
        "beta2": optimizer.beta2,
        "peak": schedule.peak if isinstance(schedule, OneCycleSchedule) else None,
        "label_smoothing": getattr(config.loss, "label_smoothing", 0.0),
        "precision": str(context.precision).removeprefix("torch."),
    }


if __name__ == "__main__":
    share(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
