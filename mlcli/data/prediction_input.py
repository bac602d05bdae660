"""Rows to predict, read as the training rows were and checked against the model's columns.

The readers of other files than delimited text are imported where they are used: a row is predicted in a third of a
second, of which imports are most.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, get_args

import polars as pl

from mlcli.config.sections.dataset import CsvConfig, DatasetConfig, ExcelConfig, NpzConfig
from mlcli.data.readers import compression
from mlcli.data.readers.csv import dialect_of, portion_delimited, read_delimited
from mlcli.data.readers.csv_dialect import Dialect, EdgeError
from mlcli.data.readers.csv_header import first_records
from mlcli.data.readers.source import SUFFIXES, Format, text_need
from mlcli.data.readers.text_file import TextFile, open_text, read_text
from mlcli.data.selection import cells_config, select_cells
from mlcli.data.tables.rows import Origin, Rows
from mlcli.data.tables.staged import RowPortions
from mlcli.data.tables.types import Kind, Schema, Table
from mlcli.errors import DataError, UsageError
from mlcli.io.memory import require_memory
from mlcli.io.paths import find_path
from mlcli.io.text import nearest, some_of, suggestion

_FORMATS = get_args(Format)
_LISTED, MOST_NAMED = 5, 12
Read = TypeVar("Read", bound=Rows | RowPortions)
# Measured: what predicting takes, as a share of what preparing such a file takes.
SHARE = 0.3


@dataclass(frozen=True)
class ParsedInput:
    """Rows to predict.

    table   : the columns of the schema, without targets
    extra   : the other columns as read (ids, a target), row by row beside table
    invalid : cells of boolean columns that are neither true nor false and were made missing, by column
    words   : the schema's boolean and date columns as they were written
    notes   : on lines that were not read, and what is doubtful
    """

    table: Table
    extra: pl.DataFrame
    invalid: Mapping[str, int]
    words: pl.DataFrame
    notes: tuple[str, ...] = ()


def parse_input(
    source: str, schema: Schema, dataset: DatasetConfig, format: str | None = None, content: bytes | None = None
) -> ParsedInput:
    """Rows of a file, or of stdin ("-"), in this format or else that of the file's suffix (stdin: CSV).

    content : the bytes, where they are in no file; source then names them in messages

    Delimiter, encoding, decimal mark, missing values and replacements are those of the training
    dataset. Raises DataError for absent columns and for text in number columns.
    """
    if schema.image_shape:
        shape = " × ".join(map(str, schema.image_shape))
        raise DataError(f"{source}: the model takes images of {shape} pixels, not table rows")
    with _read_as_in_training():
        label, piped = _open(source, content)
        known = _format(source, format)
        if piped is None:
            _require_memory(find_path(label), dataset, known)
        return _select(_read(label, piped, schema, dataset, known), schema, dataset)


def parse_portions(
    source: str, schema: Schema, dataset: DatasetConfig, format: str | None = None
) -> Iterator[ParsedInput]:
    """The same, some rows at a time; sheets and NumPy archives are one portion."""
    with _read_as_in_training():
        label, piped = _open(source, None)
        for rows in _portions(label, piped, schema, dataset, _format(source, format)):
            yield _select(rows, schema, dataset)


def _open(source: str, content: bytes | None) -> tuple[str, bytes | None]:
    """How messages name the source, and its bytes where it is no file."""
    return ("stdin", sys.stdin.buffer.read()) if source == "-" and content is None else (source, content)


def _plain_numbers(schema: Schema, dataset: DatasetConfig) -> list[str]:
    """Number columns whose cells may be parsed without being text first: no marker of missing cells is a number."""
    config = cells_config(dataset)
    if config.needs_text:
        return []
    return [
        column.name for column in schema.columns if column.kind == "number" and column.name not in config.as_written
    ]


def parse_rows(raw: Rows, schema: Schema, dataset: DatasetConfig) -> ParsedInput:
    """Rows in memory, such as a data frame's, read as those of a file; raises DataError."""
    with _read_as_in_training():
        return _select(raw, schema, dataset)


@contextlib.contextmanager
def _read_as_in_training() -> Iterator[None]:
    """Say of errors that name keys of the dataset section whose section it is."""
    try:
        yield
    except DataError as error:
        if "dataset." not in str(error):
            raise
        raise DataError(f"{error}. New rows are read by the model's configuration: write them as those were") from error


def _select(raw: Rows, schema: Schema, dataset: DatasetConfig) -> ParsedInput:
    wanted: dict[str, Kind] = {column.name: column.kind for column in schema.columns}
    _require(raw, schema)
    config = replace(cells_config(dataset), keep={})
    cells = select_cells(raw, list(wanted), config, wanted, "as it was when the model was trained", fitted=True)
    table = Table(cells.rows.frame, schema.columns, ())
    extra = raw.frame.select(name for name in raw.frame.columns if name not in wanted)
    words = raw.frame.select(name for name, kind in wanted.items() if kind in ("boolean", "date"))
    return ParsedInput(table, extra, cells.invalid, words, raw.notes)


def _format(source: str, asked: str | None) -> Format:
    suffixes = [suffix.lower() for suffix in Path(source).suffixes]
    while suffixes and suffixes[-1] in compression.SUFFIXES:
        suffixes.pop()
    known: str | None = asked or ("csv" if source == "-" else SUFFIXES.get("".join(suffixes[-1:])))
    match known:
        case "csv" | "parquet" | "jsonl" | "npz" | "excel":
            return known
        case None:
            raise UsageError(f"{source}: unknown format; set --input-format to one of {', '.join(_FORMATS)}")
        case _:
            raise UsageError(f"format {known!r} is unknown; {suggestion(known, _FORMATS)}")


def _portions(
    label: str, piped: bytes | None, schema: Schema, dataset: DatasetConfig, format: Format
) -> Iterable[Rows]:
    """`_read` some rows at a time."""
    path = find_path(label) if piped is None else Path()
    match format:
        case "csv":
            text = _open_text(path, piped, label, dataset)
            return _read_delimited(text, schema, dataset, portion_delimited)
        case "jsonl":
            from mlcli.data.readers.jsonl import portion_jsonl

            return portion_jsonl(open_text(path) if piped is None else read_text(piped, label))
        case "parquet" if piped is None and not path.is_dir():
            from mlcli.data.readers.parquet import portion_parquet

            return portion_parquet(path)
        case _:
            return [_read(label, piped, schema, dataset, format)]


def _read(label: str, piped: bytes | None, schema: Schema, dataset: DatasetConfig, format: Format) -> Rows:
    """All columns as they are in the file or the bytes."""
    path = find_path(label) if piped is None else Path()
    match format:
        case "csv":
            return _read_delimited(_open_text(path, piped, label, dataset), schema, dataset, read_delimited)
        case "jsonl":
            from mlcli.data.readers.jsonl import read_jsonl

            return read_jsonl(open_text(path) if piped is None else read_text(piped, label))
        case "parquet":
            from mlcli.data.readers.parquet import read_parquet

            return read_parquet(path if piped is None else piped, label)
        case "excel":
            from mlcli.data.readers.excel import read_sheet

            where = (dataset.sheet, dataset.header_row) if isinstance(dataset, ExcelConfig) else (None, None)
            return read_sheet(path if piped is None else piped, *where, label)
        case "npz":
            from mlcli.data.readers.npz import feature_frame, read_arrays

            name = dataset.x if isinstance(dataset, NpzConfig) else "x"
            (x,) = read_arrays(path if piped is None else piped, label, (name,))
            if x.ndim != 2:
                raise DataError(f"{label}: the feature array has shape {x.shape}; expected (n, d)")
            return Rows.read(feature_frame(x, label), Origin(label))


def _require_memory(path: Path, dataset: DatasetConfig, format: Format) -> None:
    """Raise ResourceError, before a file is read, where its rows need more memory than there is."""
    if not path.is_file():
        return
    match format:
        case "csv":
            need = text_need(path, (dialect_of(dataset).delimiter.encode(), b"\n"))
        case "jsonl":
            need = text_need(path, (b'":',))
        case "parquet":
            from mlcli.data.readers.parquet import table_need

            need = table_need(path)
        case _:
            return
    remedy = "predict the file in parts, or use a machine with more memory"
    require_memory(int(need.size * SHARE), f"{need.label}: predicting {need.basis}", remedy)


def _open_text(path: Path, piped: bytes | None, label: str, dataset: DatasetConfig) -> TextFile:
    """In the encoding of the training file; in UTF-8 where that one is refused."""
    encoding = dataset.encoding if isinstance(dataset, CsvConfig) else "utf-8"

    def read(encoding: str) -> TextFile:
        return open_text(path, encoding) if piped is None else read_text(piped, label, encoding)

    try:
        return read(encoding)
    except DataError as error:
        with contextlib.suppress(DataError):
            note = f"{label} is UTF-8, unlike the training file, whose encoding is {encoding}; it is read as UTF-8"
            return replace(read("utf-8"), notes=(note,))
        raise error from None


def _read_delimited(
    text: TextFile, schema: Schema, dataset: DatasetConfig, read: Callable[[TextFile, Dialect, Sequence[str]], Read]
) -> Read:
    """Rows laid out as the training rows, or plainly: what those had above and below is left out where it is seen.

    Raises DataError for other lines that are no rows, and for a file without header unless the training rows had none.
    """
    trained, notes, needed = dialect_of(dataset), list[str](), [column.name for column in schema.columns]
    numbers = _plain_numbers(schema, dataset)
    dialect = replace(trained, skip_footer=0 if trained.skip_footer == 0 else None)
    first = next(iter(first_records(text, trained.delimiter)), (1, []))[1]
    if set(needed) <= set(first):
        dialect = replace(dialect, skip_rows=0, header=None if trained.skip_rows else True, columns=())
    elif trained.header is False:
        dialect = replace(dialect, columns=_names_by_position(dataset, needed, len(first)))
        notes.append("the file has no header; its columns are named by position, as in training")
    while True:
        try:
            rows = read(text, dialect, numbers)
            return replace(rows, notes=(*rows.notes, *notes))
        except EdgeError as error:
            if error.dialect.header is False:
                raise DataError(f"{error.found}; write the names as the first line: {', '.join(needed)}") from error
            known = trained.skip_footer if error.dialect.skip_footer != dialect.skip_footer else trained.skip_rows
            if not known:
                raise DataError(f"{error.found}; delete it") from error
            dialect = error.dialect
            notes.append(f"{error.found}; it is not read, as in training")


def _names_by_position(dataset: DatasetConfig, needed: Sequence[str], width: int) -> tuple[str, ...]:
    """Names of the columns of a file without header, which may lack the targets; empty where x1, x2, … name them."""
    columns, targets = dialect_of(dataset).columns, dataset.target_names
    if columns:
        without = tuple(name for name in columns if name not in targets)
        return without if width == len(without) else columns
    others = (*getattr(dataset, "drop", ()), *filter(None, (dataset.split.column, dataset.weight_name)))
    last = max(int(name[1:]) for name in (*needed, *targets, *others))
    names = tuple(f"x{at}" for at in range(1, last + 1))
    at_end = set(names[last - len(targets) :]) == set(targets)
    if width < last and not at_end:
        raise DataError(
            f"{width} cells without a header, but {last} columns in training, of which the target is not the last; "
            "leave an empty cell for it, or write the names as the first line"
        )
    return names[: last - len(targets)] if width == last - len(targets) else ()


def _require(raw: Rows, schema: Schema) -> None:
    needed, given = (dict.fromkeys(names) for names in ((one.name for one in schema.columns), raw.frame.columns))
    if missing := [name for name in needed if name not in given]:
        spare = [name for name in given if name not in needed]
        near = {name: nearest(name, spare) for name in missing[:_LISTED]}
        parts = [f"{name!r} (did you mean {near[name]!r}?)" if near.get(name) else f"{name!r}" for name in missing]
        raise DataError(
            f"{raw.origin.label}: {len(missing)} of the {len(needed)} columns the model needs are missing: "
            f"{some_of(parts, _LISTED)}, among {some_of(list(given), MOST_NAMED)}; add or rename them, or use another "
            "model"
        )
