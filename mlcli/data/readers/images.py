"""Image files decoded with Pillow."""

from __future__ import annotations

import io
import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from mlcli.config.sections.dataset import ImagesConfig
from mlcli.data.readers.image_folders import list_image_folders
from mlcli.data.readers.source import MemoryNeed, Source, pixels_need
from mlcli.data.tables.types import Images, SourceRead
from mlcli.errors import DataError
from mlcli.io.disk import resource_errors
from mlcli.io.paths import find_path
from mlcli.io.text import some_of

if TYPE_CHECKING:
    from PIL.Image import Image

Color = Literal["gray", "rgb"]
Item = TypeVar("Item")

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
# Images that are read at a time, where memory does not hold all.
PORTION = 1024
_FILE_LIMIT = 256 << 20
_WHOLE = 1 << 16  # so large a side that every image is decoded at its full size
_MODES = {"gray": "L", "rgb": "RGB"}
_LISTED = 5


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

    @property
    def can_spill(self) -> bool:
        return True

    def read(self) -> SourceRead:
        images = [
            Images(self._read_pixels(files.paths), files.labels, files.class_names)
            for files in list_image_folders(self.config)
        ]
        return SourceRead(images[0], images[1] if len(images) > 1 else None, "classification")

    def _read_pixels(self, paths: Sequence[Path]) -> np.ndarray:
        """All images; where memory does not hold them, they are read some at a time, and mapped from a file."""
        size, color = self.config.size, self.config.color
        if self.spill is None:
            return read_images(paths, size, color)
        parts = (read_images(paths[start : start + PORTION], size, color) for start in range(0, len(paths), PORTION))
        return self.spill.keep_pixels(parts)


def read_images(paths: Sequence[Path], size: tuple[int, int], color: Color) -> np.ndarray:
    """Decode and resize; raises DataError naming the first images that cannot be read, and how many there are.

    size : (height, width)
    returns uint8 (n, height, width), with 3 channels last for rgb
    """
    refused: dict[Path, str] = {}

    def work(path: Path) -> Image:
        try:
            return _fit(_decode(path, max(size), color), size)
        except _UnreadableError as error:
            refused[path] = str(error)
            return _blank(size, color)

    pixels = _fill(paths, work, size, color)
    if refused:
        first, *others = (path for path in paths if path in refused)
        listed = some_of([f"{path} ({refused[path]})" for path in others], _LISTED)
        more = f"; {len(others):,} more of {len(paths):,}: {listed}" if others else ""
        remedy = f"replace or remove {'them' if others else 'it'} ({', '.join(FORMATS)} are read)"
        raise DataError(f"{first}: cannot be read as an image ({refused[first]}){more}; {remedy}")
    return pixels


def read_image(content: bytes, label: str, size: tuple[int, int], color: Color) -> np.ndarray:
    """One image of these bytes, as `read_images` reads a file of them; label names it in the DataError."""
    with _strict_pillow():
        try:
            return np.asarray(_fit(_decode_bytes(content, max(size), color), size))
        except _UnreadableError as error:
            raise DataError(
                f"{label}: cannot be read as an image ({error}); send one of {', '.join(FORMATS)}"
            ) from error


def inspect_image(path: Path) -> tuple[int, int, bool]:
    """Height, width, and whether any pixel is not gray; raises DataError where the image cannot be read."""
    with _strict_pillow():
        try:
            image = _decode(path, _WHOLE, "rgb")
        except _UnreadableError as error:
            raise DataError(f"{path}: cannot be read as an image ({error})") from error
    pixels = np.asarray(image)
    return image.height, image.width, bool((pixels != pixels[..., :1]).any())


def resize_pixels(pixels: np.ndarray, size: tuple[int, int], color: Color) -> np.ndarray:
    """Resize uint8 (n, height, width, 3) as `read_images` does."""
    if color == "rgb" and pixels.shape[1:3] == size:
        return np.ascontiguousarray(pixels)
    from PIL import Image

    return _fill(pixels, lambda row: _fit(Image.fromarray(row).convert(_MODES[color]), size), size, color)


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


class _UnreadableError(Exception):
    """Why a file is no image that can be read."""


def _decode(path: Path, side: int, color: Color) -> Image:
    """The image in this colour; side : the most pixels that are needed."""
    with resource_errors(path):
        if path.stat().st_size > _FILE_LIMIT:
            raise _UnreadableError(f"more than {_FILE_LIMIT >> 20} MiB")
        return _decode_bytes(path.read_bytes(), side, color)


def _decode_bytes(content: bytes, side: int, color: Color) -> Image:
    try:
        return _open(io.BytesIO(content), side, _MODES[color])
    except MemoryError:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error…
        raise _UnreadableError(_reason(content, error)) from error


def _reason(content: bytes, error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if not isinstance(error, UnidentifiedImageError):
        return str(error) or type(error).__name__
    if not content:
        return "the file is empty"
    if content[4:8] == b"ftyp":
        return "its content is HEIC, AVIF or a film; save it as PNG or JPEG"
    # A page that was downloaded in an image's place, a pointer to a file that was not fetched, or a drawing.
    if content.isascii() and b"\0" not in content:
        return "its content is text"
    return "its content is of another format, or its start is damaged"


def _open(content: io.BytesIO, side: int, mode: str) -> Image:
    """Check the checksums and that there is one frame, then decode; a large JPEG at a fraction of its size."""
    from PIL import Image, ImageOps

    with Image.open(content, formats=FORMATS) as image:
        image.verify()
    content.seek(0)
    with Image.open(content, formats=FORMATS) as image:
        n_frames = getattr(image, "n_frames", 1)
        if n_frames > 1 and image.format != "MPO":  # a camera's JPEG with a preview of itself
            raise _UnreadableError(f"it has {n_frames} frames; save the one to read as PNG")
        image.draft(mode, (side, side))
        return _on_white(ImageOps.exif_transpose(image)).convert(mode)


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


def _fit(image: Image, size: tuple[int, int]) -> Image:
    from PIL import Image

    height, width = size
    return image if image.size == (width, height) else image.resize((width, height), Image.Resampling.BILINEAR)


def _blank(size: tuple[int, int], color: Color) -> Image:
    from PIL import Image

    return Image.new(_MODES[color], size[::-1])
