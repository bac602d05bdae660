"""Images to predict, in the model's shape."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlcli.data.readers.idx import read_idx
from mlcli.data.readers.image_folders import list_images, visible
from mlcli.data.readers.images import Color, read_images
from mlcli.data.readers.npz import read_arrays
from mlcli.data.tables.types import Images
from mlcli.errors import DataError
from mlcli.io.disk import resource_errors
from mlcli.io.paths import find_path

# Bytes of pixels that are read at a time.
PORTION = 32 << 20


@dataclass(frozen=True)
class ParsedImages:
    """Images without labels, in the model's shape.

    names : file names below the source, or the numbers of rows from 1
    """

    images: Images
    names: tuple[str, ...]


def parse_images(source: str, shape: tuple[int, ...], *, array: str = "x") -> ParsedImages:
    """Read images for a model that takes `shape`, (height, width[, channels]); raises DataError.

    A folder's images are its own and those of its sub-folders, but no deeper. They are resized and converted to gray
    or colour as in training; arrays must have the shape already.

    array : name of the images in a NumPy archive
    """
    path = find_path(source)
    if path.is_dir():
        return _from_folder(path, _list_files(path), shape)
    with resource_errors(path), path.open("rb") as file:
        start = file.read(4)
    if start[:3] == b"\0\0\x08" or start[:2] == b"\x1f\x8b":
        return take_images(str(path), read_idx(path, 3), shape)
    if start == b"PK\x03\x04":
        return take_images(str(path), read_arrays(path, str(path), (array,))[0], shape)
    return _from_files([path], shape, (path.name,))


def image_portions(source: str, shape: tuple[int, ...]) -> Iterator[ParsedImages]:
    """The same, some images at a time."""
    path, step = find_path(source), max(1, PORTION // math.prod(shape))
    if path.is_dir():
        files = _list_files(path)
        yield from (_from_folder(path, files[start : start + step], shape) for start in range(0, len(files), step))
        return
    whole = parse_images(source, shape)
    for start in range(0, len(whole.images), step):
        yield ParsedImages(whole.images.part(start, step), whole.names[start : start + step])


def _list_files(folder: Path) -> list[Path]:
    with resource_errors(folder):
        folders = [entry for entry in visible(folder) if entry.is_dir()]
        loose = len(folders) < len(visible(folder))
        files = list_images(folder, beside=folders) if loose or not folders else []
        return files + [file for sub_folder in folders for file in list_images(sub_folder)]


def _from_folder(folder: Path, files: Sequence[Path], shape: tuple[int, ...]) -> ParsedImages:
    return _from_files(files, shape, tuple(file.relative_to(folder).as_posix() for file in files))


def _from_files(files: Sequence[Path], shape: tuple[int, ...], names: tuple[str, ...]) -> ParsedImages:
    height, width, *channels = shape
    color: Color = "rgb" if channels == [3] else "gray"
    pixels = read_images(files, (height, width), color)
    return ParsedImages(Images(pixels.reshape(len(files), *shape), None, ()), names)


def take_images(label: str, pixels: np.ndarray, shape: tuple[int, ...]) -> ParsedImages:
    """Images of an array, uint8 (n, height, width[, channels]) or one of them; raises DataError for another shape."""
    fits = pixels.dtype == np.uint8 and pixels.ndim > 1 and (pixels.shape == shape or pixels.shape[1:] == shape)
    if not fits:
        raise DataError(
            f"{label}: {pixels.dtype} of shape {pixels.shape}, but the model takes uint8 of shape (n, "
            f"{', '.join(map(str, shape))}); give images of that size, or image files, which are resized"
        )
    rows = pixels.reshape(-1, *shape)
    return ParsedImages(Images(rows, None, ()), tuple(str(row) for row in range(1, len(rows) + 1)))
