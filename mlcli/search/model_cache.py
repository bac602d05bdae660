"""A cache of the best trials' networks in the search's folder, so that none is trained twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from mlcli.config.tree import JsonValue
from mlcli.errors import ArtefactError
from mlcli.io.atomic import atomic_folder, recover_folder, write_json
from mlcli.io.json import from_json, strict_json
from mlcli.io.tensors import read_tensors, write_tensors
from mlcli.io.verified import read_json, verify_folder
from mlcli.training.state import EpochRecord

KIND = "kept network"
HISTORY, TENSORS = "history.json", "network.safetensors"
VALID = "valid"
# FOLDS is no key of a configuration.
FOLDS, FOLDS_KIND = "folds", "answers over folds"


@dataclass(frozen=True, eq=False)
class CachedNetwork:
    """A trained network.

    state : its weights, by parameter name
    valid : float32 (n, n_outputs), its raw outputs on the validation rows
    """

    state: dict[str, Tensor]
    valid: Tensor
    history: Sequence[EpochRecord]
    best_epoch: int


@dataclass(frozen=True)
class _History:
    epochs: tuple[EpochRecord, ...]
    best_epoch: int


@dataclass(frozen=True)
class ModelCache:
    """The folder of cached networks, each under a hash of the values that its trial changed."""

    folder: Path

    def put(self, values: Mapping[str, JsonValue], network: CachedNetwork) -> None:
        """Write a network, in place of an earlier one with the same values."""
        with atomic_folder(self._place(values), KIND) as new:
            state = {f"model.{name}": tensor for name, tensor in network.state.items()}
            write_tensors(new / TENSORS, {VALID: network.valid, **state})
            history = _History(tuple(network.history), network.best_epoch)
            write_json(new / HISTORY, strict_json(asdict(history)))

    def put_fold_outputs(self, values: Mapping[str, JsonValue], outputs: Tensor) -> None:
        """Write the pooled outputs of the networks of all folds, float32 (n, n_outputs)."""
        with atomic_folder(self._place({**values, FOLDS: True}), FOLDS_KIND) as new:
            write_tensors(new / TENSORS, {VALID: outputs})

    def get_fold_outputs(self, values: Mapping[str, JsonValue]) -> Tensor | None:
        """What `put_fold_outputs` wrote; None where it is missing or damaged."""
        try:
            return self._read(self._place({**values, FOLDS: True}), FOLDS_KIND)[VALID]
        except (ArtefactError, KeyError):
            return None

    def get(self, values: Mapping[str, JsonValue]) -> CachedNetwork | None:
        """The network of these values; None where it is missing or damaged."""
        place = self._place(values)
        try:
            tensors = self._read(place, KIND)
            history = from_json(_History, read_json(place / HISTORY), place / HISTORY)
        except ArtefactError:
            return None
        valid = tensors.pop(VALID)
        state = {name.removeprefix("model."): tensor for name, tensor in tensors.items()}
        return CachedNetwork(state, valid, history.epochs, history.best_epoch)

    def _read(self, place: Path, kind: str) -> dict[str, Tensor]:
        recover_folder(place)
        verify_folder(place, kind)
        return read_tensors(place / TENSORS)

    def _place(self, values: Mapping[str, JsonValue]) -> Path:
        """Named by a hash of the values."""
        return self.folder / hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
