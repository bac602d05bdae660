"""Pictures to predict: files, folders of files, IDX files and NumPy archives."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlcli.data.idx import read_idx
from mlcli.data.images import list_pictures, visible
from mlcli.data.npz import read_arrays
from mlcli.data.paths import find_path
from mlcli.data.pictures import Color, read_pictures
from mlcli.data.types import Images
from mlcli.errors import DataError
from mlcli.files import resource_errors


@dataclass(frozen=True)
class IncomingImages:
    """Pictures without labels, in the model's shape.

    names : file names below the source, or the numbers of rows from 1
    """

    images: Images
    names: tuple[str, ...]


def read_incoming_images(source: str, shape: tuple[int, ...], *, array: str = "x") -> IncomingImages:
    """Read pictures for a model that takes `shape`, (height, width[, channels]); raises DataError.

    Pictures are resized and converted to gray or colour as in training; arrays must have the shape already.
    array : name of the pictures in a NumPy archive
    """
    path = find_path(source)
    if path.is_dir():
        files = _list_files(path)
        return _from_files(files, shape, tuple(file.relative_to(path).as_posix() for file in files))
    start = _first_bytes(path)
    if start[:3] == b"\0\0\x08" or start[:2] == b"\x1f\x8b":
        return _from_array(path, read_idx(path, 3), shape)
    if start == b"PK\x03\x04":
        return _from_array(path, read_arrays(path, str(path), (array,))[0], shape)
    return _from_files([path], shape, (path.name,))


def _list_files(folder: Path) -> list[Path]:
    """The pictures of a folder and of its sub-folders, but no deeper."""
    with resource_errors(folder):
        folders = [entry for entry in visible(folder) if entry.is_dir()]
        loose = len(folders) < len(visible(folder))
        files = list_pictures(folder, beside=folders) if loose or not folders else []
        return files + [file for sub_folder in folders for file in list_pictures(sub_folder)]


def _from_files(files: Sequence[Path], shape: tuple[int, ...], names: tuple[str, ...]) -> IncomingImages:
    height, width, *channels = shape
    color: Color = "rgb" if channels == [3] else "gray"
    pixels = read_pictures(files, (height, width), color)
    return IncomingImages(Images(pixels.reshape(len(files), *shape), None, ()), names)


def _from_array(path: Path, pixels: np.ndarray, shape: tuple[int, ...]) -> IncomingImages:
    fits = pixels.dtype == np.uint8 and pixels.ndim > 1 and (pixels.shape == shape or pixels.shape[1:] == shape)
    if not fits:
        raise DataError(
            f"{path}: {pixels.dtype} of shape {pixels.shape}, but the model takes uint8 of shape (n, "
            f"{', '.join(map(str, shape))}); give pictures of that size, or picture files, which are resized"
        )
    rows = pixels.reshape(-1, *shape)
    return IncomingImages(Images(rows, None, ()), tuple(str(row) for row in range(1, len(rows) + 1)))


def _first_bytes(path: Path) -> bytes:
    with resource_errors(path), path.open("rb") as file:
        return file.read(4)
