"""The playground without keys: train a number of epochs, then report the predictions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlcli.config.loading.dump import changes_of
from mlcli.errors import DivergedError
from mlcli.io.paths import refuse_overwriting
from mlcli.playground.state import PlayState, describe_played, played_config, write_played
from mlcli.playground.trainer import Trainer
from mlcli.training.state import EpochRecord

# Grid points per side of the predictions in the JSON document.
PLACES = 21


@dataclass(frozen=True)
class PlayResult:
    """What was trained; written: the file of the configuration, None without one."""

    state: PlayState
    trainer: Trainer
    seconds: float
    written: Path | None

    def to_json(self) -> dict[str, Any]:
        """The document of `play --json`."""
        trainer, config = self.trainer, played_config(self.state.config, self.trainer.epoch)
        return {
            "config": {"name": config.name, **changes_of(config)},
            "columns": self.state.columns,
            "rows": {"train": len(trainer.context.train), "valid": len(trainer.context.valid)},
            "parameters": trainer.context.n_parameters,
            "epochs": trainer.epoch,
            "history": [_numbers(record) for record in trainer.state.history],
            "plane": _plane(trainer),
            "seconds": self.seconds,
            "written": self.written,
        }


def _numbers(record: EpochRecord) -> dict[str, Any]:
    scores = {"train_loss": record.train_loss, "valid_loss": record.valid_loss, **record.valid_metrics}
    finite = {name: value if value is not None and math.isfinite(value) else None for name, value in scores.items()}
    return {"epoch": record.epoch, **finite}


def _plane(trainer: Trainer) -> dict[str, Any]:
    """The predictions at PLACES × PLACES points, row by row from the top: index of the kind, and confidence, 0 to 1."""
    heatmap, limits = trainer.plane(PLACES, PLACES), trainer.limits
    return {
        "x": [limits.left, limits.right],
        "y": [limits.bottom, limits.top],
        "kinds": list(trainer.scale.names),
        "kind": heatmap.kinds.reshape(PLACES, PLACES).tolist(),
        "sure": heatmap.strengths.reshape(PLACES, PLACES).round(4).tolist(),
    }


def play(state: PlayState, epochs: int, output: Path | None, interrupted: Callable[[], bool]) -> PlayResult:
    """Train a number of epochs, and write the configuration to `output`, if given. Raises DivergedError."""
    if output is not None:
        refuse_overwriting(output)
    trainer = Trainer(state.config, state.columns)
    started = time.perf_counter()
    while trainer.epoch < epochs and not interrupted():
        if not trainer.advance(interrupted) and trainer.diverged:
            raise DivergedError(
                f"the loss is no longer a finite number in epoch {trainer.epoch + 1}; "
                f"try a lower optimizer.lr (now {state.config.optimizer.lr:g})"
            )
    seconds = time.perf_counter() - started
    if output is not None:
        write_played(output, describe_played(state.config, trainer.epoch, trainer.rates))
    return PlayResult(state, trainer, seconds, output)
