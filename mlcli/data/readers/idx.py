"""The IDX format of MNIST: a magic number, the dimensions, then the numbers."""

import math
import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np

from mlcli.config.sections.dataset import IdxConfig
from mlcli.data.readers.compression import GZIP
from mlcli.data.readers.source import MemoryNeed, Source, find_files, first_bytes, pixels_need, unpacked_size
from mlcli.data.tables.types import Images, SourceRead
from mlcli.errors import DataError
from mlcli.io.disk import resource_errors
from mlcli.io.paths import find_path
from mlcli.io.text import counted

SIZE_LIMIT = 4 << 30
_HEADER_LIMIT = 4 + 4 * 255
_UNSIGNED_BYTE = 0x08
_TYPES = {0x08: "unsigned bytes", 0x09: "signed bytes", 0x0B: "16-bit integers", 0x0C: "32-bit integers",
          0x0D: "32-bit floats", 0x0E: "64-bit floats"}  # fmt: skip


class IdxSource(Source[IdxConfig]):
    """Images and their labels, and test images with the same classes and size."""

    @property
    def can_spill(self) -> bool:
        return True

    def files(self) -> tuple[Path, ...]:
        config = self.config
        return find_files(None, config.images, config.labels, config.test_images, config.test_labels)

    def memory_needs(self) -> Iterator[MemoryNeed]:
        return (pixels_need(str(path), _bytes_in_header(path)) for path in self.regular_files())

    def read(self) -> SourceRead:
        config = self.config
        pixels, labels = _read_pair(config.images, config.labels)
        images = label_images(pixels, labels)
        if len(images.class_names) < 2:
            found = f"every label is {images.class_names[0]}"
            raise DataError(f"{config.labels}: {found}; classification needs at least two classes")
        if config.test_images is None or config.test_labels is None:
            return SourceRead(images, None, "classification")
        test_pixels, test_labels = _read_pair(config.test_images, config.test_labels)
        if test_pixels.shape[1:] != pixels.shape[1:]:
            found = f"images of {test_pixels.shape[1:]}, those of {config.images} are {pixels.shape[1:]}"
            raise DataError(f"{config.test_images}: {found}; give test images of the same size")
        return SourceRead(images, label_images(test_pixels, test_labels, images.class_names), "classification")


def label_images(pixels: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...] | None = None) -> Images:
    """Images whose classes are the distinct labels in ascending order, or `class_names` where given.

    pixels : uint8 (n, height, width)
    labels : uint8 (n,)
    """
    values, codes = np.unique(labels, return_inverse=True)
    names = tuple(str(value) for value in values)
    if class_names is None:
        return Images(pixels, codes.astype(np.int64), names)
    unknown = [name for name in names if name not in class_names]
    if unknown:
        raise DataError(
            f"test labels: class {unknown[0]} does not occur in the training labels, which have "
            f"{', '.join(class_names)}; check that both files belong to the same dataset"
        )
    lookup = np.array([class_names.index(name) for name in names], dtype=np.int64)
    return Images(pixels, lookup[codes] if len(codes) else codes.astype(np.int64), class_names)


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """uint8 array of so many dimensions from an IDX file, plain or gzipped; raises DataError."""
    return parse_idx(path, read_contents(path), dimensions)


def read_contents(path: Path) -> bytes | mmap.mmap:
    """The unpacked bytes of an IDX file, mapped where it is plain: exactly as many as its header says; or DataError."""
    with resource_errors(path):
        if not path.is_file():
            _refuse(path, "not a file" if path.exists() else "no such file", "name an IDX file, plain or gzipped")
        size = path.stat().st_size
        if size > SIZE_LIMIT:
            _refuse(path, f"{size:,} bytes, more than the {SIZE_LIMIT:,} allowed", "give fewer images")
        with path.open("rb") as file:
            contents = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        if contents[:2] == GZIP:
            return _unpack(path, contents[:])
        _check_length(path, contents)
        return contents


def parse_idx(path: Path, contents: bytes | mmap.mmap, dimensions: int) -> np.ndarray:
    """A read-only view of the contents; path is named in errors."""
    shape = _read_shape(path, contents)
    if len(shape) != dimensions:
        kind = {1: "labels (n)", 3: "images (n, height, width)"}.get(dimensions, f"{dimensions} dimensions")
        _refuse(path, f"has {len(shape)} dimensions {shape}, expected {kind}", "check that the files are not swapped")
    return np.frombuffer(contents, dtype=np.uint8, offset=_header_size(shape)).reshape(shape)


def check_pair(images_path: Path, pixels: np.ndarray, labels_path: Path, labels: np.ndarray) -> None:
    """Raise DataError unless there is one label an image."""
    if len(pixels) != len(labels):
        _refuse(
            labels_path,
            f"{counted(len(labels), 'label')} for the {counted(len(pixels), 'image')} of {images_path}",
            "check that both files belong together",
        )


def _read_pair(images: str, labels: str) -> tuple[np.ndarray, np.ndarray]:
    images_path, labels_path = find_path(images, None), find_path(labels, None)
    pair = read_idx(images_path, 3), read_idx(labels_path, 1)
    check_pair(images_path, pair[0], labels_path, pair[1])
    if not pair[0].size:
        _refuse(images_path, f"no pixels, its shape is {pair[0].shape}", "give a file with images")
    return pair


def _unpack(path: Path, packed: bytes) -> bytes:
    """Never unpacks more than the size in the header and one byte."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        head = unpacker.decompress(packed, _HEADER_LIMIT)
        expected = _size_in_header(path, head)
        rest = unpacker.decompress(unpacker.unconsumed_tail, max(expected + 1 - len(head), 1))
    except zlib.error as error:
        _refuse(path, f"damaged gzip data ({error})", "fetch the file again")
    contents = head + rest
    _check_length(path, contents)
    if not unpacker.eof:
        _refuse(path, "the gzip data ends early", "fetch the file again")
    return contents


def _check_length(path: Path, contents: bytes | mmap.mmap) -> None:
    expected = _size_in_header(path, contents)
    if len(contents) != expected:
        found = "has more" if len(contents) > expected else f"has {len(contents):,}: truncated"
        _refuse(path, f"its header says {expected:,} bytes, it {found}", "fetch the file again")


def _size_in_header(path: Path, contents: bytes | mmap.mmap) -> int:
    shape = _read_shape(path, contents)
    size = _header_size(shape) + math.prod(shape)
    if size > SIZE_LIMIT:
        _refuse(path, f"its header says {size:,} bytes {shape}, more than the {SIZE_LIMIT:,} allowed", "check it")
    return size


def _bytes_in_header(path: Path) -> int:
    """Bytes of pixels by the header; 0 where the file is shorter than it says, which `read` reports."""
    start = first_bytes(path)
    n_dimensions = start[3] if start.startswith(b"\0\0\x08") and len(start) > 3 else 0
    sizes = (int.from_bytes(start[at : at + 4], "big") for at in range(4, 4 + 4 * n_dimensions, 4))
    size = math.prod(sizes)
    return size if n_dimensions and size <= unpacked_size(path) else 0


def _header_size(shape: tuple[int, ...]) -> int:
    return 4 + 4 * len(shape)


def _read_shape(path: Path, contents: bytes | mmap.mmap) -> tuple[int, ...]:
    if len(contents) < 4 or contents[:2] != b"\0\0" or contents[2] not in _TYPES or not contents[3]:
        _refuse(path, f"starts with {contents[:4].hex(' ') or 'nothing'}, not an IDX file", "name an IDX file")
    if contents[2] != _UNSIGNED_BYTE:
        _refuse(path, f"contains {_TYPES[contents[2]]}, expected unsigned bytes", "convert it to values 0–255")
    size = 4 + 4 * contents[3]
    if len(contents) < size:
        _refuse(path, f"ends within its header of {size} bytes", "fetch the file again")
    return tuple(int(length) for length in np.frombuffer(contents, dtype=">u4", count=contents[3], offset=4))


def _refuse(path: Path, problem: str, remedy: str) -> NoReturn:
    raise DataError(f"{path}: {problem}; {remedy}")
