"""Predictions saved beside a run's scores, and compared with another run's."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mlcli.data.tables.types import SplitName
from mlcli.errors import ArtefactError
from mlcli.io.arrays import read_arrays, write_arrays
from mlcli.io.atomic import atomic_folder, recover_folder, remove_folder, verify_folder, write_json
from mlcli.io.json import check_version, from_json, read_json, refuse_symlink
from mlcli.metrics.paired import ScoreDifference, compare_predictions
from mlcli.metrics.scorer import QUICK
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask, Regression, task_from_json, task_to_json
from mlcli.runs.listing import RunRecord

FOLDER = KIND = "predictions"
FACTS, NUMBERS = "predictions.json", "predictions.safetensors"
SCHEMA_VERSION = 1
# Numbers of the rows that are not always there, and their kind.
ROW_ARRAYS = {"groups": "i", "weights": "f"}
# The predictions for a million rows of three classes take less.
MAX_BYTES = 64 << 20
# Level of the intervals where no run was measured.
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class SavedPredictions:
    """Predictions for the rows of one split, beside the truth.

    rows  : the `fingerprint_rows` of these rows
    truth : as `task.truth` gives it
    groups : int64 (n,), the group of each row, where rows of one group are alike
    weights : float64 (n,), how much each row counts; None where all count alike
    """

    split: SplitName
    rows: str
    task: FittedTask
    truth: np.ndarray
    predictions: Predictions
    groups: np.ndarray | None = None
    weights: np.ndarray | None = None


@dataclass(frozen=True)
class _Facts:
    """predictions.json: what the numbers belong to."""

    schema: int
    split: SplitName
    rows: str
    task: dict[str, Any]


def fingerprint_rows(source: str, split: SplitName, task: FittedTask, truth: np.ndarray) -> str:
    """Hexadecimal sha256, equal for the same rows in the same order with the same targets, and for no others.

    source : the `rows_fingerprint` of the prepared data
    """
    match task:
        case Classification():  # another run may have its classes in another order
            names = sorted(task.classes)
            targets = np.array([names.index(name) for name in task.classes], dtype="<i8")[truth]
        case Regression():
            names, targets = list(task.targets), truth.astype("<f8")
    head = json.dumps([source, split, names, targets.shape])
    return hashlib.sha256(head.encode() + targets.tobytes()).hexdigest()


def save_predictions(parent: Path, saved: SavedPredictions) -> None:
    """Replace parent/predictions; predictions of more than MAX_BYTES are not saved, and an older folder is removed."""
    found = saved.predictions
    arrays = {"truth": saved.truth, "values": found.values, "scores": found.scores}
    if found.probabilities is not None:
        arrays["probabilities"] = found.probabilities
    arrays |= {name: own for name in ROW_ARRAYS if (own := getattr(saved, name)) is not None}
    numbers = {name: _narrow(array) for name, array in arrays.items()}
    if sum(array.nbytes for array in numbers.values()) > MAX_BYTES:
        if os.path.lexists(parent / FOLDER):
            remove_folder(parent / FOLDER)
        return
    facts = _Facts(SCHEMA_VERSION, saved.split, saved.rows, task_to_json(saved.task))
    with atomic_folder(parent / FOLDER, KIND) as new:
        write_json(new / FACTS, asdict(facts))
        write_arrays(new / NUMBERS, numbers)


def load_predictions(parent: Path) -> SavedPredictions | None:
    """The content of parent/predictions, verified before it is parsed; None without it. Raises ArtefactError."""
    folder = refuse_symlink(parent / FOLDER)
    recover_folder(folder)
    if not os.path.lexists(folder):
        return None
    verify_folder(folder, KIND)
    place = folder / FACTS
    value = read_json(place)
    check_version(value, SCHEMA_VERSION, place)
    facts = from_json(_Facts, value, place)
    task = task_from_json(facts.task, f"{place}: task")
    arrays = {name: _widen(array) for name, array in read_arrays(folder / NUMBERS).items()}
    if not _fit(task, arrays):
        raise ArtefactError(f"{folder}: the numbers do not fit the task; measure again with: mlcli evaluate")
    predictions = Predictions(arrays["values"], arrays.get("probabilities"), arrays["scores"])
    of_rows = {name: arrays.get(name) for name in ROW_ARRAYS}
    return SavedPredictions(facts.split, facts.rows, task, arrays["truth"], predictions, **of_rows)


def _narrow(array: np.ndarray) -> np.ndarray:
    """Half as wide where that loses nothing, as with a network's outputs; rounding would create ties."""
    with np.errstate(over="ignore"):
        narrow = np.ascontiguousarray(array.astype(np.int32 if array.dtype.kind == "i" else np.float32))
    return narrow if np.array_equal(narrow, array, equal_nan=array.dtype.kind == "f") else np.ascontiguousarray(array)


def _widen(array: np.ndarray) -> np.ndarray:
    return array.astype(np.int64 if array.dtype.kind == "i" else np.float64)


def _fit(task: FittedTask, arrays: dict[str, np.ndarray]) -> bool:
    """Whether the arrays can be predictions of the task: their shapes, and the range of class indices."""
    rows = arrays["truth"].shape[:1] if "truth" in arrays else ()
    shape = rows if isinstance(task, Classification) else (*rows, task.n_outputs)
    expected = {"truth": shape, "values": shape, "scores": (*rows, task.n_outputs)}
    if isinstance(task, Classification) and task.has_probabilities:
        expected["probabilities"] = (*rows, len(task.classes))
    for name in ROW_ARRAYS.keys() & arrays.keys():
        expected[name] = rows
        if arrays[name].dtype.kind != ROW_ARRAYS[name] or (len(arrays[name]) and not arrays[name].min() >= 0):
            return False
    if {name: array.shape for name, array in arrays.items()} != expected:
        return False
    if not isinstance(task, Classification):
        return True
    indices = (arrays["truth"], arrays["values"])
    return all(one.dtype.kind == "i" and bool(((one >= 0) & (one < len(task.classes))).all()) for one in indices)


@dataclass(frozen=True)
class Pair:
    """Two runs' predictions for the same rows compared, or the reason why they cannot be.

    confidence  : level of the intervals
    differences : scores of `ours` less those of `theirs`, each with its interval
    """

    ours: str
    theirs: str
    confidence: float
    reason: str | None
    split: str = ""
    n_rows: int = 0
    differences: tuple[ScoreDifference, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All fields, each difference with its verdict on `ours`."""
        differences = [asdict(difference) | {"verdict": difference.verdict} for difference in self.differences]
        return {**asdict(self), "differences": differences}


def compare_pairs(records: Sequence[RunRecord]) -> tuple[Pair, ...]:
    """Each run against the first. Raises ArtefactError for predictions that are damaged."""
    saved = [(str(record.run), load_predictions(record.run.evaluation)) for record in records]
    confidence = next((one.measured.confidence for one in records if one.measured is not None), CONFIDENCE)
    return tuple(_compare(ours, saved[0], confidence) for ours in saved[1:])


def _compare(
    ours: tuple[str, SavedPredictions | None], theirs: tuple[str, SavedPredictions | None], level: float
) -> Pair:
    (name, us), (other, them) = ours, theirs
    if us is None or them is None:
        missing = other if them is None else name
        return Pair(name, other, level, f"{missing} has no saved predictions; run: mlcli evaluate {missing}")
    if reason := _why_not_comparable(us, them):
        return Pair(name, other, level, reason)
    both = us.predictions, them.predictions
    of_rows = them.groups, them.weights
    found = compare_predictions(them.task, them.truth, *both, "auto", level, 0, *of_rows)
    found += _compare_targets(us, them, level)
    return Pair(name, other, level, None, them.split, len(them.truth), tuple(found))


def _compare_targets(us: SavedPredictions, them: SavedPredictions, level: float) -> list[ScoreDifference]:
    """Of each of several targets, by the metric that the loss stands for."""
    task = them.task
    if not isinstance(task, Regression) or len(task.targets) == 1:
        return []
    metric, differences = QUICK[task.measured_as][0], []
    for at, name in enumerate(task.targets):
        truth, both = them.truth[:, at : at + 1], (us.predictions.of_target(at), them.predictions.of_target(at))
        of_rows = them.groups, them.weights
        (own,) = compare_predictions(task.of_target(at), truth, *both, (metric,), level, 0, *of_rows)
        differences.append(replace(own, name=f"{metric} of {name}"))
    return differences


def _why_not_comparable(ours: SavedPredictions, theirs: SavedPredictions) -> str | None:
    """Why the predictions cannot be compared row by row; None where they can."""
    if ours.split != theirs.split:
        return f"they were measured on different rows: {ours.split} and {theirs.split}"
    if ours.rows != theirs.rows:
        return f"their {ours.split} rows are not the same: another source, split, seed or cleaning"
    alike = [np.ones(1) if own.weights is None else own.weights for own in (ours, theirs)]
    if not np.array_equal(alike[0], alike[1]):
        return "their rows are weighed differently (dataset.weight)"
    if _quantile(ours) != _quantile(theirs):
        return f"they predict different numbers: {_quantile(ours)} and {_quantile(theirs)}"
    if _classes(ours) != _classes(theirs):
        return "they have different positive classes (evaluation.positive)"
    return None


def _quantile(saved: SavedPredictions) -> str:
    q = saved.task.q if isinstance(saved.task, Regression) else None
    return "the mean" if q is None else f"the {q:g} quantile"


def _classes(saved: SavedPredictions) -> tuple[str, ...]:
    return saved.task.classes if isinstance(saved.task, Classification) else ()
