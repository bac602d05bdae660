"""The memory that reading a data set will take, estimated from sizes and headers alone."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from mlcli.config.sections.dataset import (
    CsvConfig,
    DatasetConfig,
    IdxConfig,
    ImagesConfig,
    JsonlConfig,
    NpzConfig,
    ParquetConfig,
    PlaygroundConfig,
    Stl10Config,
)
from mlcli.data.readers.images import list_image_folders
from mlcli.data.readers.parquet import contained_panics
from mlcli.data.readers.text_file import GZIP, start_of
from mlcli.data.sources import source_files
from mlcli.io.disk import resource_errors
from mlcli.io.memory import require_memory

# Measured: what step 1 came to at its peak, over its cells, bytes of text or pixels.
CELL = 40
TEXT = 4
PIXEL = 3

_SAMPLE = 1 << 16
_SMALLEST_GZIP = 18
_REMEDY = "use fewer rows or columns, or a machine with more memory"


def require_reading_memory(config: DatasetConfig) -> None:
    """Raise ResourceError, before anything is read, where a dataset needs more memory than there is."""
    for label, size, basis in _needs(config):
        require_memory(size, f"{label}: reading {basis}", _REMEDY)


def _needs(config: DatasetConfig) -> Iterator[tuple[str, int, str]]:
    """(what is read, bytes of memory, how they were estimated); nothing for sources that tell nothing beforehand."""
    match config:
        case CsvConfig():
            marks = (config.delimiter.encode(), b"\n")
            yield from (_text_need(path, marks) for path in _regular(config))
        case JsonlConfig():
            yield from (_text_need(path, (b'":',)) for path in _regular(config))
        case ParquetConfig():
            yield from (_cells_need(path, _parquet_cells(path)) for path in _regular(config))
        case NpzConfig():
            yield from (_npz_need(path, config) for path in _regular(config))
        case IdxConfig():
            yield from (_pixels_need(str(path), _idx_bytes(path)) for path in _regular(config))
        case Stl10Config():
            yield from (_pixels_need(str(path), path.stat().st_size) for path in _regular(config))
        case ImagesConfig():
            size = math.prod(config.size) * (3 if config.color == "rgb" else 1)
            for files in list_image_folders(config):
                yield _pixels_need(str(files.folder), size * len(files.paths))
        case PlaygroundConfig():
            yield config.name, 3 * CELL * (config.rows or 0), f"{config.rows:,} points" if config.rows else "points"


def _regular(config: DatasetConfig) -> Iterable[Path]:
    return (path for path in source_files(config) or () if path.is_file())


def _text_need(path: Path, marks: tuple[bytes, ...]) -> tuple[str, int, str]:
    """By the cells that the start of the file has for its length; marks: what ends a cell."""
    sample, size = _start(path), _unpacked_size(path)
    share = sum(map(sample.count, marks)) / max(1, len(sample))
    n_cells = int(size * share)
    return str(path), CELL * n_cells + TEXT * size, f"{size:,} bytes of about {n_cells:,} cells"


def _cells_need(path: Path, n_cells: int) -> tuple[str, int, str]:
    return str(path), CELL * n_cells + TEXT * path.stat().st_size, f"{n_cells:,} cells"


def _pixels_need(label: str, size: int) -> tuple[str, int, str]:
    return label, PIXEL * size, f"{size:,} bytes of pixels"


def _start(path: Path) -> bytes:
    with resource_errors(path), path.open("rb") as file:
        start = file.read(_SAMPLE)
    return start_of(start, _SAMPLE) if start.startswith(GZIP) else start


def _unpacked_size(path: Path) -> int:
    """Of a gzip file, what its last four bytes say, which is modulo 4 GiB."""
    size = path.stat().st_size
    with resource_errors(path), path.open("rb") as file:
        if file.read(2) != GZIP or size < _SMALLEST_GZIP:
            return size
        file.seek(-4, 2)
        return max(size, int.from_bytes(file.read(4), "little"))


def _parquet_cells(path: Path) -> int:
    """Cells by the file's metadata; 0 where it cannot be read, which its reader will explain."""
    import polars as pl

    try:
        with contained_panics():
            n_columns = len(pl.read_parquet_schema(path))
            return n_columns * int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, ValueError, OSError):
        return 0


def _npz_need(path: Path, config: NpzConfig) -> tuple[str, int, str]:
    """By the headers of its arrays; tables become columns of 64-bit numbers, pictures stay bytes."""
    shapes = _npz_shapes(path, {f"{config.x}.npy", f"{config.y}.npy"})
    n_values = sum(map(math.prod, shapes))
    is_table = max(map(len, shapes), default=0) <= 2
    return str(path), n_values * (CELL if is_table else PIXEL), f"{n_values:,} values"


def _npz_shapes(path: Path, names: set[str]) -> list[tuple[int, ...]]:
    """Shapes that fit their array's size; none where the archive is damaged, which its reader will explain."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = {name: _npy_shape(archive, name) for name in names & {*archive.namelist()}}
            return [shape for name, shape in found.items() if math.prod(shape) <= archive.getinfo(name).file_size]
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return []


def _npy_shape(archive: zipfile.ZipFile, name: str) -> tuple[int, ...]:
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        return tuple(read(file)[0])


def _idx_bytes(path: Path) -> int:
    """What its header promises; 0 where the file does not hold that, which its reader will explain."""
    start = _start(path)
    n_dimensions = start[3] if start.startswith(b"\0\0\x08") and len(start) > 3 else 0
    sizes = (int.from_bytes(start[at : at + 4], "big") for at in range(4, 4 + 4 * n_dimensions, 4))
    promised = math.prod(sizes)
    return promised if n_dimensions and promised <= _unpacked_size(path) else 0
