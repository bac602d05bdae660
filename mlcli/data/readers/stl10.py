"""STL-10's binary files (Coates, Ng and Lee, 2011; https://cs.stanford.edu/~acoates/stl10/)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mlcli.config.sections.dataset import Stl10Config
from mlcli.data.readers.images import resize_pixels
from mlcli.data.readers.source import MemoryNeed, Source, pixels_need
from mlcli.data.tables.types import Images, SourceRead
from mlcli.errors import DataError
from mlcli.io.disk import resource_errors
from mlcli.io.paths import find_path

CLASS_NAMES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
ORIGIN = "https://cs.stanford.edu/~acoates/stl10/"
_SIDE = 96
_BYTES = 3 * _SIDE * _SIDE


class Stl10Source(Source[Stl10Config]):
    """Training and test images."""

    def files(self) -> tuple[Path, ...]:
        """Training images and labels, test images and labels; raises DataError naming those that are missing."""
        folder = find_path(self.config.path, ORIGIN)
        files = tuple(folder / name for name in ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin"))
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            raise DataError(f"{folder}: {', '.join(missing)} missing; put STL-10's binary files there, from {ORIGIN}")
        return files

    def memory_needs(self) -> Iterator[MemoryNeed]:
        return (pixels_need(str(path), path.stat().st_size) for path in self.files())

    def read(self) -> SourceRead:
        train_x, train_y, test_x, test_y = self.files()
        train, test = _read_images(train_x, train_y, self.config), _read_images(test_x, test_y, self.config)
        return SourceRead(train, test, "classification")


def _read_images(images: Path, labels: Path, config: Stl10Config) -> Images:
    """uint8 (n, height, width, 3), or (n, height, width) for gray."""
    pixels, codes = _read_bytes(images), _read_bytes(labels)
    if len(pixels) != len(codes) * _BYTES or not len(codes):
        raise DataError(
            f"{images}: {len(pixels):,} bytes, expected {_BYTES:,} for each of the {len(codes):,} labels of "
            f"{labels}; fetch both again from {ORIGIN}"
        )
    if codes.min() < 1 or codes.max() > len(CLASS_NAMES):
        raise DataError(f"{labels}: labels {codes.min()}–{codes.max()}, expected 1–10; fetch it again from {ORIGIN}")
    planes = pixels.reshape(-1, 3, _SIDE, _SIDE)
    upright = planes.transpose(0, 3, 2, 1)  # columns came first: (n, plane, column, row) to (n, row, column, plane)
    return Images(resize_pixels(upright, config.size, config.color), codes.astype(np.int64) - 1, CLASS_NAMES)


def _read_bytes(path: Path) -> np.ndarray:
    with resource_errors(path):
        return np.fromfile(path, dtype=np.uint8)
