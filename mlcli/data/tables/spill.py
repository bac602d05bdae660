"""Columns of a table that memory does not hold: read one at a time, and kept in files from which they are mapped."""

from __future__ import annotations

import io
import itertools
import math
import mmap
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from mlcli.data.tables.frames import GROUP_CELLS, column_of, portion_of
from mlcli.io import disk
from mlcli.io.memory import require_memory

# Measured: what reading, typing and dropping rows of one column takes a row, of text of a dozen letters and of numbers;
# and by how many of its first cells a column is taken for numbers.
TEXT_ROW, NUMBER_ROW, _LOOKED_AT = 80, 40, 1_000
# Bytes of images that are taken at a time.
_PIXELS = 16 << 20
_MAPPED = (pl.Float64, pl.Datetime("us"))


class Spill:
    """Files of columns in a folder, which is deleted after them.

    Numbers and dates of which none is missing are mapped; other columns stay in memory: text takes 16 bytes a row and
    the letters beyond twelve, numbers of which some are missing 8.

    label : of the table, for messages
    """

    def __init__(self, folder: Path, label: str) -> None:
        self._folder = folder
        self._label = label
        self._numbers = itertools.count(1)

    def stage(self, portions: Iterable[pl.DataFrame]) -> pl.LazyFrame:
        """The rows of all portions, in files of which columns can be read one by one; types as all of them need."""
        paths = []
        for rows in portions:
            paths.append(path := self._new("arrow"))
            disk.fill_new(path, partial(rows.write_ipc, compression="lz4"))
        return pl.concat([pl.scan_ipc(path, glob=False) for path in paths], how="vertical_relaxed")

    def keep(self, column: pl.Series) -> pl.Series:
        """The same column, mapped from a file where it can be."""
        if column.dtype not in _MAPPED or column.null_count() or not len(column):
            return column
        path = self._new("npy")
        save_array(path, column.rechunk().to_physical().to_numpy())
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        return pl.Series(column.name, mapped).cast(column.dtype)

    def keep_pixels(self, parts: Iterable[np.ndarray]) -> np.ndarray:
        """Images of all parts, uint8 (n, …), mapped from a file."""
        path = self._new("pixels")
        disk.touch(path)
        shape: tuple[int, ...] = (0,)
        with disk.open_end(path) as file:
            for part in parts:
                disk.write(file, np.ascontiguousarray(part).reshape(-1).data)
                shape = (shape[0] + len(part), *part.shape[1:])
        if not math.prod(shape):
            return np.zeros(shape, np.uint8)
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return np.frombuffer(content, dtype=np.uint8).reshape(shape)

    def pixels_at(self, pixels: np.ndarray, places: np.ndarray) -> np.ndarray:
        """The images at these places, in this order."""
        step = max(1, _PIXELS // math.prod(pixels.shape[1:]))
        starts = range(0, max(1, len(places)), step)  # once at least, for the shape
        return self.keep_pixels(pixels[places[start : start + step]] for start in starts)

    def where(self, frame: pl.DataFrame, mask: pl.Series) -> pl.DataFrame:
        """The rows where mask is true."""
        return self._by_column(column.filter(mask) for column in frame)

    def at(self, frame: pl.DataFrame, places: np.ndarray) -> pl.DataFrame:
        """The rows at these places, in this order."""
        return self._by_column(column.gather(places) for column in frame)

    def require_memory(self, frame: pl.LazyFrame, name: str, n_rows: int) -> None:
        """Raise ResourceError where memory does not hold what reading one more column of n_rows takes."""
        first = column_of(frame.head(_LOOKED_AT), name)
        is_number = first.cast(pl.Float64, strict=False).null_count() == first.null_count()
        what = f"{self._label}: reading {name!r}, a column of {n_rows:,} rows,"
        remedy = "drop columns of text that are not needed (dataset.drop), or use a machine with more memory"
        require_memory((NUMBER_ROW if is_number else TEXT_ROW) * n_rows, what, remedy)

    def _by_column(self, columns: Iterator[pl.Series]) -> pl.DataFrame:
        return pl.DataFrame([self.keep(column) for column in columns])

    def _new(self, ending: str) -> Path:
        return self._folder / f"{next(self._numbers)}.{ending}"


def save_array(path: Path, array: np.ndarray) -> None:
    """Like np.save, whose errors do not say that the disk is full."""
    contiguous = np.ascontiguousarray(array)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(contiguous))
    disk.write_new(path, header.getbuffer(), contiguous.reshape(-1).view(np.uint8).data)


def write_parquet(path: Path, frame: pl.DataFrame) -> None:
    """A new file of the rows, in groups of GROUP_CELLS cells; raises OSError as `disk.write_new` does.

    Numbers shrink by a third at most, which would take longer than all else of preparing them.
    """
    size, has_text = portion_of(frame.width, GROUP_CELLS), pl.String in frame.schema.values()
    compression: Literal["lz4", "uncompressed"] = "lz4" if has_text else "uncompressed"
    disk.fill_new(path, lambda file: frame.write_parquet(file, compression=compression, row_group_size=size))
