"""Predictions as a table, and its file: CSV, Parquet or JSON lines."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from mlcli.errors import UsageError
from mlcli.io.atomic import write_file
from mlcli.io.text import printable
from mlcli.models.task import Classification, FittedTask, Predictions

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
        raise UsageError(f"{path}: the suffix names no format; use {', '.join(SUFFIXES)}, or name it with --format")
    return known


def write_predictions(frame: pl.DataFrame, path: Path | None, file_format: Format) -> None:
    """Write to a file, whole or not at all, or to stdout."""
    content = _render(frame, file_format)
    if path is None:
        _print(content)
    else:
        write_file(path, content)


def _print(content: memoryview) -> None:
    """The bytes as they are to stdout; on a terminal without control characters."""
    if sys.stdout.isatty():
        content = memoryview(printable(bytes(content).decode(errors="replace"), keep="\n\t").encode())
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _render(frame: pl.DataFrame, file_format: Format) -> memoryview:
    """The file's bytes. Polars never sees the file: its messages about a full disk or a closed pipe are vague."""
    buffer = io.BytesIO()
    match file_format:
        case "csv":
            frame.write_csv(buffer)
        case "jsonl":
            frame.write_ndjson(buffer)
        case "parquet":
            frame.write_parquet(buffer)
    return buffer.getbuffer()
