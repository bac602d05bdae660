"""Predictions as a table, and its files."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import IO, Literal, get_args

import polars as pl

from mlcli.errors import UsageError
from mlcli.files import atomic_file, resource_errors
from mlcli.task import Classification, FittedTask, Predictions

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
    if path is None:
        _write(frame, sys.stdout.buffer, file_format)
        sys.stdout.buffer.flush()
        return
    with resource_errors(path), atomic_file(path) as file:
        _write(frame, file, file_format)


def _write(frame: pl.DataFrame, file: IO[bytes], file_format: Format) -> None:
    match file_format:
        case "csv":
            frame.write_csv(file)
        case "jsonl":
            frame.write_ndjson(file)
        case "parquet":
            buffer = io.BytesIO()
            frame.write_parquet(buffer)
            file.write(buffer.getbuffer())
