"""What a plane is drawn with: colours, two places a character, or characters alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from mlcli.console.canvas import COLOURS, MARKS
from mlcli.console.play import cube

Drawn = Literal["plane", "training", "validation"]

# Of kind 0 and 1 as in the Playground; the others after Okabe and Ito (2008).
PALETTE = ("#f59322", "#0877bd", "#009e73", "#b65a92", "#c9b400", "#56b4e9", "#6f4fa0", "#7d5c3c")
MIDDLE, UNKNOWN = "#eceeef", "#8a8f94"
# Steps between undecided and sure.
LEVELS = 8
# Shares of a kind's own colour in the plane, and in a row; of black in a row.
PLANE_COLOUR, ROW_COLOUR = (0.06, 0.62), (0.1, 1.0)
DARKNESS = {"training": 0.15, "validation": 0.6}
# Answers without colours, and the kind that nothing is known of.
UNSURE, SURE, UNTOLD = "·░-'~:^_", ' ▒="≈;!≡', "?"


@dataclass(frozen=True)
class Ink:
    """What a terminal has.

    pixels   : many colours, and so two places a character
    coloured : a few colours at least
    exact    : any colour, not one of 256
    """

    pixels: bool
    coloured: bool
    exact: bool = True

    @classmethod
    def of(cls, console: Console) -> Ink:
        """A console's own."""
        coloured = console.color_system is not None and not console.no_color
        many = coloured and console.color_system in ("truecolor", "256")
        return cls(many, coloured, exact=console.color_system == "truecolor")

    def mark(self, kind: int) -> str:
        """What stands for a kind in words about the plane."""
        return "■" if self.pixels else MARKS[kind % len(MARKS)]

    def style(self, kind: int) -> str:
        """The colour of a mark."""
        if not self.coloured:
            return ""
        if not self.pixels:
            return f"bold {few_colours(kind)}"
        return PALETTE[kind % len(PALETTE)] if self.exact else cube.RAMPS[kind % len(cube.RAMPS)].training[-1]


def character(drawn: Drawn, kind: int, level: int) -> str:
    """What stands for an answer, or for a row, where there are no pixels."""
    if kind < 0:
        return UNTOLD
    if drawn != "plane":
        return MARKS[kind % len(MARKS)]
    return (SURE if 2 * level >= LEVELS else UNSURE)[kind % len(SURE)]


def few_colours(kind: int) -> str:
    """One of the colours that every terminal has: yellow for the orange, and blue."""
    order = (COLOURS[1], COLOURS[0], *COLOURS[2:])
    return order[kind % len(order)] if kind >= 0 else "white"


@cache
def colours(drawn: Drawn, *, exact: bool) -> NDArray[np.uint8]:
    """Red, green and blue of each kind at each level, (kinds + 1, LEVELS + 1, 3); the last kind is the unknown one."""
    shares = np.arange(LEVELS + 1) / LEVELS
    if not exact:
        ramps = [getattr(ramp, drawn) for ramp in cube.RAMPS] + [(cube.UNKNOWN,)]
        return np.array([[rgb(cube.ramp_at(ramp, share)) for share in shares] for ramp in ramps], dtype=np.uint8)
    low, high = PLANE_COLOUR if drawn == "plane" else ROW_COLOUR
    own = np.array([rgb(text) for text in PALETTE])[:, None]
    mixed = rgb(MIDDLE) + (low + (high - low) * shares)[:, None] * (own - rgb(MIDDLE))
    mixed *= 1 - DARKNESS.get(drawn, 0.0)
    unknown = np.tile(rgb(UNKNOWN), (1, LEVELS + 1, 1))
    return np.concatenate([mixed, unknown]).round().astype(np.uint8)


def rgb(text: str) -> NDArray[np.float64]:
    """#rrggbb as three numbers."""
    return np.array([int(text[at : at + 2], 16) for at in (1, 3, 5)], dtype=np.float64)
