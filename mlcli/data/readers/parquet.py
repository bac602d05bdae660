"""Apache Parquet files."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from mlcli.data.tables.rows import Rows, Source, check_header
from mlcli.errors import DataError, ResourceError


@contextmanager
def contained_panics() -> Iterator[None]:
    """Raise what Python sees of a panic as a ValueError; the traceback that Rust prints reaches no screen."""
    import polars as pl

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


# A file of a few kilobytes can promise billions of equal cells.
_CELLS_ALWAYS = 1 << 25
_CELLS_A_BYTE = 100


def read_parquet(path: Path | bytes, label: str | None = None) -> Rows:
    """All columns with the types of the file; raises DataError where it is no Parquet file or has no rows."""
    label = label or str(path)
    if isinstance(path, Path) and path.is_dir():
        raise DataError(f"{label}: a folder; name the file in it")
    try:
        with contained_panics():
            _refuse_bomb(path, label)
            frame = pl.read_parquet(path, glob=False, hive_partitioning=False)
    except FileNotFoundError as error:
        raise DataError(f"{label}: no such file") from error
    except OSError as error:
        raise ResourceError(f"{label}: cannot be read: {error.strerror or error}") from error
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise DataError(f"{label}: not a readable Parquet file ({str(error).splitlines()[0]})") from error
    check_header(frame.columns, label)
    if frame.height == 0:
        raise DataError(f"{label}: the table has no rows")
    return Rows.read(frame, Source(label))


def _refuse_bomb(path: Path | bytes, label: str) -> None:
    size, source = (len(path), io.BytesIO(path)) if isinstance(path, bytes) else (path.stat().st_size, path)
    promised = pl.scan_parquet(source, glob=False, hive_partitioning=False)
    cells = promised.select(pl.len()).collect().item() * len(promised.collect_schema())
    if cells > max(_CELLS_ALWAYS, _CELLS_A_BYTE * size):
        raise DataError(
            f"{label}: {size:,} bytes promise {cells:,} cells, as no sound data does; if you trust it, write it as CSV"
        )
