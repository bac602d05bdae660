"""Rows to predict: read as the training rows were, and held to the columns and kinds of the model."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from mlcli.config.dataset import CsvConfig, DatasetConfig, MissingConfig, NpzConfig, TableConfig
from mlcli.data.csv_text import read_delimited
from mlcli.data.jsonl import read_jsonl
from mlcli.data.names import suggestion
from mlcli.data.npz import feature_frame, read_arrays
from mlcli.data.parquet import read_parquet
from mlcli.data.paths import find_path
from mlcli.data.rows import Rows, Source
from mlcli.data.selection import CellsConfig, select_cells
from mlcli.data.textfile import open_text, read_text
from mlcli.data.types import Kind, Schema, Table
from mlcli.errors import DataError, UsageError

Format = Literal["csv", "parquet", "jsonl", "npz"]

SUFFIXES: Mapping[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".data": "csv",
    ".test": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".npz": "npz",
}
_FORMATS = ("csv", "parquet", "jsonl", "npz")


@dataclass(frozen=True)
class Incoming:
    """Rows to predict.

    table : the columns of the schema, without targets
    extra : the other columns as read (ids, a target), row by row beside table
    odd   : cells taken as missing that are neither true nor false in a column of these
    words : the schema's columns of true and false and of dates as they were written
    """

    table: Table
    extra: pl.DataFrame
    odd: Mapping[str, int]
    words: pl.DataFrame


def read_incoming(source: str, schema: Schema, dataset: DatasetConfig, format: str | None = None) -> Incoming:
    """Rows of a file, or of stdin ("-"), in the format told, or else that of the file's suffix (stdin: CSV).

    Delimiter, encoding, decimal mark, missing values and replacements are those of the training
    dataset. Raises DataError for absent columns and for text in number columns.
    """
    if schema.image_shape:
        shape = " × ".join(map(str, schema.image_shape))
        raise DataError(f"{source}: the model takes pictures of {shape} pixels, not table rows")
    wanted: dict[str, Kind] = {column.name: column.kind for column in schema.columns}
    config = _cells_config(dataset)
    raw = _read(source, dataset, _format(source, format), _plain_numbers(wanted, config))
    _require(raw, schema)
    cells = select_cells(raw, list(wanted), config, wanted, "as it was when the model was trained", fitted=True)
    table = Table(cells.rows.frame, schema.columns, ())
    extra = raw.frame.select(name for name in raw.frame.columns if name not in wanted)
    words = raw.frame.select(name for name, kind in wanted.items() if kind in ("boolean", "date"))
    return Incoming(table, extra, cells.odd, words)


def _format(source: str, asked: str | None) -> Format:
    name = source.removesuffix(".gz")
    known: str | None = asked or ("csv" if source == "-" else SUFFIXES.get(Path(name).suffix.lower()))
    match known:
        case "csv" | "parquet" | "jsonl" | "npz":
            return known
        case None:
            raise UsageError(
                f"{source}: cannot tell the format by the name; say it with --input-format: {', '.join(_FORMATS)}"
            )
        case _:
            raise UsageError(f"format {known!r} is unknown; {suggestion(known, _FORMATS)}")


def _plain_numbers(wanted: Mapping[str, Kind], config: CellsConfig) -> list[str]:
    """Number columns whose cells may be parsed without being text first."""
    if config.decimal != "." or any(map(_is_number, config.missing)):
        return []
    return [name for name, kind in wanted.items() if kind == "number" and name not in config.replace]


def _is_number(token: str) -> bool:
    """Whether a cell that means missing reads as a number, so that only its text tells."""
    try:
        return math.isfinite(float(token))
    except ValueError:
        return False


def _read(source: str, dataset: DatasetConfig, format: Format, numbers: Sequence[str]) -> Rows:
    """Every column, as it stands there; the columns `numbers` of delimited text as numbers where that is plain."""
    piped = sys.stdin.buffer.read() if source == "-" else None
    label = "stdin" if piped is not None else source
    path = find_path(source) if piped is None else Path()
    encoding, delimiter = (dataset.encoding, dataset.delimiter) if isinstance(dataset, CsvConfig) else ("utf-8", ",")
    match format:
        case "csv":
            text = open_text(path, encoding) if piped is None else read_text(piped, label, encoding)
            return read_delimited(text, delimiter, numbers)
        case "jsonl":
            return read_jsonl(open_text(path) if piped is None else read_text(piped, label))
        case "parquet":
            return read_parquet(path if piped is None else piped, label)
        case "npz":
            (x,) = read_arrays(path if piped is None else piped, label, (_array_name(dataset),))
            if x.ndim != 2:
                raise DataError(f"{label}: the feature array has shape {x.shape}; expected (n, d)")
            return Rows.read(feature_frame(x, label), Source(label))


def _array_name(dataset: DatasetConfig) -> str:
    return dataset.x if isinstance(dataset, NpzConfig) else "x"


def _require(raw: Rows, schema: Schema) -> None:
    missing = [column.name for column in schema.columns if column.name not in raw.frame.columns]
    if missing:
        spare = [name for name in raw.frame.columns if name not in {column.name for column in schema.columns}]
        parts = [f"{name!r} ({suggestion(name, spare)})" for name in missing[:5]]
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise DataError(
            f"{raw.source.label}: {len(missing)} of the {len(schema.columns)} columns the model needs are missing: "
            f"{', '.join(parts)}{more}; add or rename them"
        )


def _cells_config(dataset: DatasetConfig) -> CellsConfig:
    """As for training rows, but all rows are kept; datasets without cleaning options take the defaults."""
    decimal = dataset.decimal if isinstance(dataset, CsvConfig) else "."
    if isinstance(dataset, TableConfig):
        return CellsConfig(dataset.missing.values, dataset.replace, {}, decimal, dataset.dates)
    return CellsConfig(MissingConfig().values, {}, {}, decimal)
