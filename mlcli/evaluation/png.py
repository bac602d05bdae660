"""Small pictures as PNG files, for pages that hold their pictures themselves."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, COLOUR = 0, 2
# Sides longer than this are thinned out.
MAX_SIDE = 96


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG (ISO/IEC 15948) of pixels (height, width[, channels]), 0 black; in grey unless there are 3 channels."""
    kind = COLOUR if pixels.ndim == 3 and pixels.shape[2] == 3 else GREY
    if pixels.ndim == 3 and kind == GREY:
        pixels = pixels.mean(axis=2).astype(np.uint8)
    step = -(-max(pixels.shape[:2]) // MAX_SIDE)
    pixels = pixels[::step, ::step]
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    # Each line starts with how it is filtered: not at all.
    lines = np.pad(pixels.reshape(height, -1), ((0, 0), (1, 0)))
    return (
        SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)) + _chunk(b"IEND", b"")
    )


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """The picture as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(pixels)).decode()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
