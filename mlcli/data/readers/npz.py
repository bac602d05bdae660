"""NumPy archives of plain arrays: a table, or images where x is uint8 of three or four dimensions."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.config.sections.dataset import NpzConfig
from mlcli.data.clean_tables import clean_tables
from mlcli.data.readers.compression import bomb_error, unpacked_limit
from mlcli.data.readers.source import CELL, PIXEL, MemoryNeed, Source, find_files
from mlcli.data.tables.rows import Origin, Rows
from mlcli.data.tables.types import Images, SourceRead
from mlcli.errors import DataError, ResourceError
from mlcli.io.paths import find_path
from mlcli.io.text import shown, suggestion

Array = NDArray[np.generic]

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_DAMAGE = (
    OSError, EOFError, ValueError, KeyError, OverflowError, RecursionError, RuntimeError, struct.error,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_LAST_CODE_POINT = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)


class NpzSource(Source[NpzConfig]):
    """A table, or images."""

    def files(self) -> tuple[Path, ...]:
        return find_files(self.config.origin, self.config.path, self.config.test_path)

    def memory_needs(self) -> Iterator[MemoryNeed]:
        """By the headers of the arrays; tables become columns of 64-bit numbers, images stay bytes."""
        for path in self.regular_files():
            shapes = _valid_shapes(path, {f"{self.config.x}.npy", f"{self.config.y}.npy"})
            n_values = sum(map(math.prod, shapes))
            is_table = max(map(len, shapes), default=0) <= 2
            yield MemoryNeed(str(path), n_values * (CELL if is_table else PIXEL), f"{n_values:,} values")

    def read(self) -> SourceRead:
        config = self.config
        x, y, label = _pair(config, config.path)
        test = _pair(config, config.test_path) if config.test_path else None
        if x.ndim == 2:
            rows = _table_rows(x, y, label, config.target)
            test_rows = _table_rows(*test, config.target) if test else None
            return clean_tables(rows, test_rows, config.target_names, config)
        classes = np.unique(_labels(y, label))
        images = _images(x, y, classes, label)
        if test and test[0].shape[1:] != x.shape[1:]:
            shapes = f"test images have shape {test[0].shape[1:]}, training images {x.shape[1:]}"
            raise DataError(f"{test[2]}: {shapes}")
        test_images = _images(test[0], test[1], classes, test[2]) if test else None
        return SourceRead(images, test_images, "classification")


def list_arrays(path: Path) -> dict[str, tuple[int, ...]]:
    """Shape of each array of an archive; raises DataError where it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = tuple(name.removesuffix(".npy") for name in archive.namelist())
    except PermissionError as error:
        raise ResourceError(f"{path}: cannot be read: {error.strerror}") from error
    except _DAMAGE as error:
        raise DataError(f"{path}: is not a valid npz ({error})") from error
    return {name: array.shape for name, array in zip(names, read_arrays(path, str(path), names), strict=True)}


def read_arrays(source: Path | bytes, label: str, names: tuple[str, ...]) -> list[Array]:
    """The named arrays of an archive; raises DataError for damaged archives, objects and absent names."""
    try:
        with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            return _named_arrays(file, label, names)
    except PermissionError as error:
        raise ResourceError(f"{label}: cannot be read: {error.strerror}") from error
    except _DAMAGE as error:
        raise DataError(f"{label}: is not a valid npz ({error})") from error


def _valid_shapes(path: Path, names: set[str]) -> list[tuple[int, ...]]:
    """Shapes that fit their array's size; none where the archive is damaged, which `read` reports."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = {name: _header(archive, name)[0] for name in names & {*archive.namelist()}}
            return [shape for name, shape in found.items() if math.prod(shape) <= archive.getinfo(name).file_size]
    except _DAMAGE:
        return []


def _header(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape and type of an array, and the size of its header in bytes."""
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"array {name!r} is of version {version}")
        shape, _, dtype = _HEADERS[version](file)
        return tuple(shape), dtype, file.tell()


def _named_arrays(file: BinaryIO, label: str, names: tuple[str, ...]) -> list[Array]:
    archive = np.load(file, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise DataError(f"{label}: one array without a name; save with numpy.savez(path, x=x, y=y)")
    for name in names:
        if name not in archive.files:
            raise DataError(f"{label}: no array {name!r}; {suggestion(name, archive.files)}")
    return [_read_member(archive, name, label) for name in names]


def _read_member(archive: np.lib.npyio.NpzFile, name: str, label: str) -> Array:
    """An array whose header was checked against its size before memory is allocated."""
    packed = cast("zipfile.ZipFile", archive.zip)
    member = packed.getinfo(name if name in packed.NameToInfo else f"{name}.npy")
    shape, dtype, header_size = _header(packed, member.filename)
    if dtype.hasobject:
        raise DataError(f"{label}: array {name!r} has Python objects, which are never loaded; save plain arrays")
    expected = header_size + math.prod(shape) * dtype.itemsize
    if expected != member.file_size or min(shape, default=0) < 0:
        raise ValueError(
            f"array {name!r} has the shape {shape} in its header, which does not fit its {member.file_size:,} bytes"
        )
    if member.file_size > unpacked_limit(member.compress_size):
        raise bomb_error(label, member.compress_size)
    return _checked_text(archive[name], name)


def _checked_text(array: Array, name: str) -> Array:
    """Text arrays are 32-bit numbers, not all of which are code points."""
    if array.dtype.kind == "U" and array.size and array.itemsize:
        points = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")).view(np.uint32)
        first, last = _SURROGATES
        if (points > _LAST_CODE_POINT).any() or ((points >= first) & (points <= last)).any():
            raise ValueError(f"array {name!r} has text that is not Unicode")
    return array


def _pair(config: NpzConfig, path: str) -> tuple[Array, Array, str]:
    found = find_path(path, config.origin)
    label = str(found)
    x, y = read_arrays(found, label, (config.x, config.y))
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise DataError(f"{label}: {config.y!r} has shape {y.shape}; expected (n,), one target a row")
    if x.ndim not in (2, 3, 4) or len(x) == 0:
        raise DataError(f"{label}: {config.x!r} has shape {x.shape}; expected (n, d) or (n, height, width[, channels])")
    if len(x) != len(y):
        raise DataError(f"{label}: {config.x!r} has {len(x):,} rows but {config.y!r} has {len(y):,}; they must agree")
    return x, y, label


def feature_frame(x: Array, label: str) -> pl.DataFrame:
    """Columns x1, x2, … as Float64 or integers; x : (n, d)."""
    if x.dtype.kind not in "biuf":
        raise DataError(f"{label}: the feature array has type {x.dtype}; expected numbers")
    plain = x.astype(np.float64) if x.dtype.kind in "bf" else x
    return pl.from_numpy(np.ascontiguousarray(plain), schema=[f"x{i}" for i in range(1, x.shape[1] + 1)])


def _table_rows(x: Array, y: Array, label: str, target: str) -> Rows:
    if x.ndim != 2:
        raise DataError(f"{label}: test features have shape {x.shape}, but training features are (n, d)")
    frame = feature_frame(x, label)
    if target in frame.columns:
        raise DataError(f"{label}: dataset.target: {target!r} is the name of a feature; choose another name")
    if y.dtype.kind not in "biufU":
        raise DataError(f"{label}: the target array has type {y.dtype}; expected numbers, text or booleans")
    values = y.astype(np.float64) if y.dtype.kind == "f" else y
    column = pl.Series(target, values.tolist()) if y.dtype.kind == "U" else pl.Series(target, values)
    return Rows.read(frame.with_columns(column), Origin(label))


def _labels(y: Array, label: str) -> Array:
    if y.dtype.kind not in "biuU":
        raise DataError(f"{label}: the labels of images have type {y.dtype}; expected whole numbers or text")
    return y


def _images(x: Array, y: Array, classes: Array, label: str) -> Images:
    if x.dtype != np.uint8 or x.ndim == 2 or (x.ndim == 4 and x.shape[3] not in (1, 3)):
        raise DataError(
            f"{label}: images have shape {x.shape} and type {x.dtype}; expected uint8 (0–255) of shape "
            "(n, height, width) or (n, height, width, 1 or 3)"
        )
    if len(classes) < 2:
        raise DataError(f"{label}: every label is {classes[0]}; classification needs at least two classes")
    new = ~np.isin(_labels(y, label), classes)
    if new.any():
        row = int(new.argmax())
        raise DataError(f"{label}: row {row + 1}: label {shown(y[row].item())} does not occur in the training labels")
    names = tuple(str(name).lower() if classes.dtype.kind == "b" else str(name) for name in classes.tolist())
    return Images(x, np.searchsorted(classes, y).astype(np.int64), names)
