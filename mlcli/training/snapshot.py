"""Snapshots of a training for an exact resume."""

from __future__ import annotations

import copy
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from mlcli.config.sections.config import Config
from mlcli.errors import ArtefactError
from mlcli.training.context import TrainingContext
from mlcli.training.loop import new_state
from mlcli.training.optimizers import build_optimizer
from mlcli.training.state import EpochRecord, Snapshot, TrainingState
from mlcli.training.torch_private import plain_step

EXTENDABLE = ("training.epochs", "training.checkpoint_seconds", "training.track")
SECTIONS = ("features", "model", "loss", "optimizer", "training", "evaluation")
SCALARS = ("epoch", "batch", "step", "lr", "best_epoch", "best_score")
FRACTIONS = ("lr", "best_score")


def take_snapshot(context: TrainingContext, state: TrainingState) -> Snapshot:
    """Everything that the rest of the training depends on."""
    tensors = {f"model.{name}": tensor for name, tensor in context.model.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in state.best.items()}
    tensors |= {f"average.{name}": tensor for name, tensor in state.average.items()}
    tensors["losses"] = state.losses
    progress: dict[str, Any] = {name: getattr(state, name) for name in SCALARS}
    progress["config"] = _result_keys(context.config)
    progress["history"] = [asdict(record) for record in state.history]
    copies = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
    return Snapshot(state.step, copies, copy.deepcopy(context.optimizer.state_dict()), progress)


def restore_snapshot(context: TrainingContext, snapshot: Snapshot) -> TrainingState:
    """Restore model and optimizer, and return the state to continue from.

    Raises ArtefactError when the snapshot is of another network or configuration.
    """
    state = new_state(context)
    try:
        _require_same_config(context.config, snapshot.progress.get("config", {}))  # earlier versions kept none
        context.model.load_state_dict(_named(snapshot.model, "model."))
        _try_a_step(context, snapshot.optimizer)
        context.optimizer.load_state_dict(snapshot.optimizer)
        state.losses.copy_(snapshot.model["losses"])
        for name in SCALARS:
            setattr(state, name, _checked_scalar(name, snapshot.progress[name]))
        state.history = [EpochRecord(**record) for record in snapshot.progress["history"]]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"the checkpoint does not fit the run's configuration: {error}") from error
    for kind in ("best", "average"):
        found = _named(snapshot.model, f"{kind}.")
        setattr(state, kind, {name: tensor.to(context.device) for name, tensor in found.items()})
    return state


def _result_keys(config: Config) -> dict[str, Any]:
    """The dotted keys that determine a training's result, with JSON values; not those that a resume may change."""
    sections = config.model_dump(mode="json", include=set(SECTIONS))
    values = {f"{name}.{key}": value for name in SECTIONS for key, value in sections[name].items()}
    return {"seed": config.seed, **{key: value for key, value in values.items() if key not in EXTENDABLE}}


def _require_same_config(config: Config, before: dict[str, Any]) -> None:
    """Raise ArtefactError where the run's config.yaml has been edited since."""
    # Keys that an earlier version did not have get their defaults.
    sections = config.model_dump(mode="json")
    for key, value in before.items():
        section, _, name = key.partition(".")
        sections |= {section: {**sections[section], name: value} if name else value}
    before = _result_keys(Config.model_validate(sections))
    for key, value in _result_keys(config).items():
        if before[key] != value:
            raise ArtefactError(
                f"the run's config.yaml has changed since: {key} was {before[key]!r:.60}, is {value!r:.60}; "
                "restore it, or train a new run"
            )


def _try_a_step(context: TrainingContext, state: dict[str, Any]) -> None:
    """Take a step with a copy, since `load_state_dict` accepts any state and only a step shows a broken one."""
    parameters = copy.deepcopy(context.gradients.parameters)
    optimizer = build_optimizer(context.config.optimizer, parameters)
    optimizer.load_state_dict(copy.deepcopy(state))
    for parameter in (*parameters.weights, *parameters.others, *parameters.together, *parameters.single):
        parameter.grad = torch.ones_like(parameter)
    plain_step(optimizer)(lambda: torch.ones(()))


def _checked_scalar(name: str, value: object) -> object:
    """The value, if it is a number of the right kind; else raises TypeError."""
    is_number = isinstance(value, int | float if name in FRACTIONS else int) and not isinstance(value, bool)
    if not is_number and not (name == "best_score" and value is None):
        raise TypeError(f"{name} is {value!r}, not a number")
    return value


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
