"""Predictions as a table and its files, and the predictions kept in a run."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import polars as pl
import torch

from mlcli.data.tables.types import SplitName
from mlcli.errors import ArtefactError, UsageError
from mlcli.io.atomic import atomic_folder, recover_folder, remove_folder, write_file, write_json
from mlcli.io.json import check_version, from_json
from mlcli.io.tensors import read_tensors, write_tensors
from mlcli.io.text import printable
from mlcli.io.verified import read_json, refuse_symlink, verify_folder
from mlcli.models.task import Classification, FittedTask, Predictions, Regression, task_from_json, task_to_json

Format = Literal["csv", "parquet", "jsonl"]
FORMATS: tuple[str, ...] = get_args(Format)
SUFFIXES: dict[str, Format] = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def prediction_frame(task: FittedTask, predictions: Predictions) -> pl.DataFrame:
    """One row a prediction.

    Classes: `prediction` and, where the model has them, `probability_<class>`. Numbers: `prediction`, or
    `prediction_<target>` for several targets, in the target's units.
    """
    if isinstance(task, Classification):
        names = pl.Series("prediction", list(task.classes), dtype=pl.String)
        columns = [names.gather(predictions.values)]
        if predictions.probabilities is not None:
            shares = predictions.probabilities
            columns += [pl.Series(f"probability_{name}", shares[:, k]) for k, name in enumerate(task.classes)]
        return pl.DataFrame(columns)
    several = len(task.targets) > 1
    return pl.DataFrame(
        [
            pl.Series(f"prediction_{name}" if several else "prediction", predictions.values[:, k])
            for k, name in enumerate(task.targets)
        ]
    )


def choose_format(path: Path | None, asked: str | None) -> Format:
    """The format asked for, else that of the suffix, else CSV on stdout. Raises UsageError."""
    if asked is not None:
        if asked not in FORMATS:
            raise UsageError(f"--format: must be one of {', '.join(FORMATS)}; got '{asked}'")
        return next(known for known in get_args(Format) if known == asked)
    if path is None or str(path) == "-":
        return "csv"
    if (known := SUFFIXES.get(path.suffix.lower())) is None:
        raise UsageError(f"{path}: the suffix tells no format; use {', '.join(SUFFIXES)}, or say it with --format")
    return known


def write_predictions(frame: pl.DataFrame, path: Path | None, file_format: Format) -> None:
    """Write to a file, whole or not at all, or to stdout."""
    content = _render(frame, file_format)
    if path is None:
        _show(content)
    else:
        write_file(path, content)


def _show(content: memoryview) -> None:
    """Data as it is on stdout; only a terminal is spared the control characters in its texts."""
    if sys.stdout.isatty():
        content = memoryview(printable(bytes(content).decode(errors="replace"), keep="\n\t").encode())
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _render(frame: pl.DataFrame, file_format: Format) -> memoryview:
    """The file's bytes. Polars never sees the file: what it says of a full disk or a closed pipe is vague."""
    buffer = io.BytesIO()
    match file_format:
        case "csv":
            frame.write_csv(buffer)
        case "jsonl":
            frame.write_ndjson(buffer)
        case "parquet":
            frame.write_parquet(buffer)
    return buffer.getbuffer()


FOLDER = KIND = "predictions"
FACTS, NUMBERS = "predictions.json", "predictions.safetensors"
SCHEMA_VERSION = 1
# Predictions that take more bytes are not kept; those of a million rows of three classes take less.
LARGEST = 64 << 20


@dataclass(frozen=True, eq=False)
class KeptPredictions:
    """Answers for the rows of one split, beside the truth.

    rows  : which rows these are, as `fingerprint_rows` tells
    truth : as `task.truth` gives it
    """

    split: SplitName
    rows: str
    task: FittedTask
    truth: np.ndarray
    predictions: Predictions


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
        case Classification():  # another run may order its classes otherwise
            names = sorted(task.classes)
            answers = np.array([names.index(name) for name in task.classes], dtype="<i8")[truth]
        case Regression():
            names, answers = list(task.targets), truth.astype("<f8")
    head = json.dumps([source, split, names, answers.shape])
    return hashlib.sha256(head.encode() + answers.tobytes()).hexdigest()


def write_kept(parent: Path, kept: KeptPredictions) -> None:
    """Put parent/predictions in the place of an older one; where they are too large to be kept, there is none."""
    numbers = {name: torch.from_numpy(_narrow(array)) for name, array in _arrays(kept).items()}
    if sum(tensor.nbytes for tensor in numbers.values()) > LARGEST:
        if os.path.lexists(parent / FOLDER):
            remove_folder(parent / FOLDER)
        return
    facts = _Facts(SCHEMA_VERSION, kept.split, kept.rows, task_to_json(kept.task))
    with atomic_folder(parent / FOLDER, KIND) as new:
        write_json(new / FACTS, asdict(facts))
        write_tensors(new / NUMBERS, numbers)


def read_kept(parent: Path) -> KeptPredictions | None:
    """What parent/predictions holds, verified before it is parsed; None where none are kept. Raises ArtefactError."""
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
    arrays = {name: _widen(tensor.numpy()) for name, tensor in read_tensors(folder / NUMBERS).items()}
    if not _fit(task, arrays):
        raise ArtefactError(f"{folder}: the numbers do not fit the task; measure again with: mlcli evaluate")
    predictions = Predictions(arrays["values"], arrays.get("probabilities"), arrays["scores"])
    return KeptPredictions(facts.split, facts.rows, task, arrays["truth"], predictions)


def _arrays(kept: KeptPredictions) -> dict[str, np.ndarray]:
    found = kept.predictions
    optional = {} if found.probabilities is None else {"probabilities": found.probabilities}
    return {"truth": kept.truth, "values": found.values, "scores": found.scores, **optional}


def _narrow(array: np.ndarray) -> np.ndarray:
    """Half as wide where that loses nothing, as with a network's outputs; rounding would tie what is ranked apart."""
    narrow = np.ascontiguousarray(array.astype(np.int32 if array.dtype.kind == "i" else np.float32))
    return narrow if np.array_equal(narrow, array, equal_nan=array.dtype.kind == "f") else np.ascontiguousarray(array)


def _widen(array: np.ndarray) -> np.ndarray:
    return array.astype(np.int64 if array.dtype.kind == "i" else np.float64)


def _fit(task: FittedTask, arrays: dict[str, np.ndarray]) -> bool:
    """Whether the arrays are those of predictions of the task: their shapes, and class indices that it knows."""
    rows = arrays["truth"].shape[:1] if "truth" in arrays else ()
    answers = rows if isinstance(task, Classification) else (*rows, task.n_outputs)
    expected = {"truth": answers, "values": answers, "scores": (*rows, task.n_outputs)}
    if isinstance(task, Classification) and task.has_probabilities:
        expected["probabilities"] = (*rows, len(task.classes))
    if {name: array.shape for name, array in arrays.items()} != expected:
        return False
    return not isinstance(task, Classification) or all(_are_indices(arrays[n], task) for n in ("truth", "values"))


def _are_indices(array: np.ndarray, task: Classification) -> bool:
    return array.dtype.kind == "i" and bool(((array >= 0) & (array < len(task.classes))).all())
