"""Checkpoints to resume from: folders such as step-00000120, of which the last two are kept."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from mlcli.errors import ArtefactError
from mlcli.io.atomic import atomic_folder, recover_children, remove_folder, verify_folder, write_json
from mlcli.io.disk import resource_errors
from mlcli.io.json import check_version, from_json, read_json
from mlcli.io.tensors import pack, read_tensors, unpack, write_tensors
from mlcli.reporter import Reporter
from mlcli.training.state import Snapshot

KIND = "checkpoint"
SCHEMA_VERSION = 1
KEPT = 2
MODEL, OPTIMIZER, STATE = "model.safetensors", "optim.safetensors", "state.json"

_NAME = re.compile(r"step-\d{8,}")


@dataclass(frozen=True)
class _State:
    """state.json: progress and the optimizer's state, packed."""

    schema: int
    step: int
    progress: dict[str, Any]
    optimizer: dict[str, Any]


def save_checkpoint(folder: Path, snapshot: Snapshot) -> Path:
    """Write folder/step-<step>, whole or not at all, then remove all but it and the one before."""
    target = folder / f"step-{snapshot.step:08d}"
    tensors: dict[str, Tensor] = {}
    state = _State(SCHEMA_VERSION, snapshot.step, pack(snapshot.progress, {}), pack(snapshot.optimizer, tensors))
    with atomic_folder(target, KIND) as new:
        write_tensors(new / MODEL, snapshot.model)
        write_tensors(new / OPTIMIZER, tensors)
        write_json(new / STATE, asdict(state))
    # Later steps than the one just saved are damaged, or the training was resumed before them.
    paths = _list_checkpoints(folder)
    kept = [path for path in paths if _step(path.name) <= snapshot.step][-KEPT:]
    for path in paths:
        if path not in kept:
            remove_folder(path)
    return target


def load_checkpoint(folder: Path, reporter: Reporter) -> Snapshot | None:
    """The newest whole checkpoint; None when there are none. Damaged ones are skipped with a warning.

    Raises ArtefactError when all are damaged.
    """
    recover_children(folder)
    damaged: list[ArtefactError] = []
    for path in reversed(_list_checkpoints(folder)):
        try:
            snapshot = read_checkpoint(path)
        except ArtefactError as error:
            damaged.append(error)
            continue
        for skipped in damaged:
            reporter.warn(f"{skipped}. Going back to {path.name}")
        return snapshot
    if damaged:
        raise ArtefactError(f"{folder}: every checkpoint is damaged; train again. {'; '.join(map(str, damaged))}")
    return None


def read_checkpoint(path: Path) -> Snapshot:
    """One checkpoint, verified before it is parsed. Raises ArtefactError."""
    verify_folder(path, KIND)
    place = path / STATE
    value = read_json(place)
    check_version(value, SCHEMA_VERSION, place)
    state = from_json(_State, value, place)
    return Snapshot(
        step=state.step,
        model=read_tensors(path / MODEL),
        optimizer=unpack(state.optimizer, read_tensors(path / OPTIMIZER), place),
        progress=unpack(state.progress, {}, place),
    )


def _list_checkpoints(folder: Path) -> list[Path]:
    """The oldest step first."""
    with resource_errors(folder):
        names = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    return [folder / name for name in sorted(filter(_NAME.fullmatch, names), key=_step)]


def _step(name: str) -> int:
    return int(name.removeprefix("step-"))
