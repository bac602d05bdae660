"""A picture as lines of characters: two pixels a cell in colours or, without them, eight dots a cell."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.console.plot import BLANK, DOTS

if TYPE_CHECKING:
    from rich.text import Text

Pixels = NDArray[np.uint8]
UPPER_HALF = "▀"
# Thresholds of ordered dithering (Bayer, 1973), narrowed so that strokes stay whole.
BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16
NARROW = 0.4
DOTS_ACROSS, DOTS_DOWN = 2, 4


def resized(pixels: Pixels, height: int, width: int) -> Pixels:
    """Smaller by means over equal areas, larger by straight lines between the pixels."""
    from PIL import Image

    if pixels.shape[:2] == (height, width):
        return pixels
    flat = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] != 3 else pixels
    how = Image.Resampling.BOX if width <= pixels.shape[1] else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(np.ascontiguousarray(flat)).resize((width, height), how))


def half_blocks(pixels: Pixels) -> list[Text]:
    """A line for two rows of pixels: the character's colour is the upper one, its ground the lower one."""
    from rich.text import Text

    colours = np.repeat(pixels[..., np.newaxis], 3, axis=2) if pixels.ndim == 2 else _three(pixels)
    if len(colours) % 2:
        colours = np.pad(colours, ((0, 1), (0, 0), (0, 0)))
    lines = []
    for upper, lower in zip(colours[::2].tolist(), colours[1::2].tolist(), strict=True):
        text = Text()
        for (above, below), run in groupby(zip(upper, lower, strict=True)):
            style = f"rgb({above[0]},{above[1]},{above[2]}) on rgb({below[0]},{below[1]},{below[2]})"
            text.append(UPPER_HALF * len(list(run)), style)
        lines.append(text)
    return lines


def dots(pixels: Pixels) -> list[Text]:
    """Bright pixels as dots; the picture's own range is what is bright and dark."""
    from rich.text import Text

    grey = pixels if pixels.ndim == 2 else pixels.mean(axis=2)
    low, high = float(grey.min()), float(grey.max())
    share = (grey - low) / (high - low) if high > low else np.zeros(grey.shape)
    share = np.pad(share, ((0, -len(share) % DOTS_DOWN), (0, -share.shape[1] % DOTS_ACROSS)))
    rows, columns = share.shape
    thresholds = np.tile(0.5 + NARROW * (BAYER - 0.5), (rows // 4 + 1, columns // 4 + 1))[:rows, :columns]
    lit = (share > thresholds).reshape(rows // DOTS_DOWN, DOTS_DOWN, columns // DOTS_ACROSS, DOTS_ACROSS)
    codes = (lit.transpose(0, 2, 1, 3) * np.array(DOTS)).sum(axis=(2, 3))
    return [Text("".join(chr(BLANK | code) for code in line)) for line in codes.tolist()]


def _three(pixels: Pixels) -> Pixels:
    """Three channels, of one or more."""
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels[..., :1], 3, axis=2)
