"""Text, bars and images in a terminal's cells."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from mlcli.io.text import printable
from mlcli.terminal.plot import BLANK, DOTS

# Colours of classes and groups; without colours, their marks.
COLOURS = (
    *("bright_blue", "yellow", "green", "magenta", "cyan", "red"),
    *("blue", "bright_yellow", "bright_green", "bright_magenta"),
)
MARKS = "o+x*#%@=&$"
BAR, HEADING, FAINT, SECOND = "cyan", "bold cyan", "dim", "yellow"
NO_BREAK = "\u00a0"
COLUMNS, BARS = " ▁▂▃▄▅▆▇█", " ▏▎▍▌▋▊▉█"
EIGHTHS = 8
UPPER_HALF = "▀"
# Thresholds of ordered dithering (Bayer, 1973), narrowed so that strokes stay whole.
BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16
NARROW = 0.4
DOTS_ACROSS, DOTS_DOWN = 2, 4

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Canvas:
    """The size of the terminal in cells; coloured: whether it shows colours."""

    width: int
    height: int
    coloured: bool

    @property
    def is_tall(self) -> bool:
        """Whether taller charts fit."""
        return self.height >= 40


def line(*parts: str | tuple[str, str]) -> Text:
    """A line of texts, or texts with their style."""
    return Text.assemble(*parts, no_wrap=True, overflow="crop", end="")


def paint(lines: Iterable[Text], console: Console) -> None:
    """Print the lines."""
    for one in lines:
        console.print(one, no_wrap=True, overflow="crop", soft_wrap=True)


def standard_output() -> tuple[Console, Canvas]:
    """A console on stdout, and its size."""
    width, height = shutil.get_terminal_size((100, 24))
    console = Console(file=sys.stdout, width=width, height=height, highlight=False)
    return console, Canvas(width, height, console.color_system is not None and not console.no_color)


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """Printable text of exactly `width` cells."""
    cut = cut_to(text, width)
    blanks = " " * (width - cell_len(cut))
    return blanks + cut if right else cut + blanks


def cut_to(text: str, width: int) -> str:
    """Printable text of at most `width` cells."""
    text = printable(text)
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def longest(texts: list[str]) -> int:
    """Cells of the longest text."""
    return max((cell_len(printable(text)) for text in texts), default=0)


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Printable text in lines of at most `width` cells, those after the first indented."""
    text = printable(text).replace(" %", f"{NO_BREAK}%")
    room = width if cell_len(text) == len(text) else width // 2
    lines = wrap(text, max(1, room), subsequent_indent=indent if room > len(indent) else "", break_on_hyphens=False)
    return [one.replace(NO_BREAK, " ") for one in lines]


def column_chart(counts: Sequence[float], height: int = 1, each: int = 1) -> list[str]:
    """Columns side by side, `each` characters wide, as lines from the top; every count above 0 is visible."""
    top = max(counts, default=0)
    sizes = [max(1, round(count / top * height * EIGHTHS)) if count > 0 else 0 for count in counts]
    return [
        "".join(COLUMNS[min(EIGHTHS, max(0, size - EIGHTHS * row))] * each for size in sizes)
        for row in reversed(range(height))
    ]


def draw_bar(share: float, width: int) -> str:
    """A horizontal bar over a share of the width; every share above 0 is visible."""
    size = min(width * EIGHTHS, max(1, round(share * width * EIGHTHS))) if share > 0 else 0
    return BARS[EIGHTHS] * (size // EIGHTHS) + BARS[size % EIGHTHS].strip()


def resized(pixels: Pixels, height: int, width: int) -> Pixels:
    """The image in another size: smaller by means over equal areas, larger by bilinear interpolation."""
    from PIL import Image

    if pixels.shape[:2] == (height, width):
        return pixels
    flat = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] != 3 else pixels
    how = Image.Resampling.BOX if width <= pixels.shape[1] else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(np.ascontiguousarray(flat)).resize((width, height), how))


def draw_half_blocks(pixels: Pixels) -> list[Text]:
    """A line of text per two rows of pixels: the upper row in the foreground colours, the lower in the background."""
    colours = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
    if colours.shape[2] != 3:  # grey
        colours = np.repeat(colours[..., :1], 3, axis=2)
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


def draw_braille(pixels: Pixels) -> list[Text]:
    """Bright pixels as braille dots, by ordered dithering over the image's own range of brightness."""
    grey = pixels if pixels.ndim == 2 else pixels.mean(axis=2)
    low, high = float(grey.min()), float(grey.max())
    share = (grey - low) / (high - low) if high > low else np.zeros(grey.shape)
    share = np.pad(share, ((0, -len(share) % DOTS_DOWN), (0, -share.shape[1] % DOTS_ACROSS)))
    rows, columns = share.shape
    thresholds = np.tile(0.5 + NARROW * (BAYER - 0.5), (rows // 4 + 1, columns // 4 + 1))[:rows, :columns]
    lit = (share > thresholds).reshape(rows // DOTS_DOWN, DOTS_DOWN, columns // DOTS_ACROSS, DOTS_ACROSS)
    codes = (lit.transpose(0, 2, 1, 3) * np.array(DOTS)).sum(axis=(2, 3))
    return [Text("".join(chr(BLANK | code) for code in line)) for line in codes.tolist()]
