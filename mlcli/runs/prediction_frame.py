"""Predictions, their intervals and sets as a table in a file."""

from __future__ import annotations

import io
import itertools
import math
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import polars as pl
import polars.selectors as cs

from mlcli.data.tables.spill import Spill
from mlcli.errors import UsageError
from mlcli.io import disk
from mlcli.io.atomic import claimed, write_parts
from mlcli.io.text import printable
from mlcli.metrics.conformal import ValidationScores, predict_intervals, predict_sets
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask, Regression

Format = Literal["csv", "parquet", "jsonl"]
FORMATS: tuple[str, ...] = get_args(Format)
SUFFIXES: dict[str, Format] = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
# Significant digits of a float32.
DIGITS = 9
# Between the classes of a set in CSV, which has no lists.
SEPARATOR = "|"
_PART = 1 << 20
# 10ⁿ by which a number n digits of which are kept behind the point is multiplied; infinite beyond float64.
_LEAST, _MOST = -300, 331
_POWERS = np.array([float(f"1e{n}") for n in range(_LEAST, _MOST + 1)])


def prediction_frame(task: FittedTask, predictions: Predictions) -> pl.DataFrame:
    """One row a prediction, with the digits that a network in float32 has.

    Classes: `prediction` and, where the model has them, `probability_<class>`. Numbers: `prediction`, or
    `prediction_<target>` for several targets, in the target's units.
    """
    if isinstance(task, Classification):
        names = pl.Series("prediction", list(task.classes), dtype=pl.String)
        columns = [names[predictions.values]]
        if predictions.probabilities is not None:
            shares = zip(task.classes, round_digits(predictions.probabilities).T, strict=True)
            columns += [pl.Series(f"probability_{name}", own) for name, own in shares]
        return pl.DataFrame(columns)
    return _number_frame(task, {"": predictions.values})


def interval_frame(task: FittedTask, kept: ValidationScores, predictions: Predictions, level: float) -> pl.DataFrame:
    """One row an interval, `prediction_low` and `prediction_high`, or a set of classes, `prediction_set`.

    Raises UsageError where the validation rows are too few for the level.
    """
    if isinstance(task, Regression):
        low, high = predict_intervals(task, kept, predictions, level)
        return _number_frame(task, {"_low": low, "_high": high})
    rows, classes = np.nonzero(predict_sets(task, kept, predictions, level))
    names = pl.Series("prediction_set", list(task.classes), dtype=pl.String).gather(classes)
    sets = pl.DataFrame([pl.Series("row", rows), names])
    return sets.group_by("row", maintain_order=True).agg("prediction_set").select("prediction_set")


def require_separable(task: Classification) -> None:
    """Raise UsageError where a class has the character between the classes of a set in CSV."""
    if any(SEPARATOR in name for name in task.classes):
        raise UsageError(
            f"--interval: a class has '{SEPARATOR}' in its name, which separates classes in CSV; write .jsonl"
        )


def _number_frame(task: Regression, values: Mapping[str, np.ndarray]) -> pl.DataFrame:
    """A column for each target and array, (n, n_targets), which are named by their suffixes."""
    names = [f"prediction_{name}" for name in task.targets] if len(task.targets) > 1 else ["prediction"]
    return pl.DataFrame(
        [
            pl.Series(f"{name}{suffix}", _shorten(task, column[:, k], task.std[k]))
            for k, name in enumerate(names)
            for suffix, column in values.items()
        ]
    )


def _shorten(task: Regression, values: np.ndarray, std: float) -> np.ndarray:
    """Numbers (n,) without the digits beyond float32's: of a count relative to itself, else to the deviation."""
    if task.transforms:
        return values
    if task.output == "exp":
        return round_digits(values)
    decimals = min(8 - math.floor(math.log10(std)), 300)
    with np.errstate(over="ignore", invalid="ignore"):
        exact = np.abs(values) * 10.0**decimals < 2.0**52
        return np.where(exact, values.round(decimals), values)


def round_digits(values: np.ndarray) -> np.ndarray:
    """Numbers, float64, with DIGITS significant digits, halves away from zero.

    Not by Polars, whose expressions are evaluated by other threads: a row that is predicted alone would wait for one.
    """
    with np.errstate(all="ignore"):
        places = DIGITS - 1 - np.floor(np.log10(np.abs(values)))
        powers = _POWERS[np.fmin(np.fmax(places, _LEAST), _MOST).astype(np.intp) - _LEAST]
        scaled = values * powers
        rounded = np.trunc(scaled + np.copysign(0.5, scaled)) / powers
    return np.where(np.isfinite(rounded), rounded, values)


def choose_format(path: Path | None, asked: str | None) -> Format:
    """The format asked for, else that of the suffix, else CSV on stdout. Raises UsageError."""
    if asked is not None:
        if asked not in FORMATS:
            raise UsageError(f"--format: must be one of {', '.join(FORMATS)}; got '{asked}'")
        return next(known for known in get_args(Format) if known == asked)
    if path is None or str(path) == "-":
        return "csv"
    if (known := SUFFIXES.get(path.suffix.lower())) is None:
        raise UsageError(f"{path}: unknown suffix; use {', '.join(SUFFIXES)}, or name it with --format")
    return known


def write_predictions(frames: Iterable[pl.DataFrame], path: Path | None, file_format: Format) -> None:
    """Write rows, one frame after another, to a file, whole or not at all; or to stdout as they come.

    On a terminal without control characters.
    """
    rows = iter(frames)
    first = next(rows)  # before anything is written
    rows = itertools.chain([first], rows)
    parts = _parquet(rows, path) if file_format == "parquet" else _texts(rows, file_format)
    if path is not None:
        write_parts(path, parts)
        return
    for content in parts:
        if sys.stdout.isatty():
            content = memoryview(printable(bytes(content).decode(errors="replace"), keep="\n\t").encode())
        sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


# Polars never sees the file: its messages about a full disk or a closed pipe are vague.
def _texts(frames: Iterable[pl.DataFrame], file_format: Format) -> Iterator[memoryview]:
    """The bytes of CSV, with a header, or of JSON lines."""
    for number, frame in enumerate(frames):
        buffer = io.BytesIO()
        if file_format == "csv":
            frame.with_columns(cs.list().list.join(SEPARATOR)).write_csv(buffer, include_header=number == 0)
        else:
            frame.write_ndjson(buffer)
        yield buffer.getbuffer()


def _parquet(frames: Iterator[pl.DataFrame], path: Path | None) -> Iterator[memoryview]:
    """The bytes of Parquet, which begin when all rows are known; several frames wait in a folder beside the file."""
    first, second = next(frames), next(frames, None)
    if second is None:
        buffer = io.BytesIO()
        first.write_parquet(buffer)
        yield buffer.getbuffer()
        return
    beside = Path(tempfile.gettempdir()) / "mlcli" if path is None else path
    with claimed(beside.with_name(f"{beside.name}-rows"), disk.mkdir) as folder:
        rows = Spill(folder, str(beside)).stage(itertools.chain([first, second], frames))
        disk.fill_new(whole := folder / "rows.parquet", rows.sink_parquet)
        with whole.open("rb") as file:
            while part := file.read(_PART):
                yield memoryview(part)
