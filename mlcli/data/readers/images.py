"""Image files decoded with Pillow, and folders of them, one sub-folder per class."""

from __future__ import annotations

import io
import math
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from mlcli.config.sections.dataset import ImagesConfig
from mlcli.data.readers.source import MemoryNeed, Source, pixels_need
from mlcli.data.tables.types import Images, SourceRead
from mlcli.errors import DataError
from mlcli.io.disk import resource_errors
from mlcli.io.paths import find_path

if TYPE_CHECKING:
    from PIL.Image import Image

Color = Literal["gray", "rgb"]
Item = TypeVar("Item")

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"}
)
_FILE_LIMIT = 256 << 20
_WHOLE = 1 << 16  # so large a side that every image is decoded at its full size
_MODES = {"gray": "L", "rgb": "RGB"}
# What Python makes of the bytes of a name that is not UTF-8.
_HALF_LETTERS = re.compile("[\ud800-\udfff]")
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class ImageFolder:
    """The files of a folder of classes, class by class and by name.

    labels : int64 (n,), indices into class_names
    """

    folder: Path
    paths: tuple[Path, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]


class ImagesSource(Source[ImagesConfig]):
    """Folders of images, and test images of the same classes."""

    def files(self) -> tuple[Path, ...]:
        return tuple(path for files in list_image_folders(self.config) for path in files.paths)

    def content(self) -> Iterator[str]:
        """Names, sizes and times: to hash thousands of files takes as long as to read them."""
        for path in self.files():
            with resource_errors(path):
                found = path.stat()
            yield f"{path.parent.name}/{path.name} {found.st_size} {found.st_mtime_ns}"

    def is_available(self) -> bool:
        try:
            _ = [find_path(path, self.config.origin) for path in (self.config.path, self.config.test_path) if path]
        except DataError:
            return False
        return True

    def memory_needs(self) -> Iterator[MemoryNeed]:
        size = math.prod(self.config.size) * (3 if self.config.color == "rgb" else 1)
        for files in list_image_folders(self.config):
            yield pixels_need(str(files.folder), size * len(files.paths))

    def read(self) -> SourceRead:
        size, color = self.config.size, self.config.color
        images = [
            Images(read_images(files.paths, size, color), files.labels, files.class_names)
            for files in list_image_folders(self.config)
        ]
        return SourceRead(images[0], images[1] if len(images) > 1 else None, "classification")


def list_image_folders(config: ImagesConfig) -> tuple[ImageFolder, ...]:
    """What is read: one folder, or two where the test images have a folder of their own."""
    train = list_classes(find_path(config.path, config.origin))
    if config.test_path is None:
        return (train,)
    test = list_classes(find_path(config.test_path, config.origin))
    differing = sorted(set(train.class_names) ^ set(test.class_names))
    if differing:
        raise DataError(
            f"{test.folder}: its classes differ from those of {train.folder} ({', '.join(differing[:5])}); "
            "give both folders the same sub-folders"
        )
    return train, test


def list_classes(folder: Path) -> ImageFolder:
    """The images of each sub-folder; raises DataError for strays, empty classes and fewer than two classes."""
    with resource_errors(folder):
        if not folder.is_dir():
            raise DataError(f"{folder}: not a folder; give a folder with one sub-folder of images per class")
        classes = [entry for entry in visible(folder) if entry.is_dir()]
        loose = [entry for entry in visible(folder) if entry.suffix.lower() in SUFFIXES and entry.is_file()]
        files = [list_images(entry) for entry in classes]
    if loose:
        raise DataError(
            f"{loose[0]}: one of {len(loose)} images outside a class; move each into a folder named after its class"
        )
    if len(classes) < 2:
        found = f"only one sub-folder, {classes[0].name}" if classes else "no sub-folders"
        raise DataError(f"{folder}: {found}; expected at least two, one per class")
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), [len(paths) for paths in files])
    return ImageFolder(folder, tuple(path for paths in files for path in paths), labels, tuple(c.name for c in classes))


def list_images(folder: Path, *, beside: Sequence[Path] = ()) -> list[Path]:
    """The images of one folder by name; raises DataError for anything else in it, and when there are none.

    beside : other entries that are ignored
    """
    entries = [entry for entry in visible(folder) if entry not in beside]
    strays = [entry for entry in entries if entry.suffix.lower() not in SUFFIXES or not entry.is_file()]
    if strays:
        raise DataError(
            f"{strays[0]}: one of {len(strays)} files that are not images ({' '.join(sorted(SUFFIXES))}); remove them"
        )
    if not entries:
        raise DataError(f"{folder}: no images; add some, or remove the folder")
    return entries


def visible(folder: Path) -> list[Path]:
    """Entries by name, without hidden files and those of file managers; DataError for names that are not UTF-8.

    A folder's name becomes a class name.
    """
    names = {entry.name: entry for entry in folder.iterdir() if not entry.name.startswith(".")}
    for name, entry in names.items():
        if _HALF_LETTERS.search(name):
            raise DataError(f"{entry}: the name is not UTF-8; rename it")
    return sorted(entry for name, entry in names.items() if name.lower() not in _SYSTEM_FILES)


def read_images(paths: Sequence[Path], size: tuple[int, int], color: Color) -> np.ndarray:
    """Decode and resize; raises DataError naming the first image that cannot be read.

    size : (height, width)
    returns uint8 (n, height, width), with 3 channels last for rgb
    """
    return _fill(paths, lambda path: _fit(_decode(path, size, color), size, color), size, color)


def inspect_image(path: Path) -> tuple[int, int, bool]:
    """Height, width, and whether any pixel is not gray; raises DataError where the image cannot be read."""
    with _strict_pillow():
        image = _decode(path, (_WHOLE, _WHOLE), "rgb").convert("RGB")
    pixels = np.asarray(image)
    return image.height, image.width, bool((pixels != pixels[..., :1]).any())


def resize_pixels(pixels: np.ndarray, size: tuple[int, int], color: Color) -> np.ndarray:
    """Resize uint8 (n, height, width, 3) as `read_images` does."""
    if color == "rgb" and pixels.shape[1:3] == size:
        return np.ascontiguousarray(pixels)
    from PIL import Image

    return _fill(pixels, lambda row: _fit(Image.fromarray(np.ascontiguousarray(row)), size, color), size, color)


def _fill(
    items: Sequence[Item] | np.ndarray, work: Callable[..., Image], size: tuple[int, int], color: Color
) -> np.ndarray:
    pixels = np.empty((len(items), *size, *([3] if color == "rgb" else [])), dtype=np.uint8)
    with _strict_pillow(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        try:
            for row, image in enumerate(pool.map(work, items)):
                pixels[row] = np.asarray(image)
        except BaseException:  # do not decode the rest first
            pool.shutdown(cancel_futures=True)
            raise
    return pixels


@contextmanager
def _strict_pillow() -> Iterator[None]:
    """A decompression bomb is an error; Pillow's warnings about metadata are ignored."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _decode(path: Path, size: tuple[int, int], color: Color) -> Image:
    with resource_errors(path):
        if path.stat().st_size > _FILE_LIMIT:
            raise DataError(f"{path}: more than {_FILE_LIMIT >> 20} MiB; give a smaller image")
        content = io.BytesIO(path.read_bytes())
        try:
            return _open(content, max(size), _MODES[color])
        except MemoryError:
            raise
        except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error…
            formats = ", ".join(FORMATS)
            raise DataError(
                f"{path}: cannot be read as an image ({error}); replace or remove it ({formats} are read)"
            ) from error


def _open(content: io.BytesIO, side: int, mode: str) -> Image:
    """Check the checksums, then decode; a JPEG much larger than needed is decoded at a fraction of its size."""
    from PIL import Image, ImageOps

    with Image.open(content, formats=FORMATS) as image:
        image.verify()
    content.seek(0)
    with Image.open(content, formats=FORMATS) as image:
        image.draft(mode, (side, side))
        return _on_white(ImageOps.exif_transpose(image))


def _on_white(image: Image) -> Image:
    """8-bit pixels without transparency."""
    from PIL import Image

    if image.mode == "F":
        raise ValueError("32-bit float pixels have no known range")
    if image.mode.startswith("I"):  # 16-bit gray
        return Image.fromarray((np.clip(np.asarray(image), 0, 65535) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white


def _fit(image: Image, size: tuple[int, int], color: Color) -> Image:
    from PIL import Image

    height, width = size
    converted = image.convert(_MODES[color])
    return (
        converted if converted.size == (width, height) else converted.resize((width, height), Image.Resampling.BILINEAR)
    )
