"""What a search stores: its trials and the networks of the best ones.

Trials are in a journal in the search's folder, or in a database that several machines share; networks are in the
folder, so that none is trained twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from numpy.typing import NDArray
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from mlcli.config.tree import JsonValue
from mlcli.errors import ArtefactError
from mlcli.io.arrays import read_arrays, write_arrays
from mlcli.io.atomic import atomic_folder, recover_folder, verify_folder, write_file, write_json
from mlcli.io.disk import locked_folder, make_folder, resource_errors
from mlcli.io.json import from_json, read_json, read_limited, strict_json
from mlcli.search.database import open_database
from mlcli.training.state import EpochRecord

JOURNAL = "journal.jsonl"
JOURNAL_LIMIT = 256 << 20
# Kinds of the cache's folders, and their files.
KIND = "kept network"
HISTORY, TENSORS = "history.json", "network.safetensors"
VALID = "valid"
# FOLDS is no key of a configuration.
FOLDS, FOLDS_KIND = "folds", "answers over folds"


class _FolderLock:
    """Optuna's journal lock: the other processes of the search wait for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held = contextlib.ExitStack()

    def acquire(self) -> bool:
        self.held.enter_context(locked_folder(self.folder))
        return True

    def release(self) -> None:
        self.held.close()


def open_storage(place: Path, url: str | None, repair: bool) -> tuple[BaseStorage, str]:
    """The journal, or the database at a URL, created where missing, and the study's name in it.

    repair : cut off a last line that a crash left unfinished; only while no other process has the journal open
    """
    if url is not None:
        return open_database(url), f"{place.parent.parent.name}/{place.parent.name}"
    make_folder(place.parent)
    if repair and place.exists():
        content = read_limited(place, JOURNAL_LIMIT)
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:  # the next line would be appended to the unfinished one
            write_file(place, whole)
    lock: Any = _FolderLock(place.parent)  # Optuna does not export the type
    return JournalStorage(JournalFileBackend(str(place), lock_obj=lock)), "improve"


@contextmanager
def quiet() -> Iterator[None]:
    """A call to Optuna without its log and warnings, which are not for users."""
    optuna.logging.disable_default_handler()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def calm(place: Path) -> Iterator[None]:
    """A quiet call that may write; errors of the disk name the journal."""
    with resource_errors(place), quiet():
        yield


@contextmanager
def reading(place: Path) -> Iterator[None]:
    """A call that reads; raises ArtefactError for a journal that Optuna cannot read."""
    try:
        with calm(place):
            yield
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, AssertionError) as error:
        raise ArtefactError(
            f"{place}: damaged ({type(error).__name__}: {error}); delete its folder to start a new search"
        ) from None


@dataclass(frozen=True, eq=False)
class CachedNetwork:
    """A trained network.

    state : its weights, by parameter name
    valid : float32 (n, n_outputs), its raw outputs on the validation rows
    """

    state: Mapping[str, NDArray[Any]]
    valid: NDArray[Any]
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
            state = {f"model.{name}": array for name, array in network.state.items()}
            write_arrays(new / TENSORS, {VALID: network.valid, **state})
            history = _History(tuple(network.history), network.best_epoch)
            write_json(new / HISTORY, strict_json(asdict(history)))

    def put_fold_outputs(self, values: Mapping[str, JsonValue], outputs: NDArray[Any]) -> None:
        """Write the pooled outputs of the networks of all folds, float32 (n, n_outputs)."""
        with atomic_folder(self._place({**values, FOLDS: True}), FOLDS_KIND) as new:
            write_arrays(new / TENSORS, {VALID: outputs})

    def get_fold_outputs(self, values: Mapping[str, JsonValue]) -> NDArray[Any] | None:
        """What `put_fold_outputs` wrote; None where it is missing or damaged."""
        try:
            return self._read(self._place({**values, FOLDS: True}), FOLDS_KIND)[VALID]
        except (ArtefactError, KeyError):
            return None

    def holds(self, values: Mapping[str, JsonValue]) -> bool:
        """Whether there is a network of these values, be it damaged."""
        return self._place(values).is_dir()

    def get(self, values: Mapping[str, JsonValue]) -> CachedNetwork | None:
        """The network of these values; None where it is missing or damaged."""
        place = self._place(values)
        try:
            arrays = self._read(place, KIND)
            history = from_json(_History, read_json(place / HISTORY), place / HISTORY)
        except ArtefactError:
            return None
        valid = arrays.pop(VALID)
        state = {name.removeprefix("model."): array for name, array in arrays.items()}
        return CachedNetwork(state, valid, history.epochs, history.best_epoch)

    def _read(self, place: Path, kind: str) -> dict[str, NDArray[Any]]:
        recover_folder(place)
        verify_folder(place, kind)
        return read_arrays(place / TENSORS)

    def _place(self, values: Mapping[str, JsonValue]) -> Path:
        """Named by a hash of the values."""
        return self.folder / hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
