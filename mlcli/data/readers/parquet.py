"""Apache Parquet files."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from mlcli.config.sections.dataset import ParquetConfig
from mlcli.data.readers.source import CELL, KEPT, TEXT, FileSource, MemoryNeed
from mlcli.data.tables.frames import height_of, portions
from mlcli.data.tables.rows import Origin, Rows, check_header
from mlcli.data.tables.staged import RowPortions
from mlcli.errors import DataError, ResourceError

# A file of a few kilobytes can claim billions of equal cells.
_CELLS_ALWAYS = 1 << 25
_CELLS_A_BYTE = 100


class ParquetSource(FileSource[ParquetConfig]):
    """Apache Parquet."""

    def read_file(self, path: Path) -> Rows:
        return read_parquet(path)

    def portion_file(self, path: Path) -> RowPortions:
        return portion_parquet(path)

    def memory_needs(self) -> Iterator[MemoryNeed]:
        return map(table_need, self.regular_files())


def read_parquet(path: Path | bytes, label: str | None = None) -> Rows:
    """All columns with the types of the file; raises DataError where it is no Parquet file or has no rows."""
    label = label or str(path)
    if isinstance(path, Path) and path.is_dir():
        raise DataError(f"{label}: a folder; name the file in it")
    with _parquet_errors(label):
        _refuse_bomb(path, label)
        frame = pl.read_parquet(path, glob=False, hive_partitioning=False)
    _check_table(frame.columns, frame.height, label)
    return Rows.read(frame, Origin(label))


def portion_parquet(path: Path) -> RowPortions:
    """The same, some rows at a time."""
    label = str(path)
    with _parquet_errors(label):
        _refuse_bomb(path, label)
        file = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        n_rows = height_of(file)
    _check_table(file.collect_schema().names(), n_rows, label)

    def frames() -> Iterator[pl.DataFrame]:
        with _parquet_errors(label):
            yield from (frame for _, frame in portions(file))

    return RowPortions(frames, Origin(label), file=file)


@contextmanager
def _parquet_errors(label: str) -> Iterator[None]:
    """Raise what Polars says of a file as a DataError or a ResourceError."""
    try:
        with contained_panics():
            yield
    except FileNotFoundError as error:
        raise DataError(f"{label}: no such file") from error
    except OSError as error:
        raise ResourceError(f"{label}: cannot be read: {error.strerror or error}") from error
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise DataError(f"{label}: not a readable Parquet file ({str(error).splitlines()[0]})") from error


def _check_table(names: Sequence[str], n_rows: int, label: str) -> None:
    check_header(names, label)
    if n_rows == 0:
        raise DataError(f"{label}: the table has no rows")


def _refuse_bomb(path: Path | bytes, label: str) -> None:
    size, source = (len(path), io.BytesIO(path)) if isinstance(path, bytes) else (path.stat().st_size, path)
    lazy = pl.scan_parquet(source, glob=False, hive_partitioning=False)
    cells = lazy.select(pl.len()).collect().item() * len(lazy.collect_schema())
    if cells > max(_CELLS_ALWAYS, _CELLS_A_BYTE * size):
        raise DataError(
            f"{label}: {size:,} bytes claim {cells:,} cells, as no valid data does; if you trust it, write it as CSV"
        )


def table_need(path: Path) -> MemoryNeed:
    """By the cells and bytes of a file."""
    n_cells = _count_cells(path)
    size = CELL * n_cells + TEXT * path.stat().st_size
    return MemoryNeed(str(path), size, f"{n_cells:,} cells", KEPT * n_cells)


def _count_cells(path: Path) -> int:
    """Cells by the file's metadata; 0 where it cannot be read, which its reader reports."""
    try:
        with contained_panics():
            n_columns = len(pl.read_parquet_schema(path))
            return n_columns * int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, ValueError, OSError):
        return 0


@contextmanager
def contained_panics() -> Iterator[None]:
    """Raise a panic of Polars as a ValueError, without the traceback that Rust prints to stderr."""
    sys.stderr.flush()
    screen = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    except pl.exceptions.PanicException as error:
        raise ValueError(str(error)) from error
    finally:
        os.dup2(screen, 2)
        os.close(nowhere)
        os.close(screen)
