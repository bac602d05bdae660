"""The plane of a game, and what each unit makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from mlcli.playground.heatmap import Heatmap, Points
from mlcli.playground.state import PlayState
from mlcli.playground.trainer import Trainer
from mlcli.terminal.drawing import COLOURS, FAINT, MARKS, draw_half_blocks, fitted, line
from mlcli.terminal.play import plane as cube


class Ramp(NamedTuple):
    """Of one kind: the plane from undecided to sure, and rows of training and of validation."""

    plane: tuple[str, ...]
    training: tuple[str, ...]
    validation: tuple[str, ...]


MIDDLE, UNKNOWN, WEAK, FAR = "#eeeeee", "#8a8a8a", "#b2b2b2", "#626262"
# In the order of the palette: orange, blue, green, purple, yellow, light blue, violet, brown.
RAMPS = (
    Ramp((MIDDLE, "#ffffd7", "#ffd7af", "#ffd787", "#ffaf5f"), (WEAK, "#d7875f", "#d75f00"), (FAR, "#875f00")),
    Ramp((MIDDLE, "#d7ffff", "#afd7ff", "#87afd7", "#5fafd7"), (WEAK, "#5f87af", "#005faf"), (FAR, "#00005f")),
    Ramp((MIDDLE, "#d7ffd7", "#afd7af", "#87d7af", "#5faf87"), (WEAK, "#5f875f", "#00875f"), (FAR, "#005f00")),
    Ramp((MIDDLE, "#ffd7ff", "#d7afd7", "#d787af", "#af5faf"), (WEAK, "#875f87", "#af005f"), (FAR, "#5f005f")),
    Ramp((MIDDLE, "#ffffd7", "#ffffaf", "#d7d787", "#d7d75f"), (WEAK, "#87875f", "#878700"), (FAR, "#5f5f00")),
    Ramp((MIDDLE, "#d7ffff", "#afffff", "#87d7d7", "#5fd7d7"), (WEAK, "#5f8787", "#008787"), (FAR, "#005f5f")),
    Ramp((MIDDLE, "#d7d7ff", "#afafd7", "#8787d7", "#875fd7"), (WEAK, "#5f5f87", "#5f00af"), (FAR, "#00005f")),
    Ramp((MIDDLE, "#ffd7d7", "#d7afaf", "#af8787", "#af875f"), (WEAK, "#875f5f", "#875f00"), (FAR, "#5f0000")),
)


def ramp_at(colours: tuple[str, ...], share: float) -> str:
    """The colour so far along, 0 to 1."""
    return colours[round(share * (len(colours) - 1))]


Drawn = Literal["plane", "training", "validation"]

# Of kind 0 and 1 as in the Playground; the others after Okabe and Ito (2008).
PALETTE = ("#f59322", "#0877bd", "#009e73", "#b65a92", "#c9b400", "#56b4e9", "#6f4fa0", "#7d5c3c")
MIDDLE_RGB, UNKNOWN_RGB = "#eceeef", "#8a8f94"
# Steps between undecided and sure.
LEVELS = 8
# Shares of a kind's own colour in the plane, and in a row; of black in a row.
PLANE_COLOUR, ROW_COLOUR = (0.06, 0.62), (0.1, 1.0)
DARKNESS = {"training": 0.15, "validation": 0.6}
# Answers without colours, and the kind that nothing is known of.
UNSURE, SURE, UNTOLD = "·░-'~:^_", ' ▒="≈;!≡', "?"


@dataclass(frozen=True)
class Palette:
    """What a terminal has.

    pixels   : many colours, and so two places a character
    coloured : a few colours at least
    exact    : any colour, not one of 256
    """

    pixels: bool
    coloured: bool
    exact: bool = True

    @classmethod
    def of(cls, console: Console) -> Palette:
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
    mixed = rgb(MIDDLE_RGB) + (low + (high - low) * shares)[:, None] * (own - rgb(MIDDLE_RGB))
    mixed *= 1 - DARKNESS.get(drawn, 0.0)
    unknown = np.tile(rgb(UNKNOWN_RGB), (1, LEVELS + 1, 1))
    return np.concatenate([mixed, unknown]).round().astype(np.uint8)


def rgb(text: str) -> NDArray[np.float64]:
    """#rrggbb as three numbers."""
    return np.array([int(text[at : at + 2], 16) for at in (1, 3, 5)], dtype=np.float64)


# Places for each row that is drawn: more rows would hide the plane.
PLACES_A_ROW = 5
Levels = NDArray[np.int64]


def cells_of_points(ink: Palette, width: int, height: int) -> tuple[int, int]:
    """Places across and down of a plane of so many characters."""
    return width, 2 * height if ink.pixels else height


def draw_heatmap(
    shades: Heatmap,
    rows: Sequence[tuple[Drawn, Points]],
    width: int,
    height: int,
    ink: Palette,
    *,
    sharp: bool = False,
) -> list[Text]:
    """Lines of `width` characters.

    shades : of the places that `places_of` tells, row by row from the top
    rows   : to draw over them, the later ones above the earlier
    sharp  : every answer as sure as can be
    """
    across, down = cells_of_points(ink, width, height)
    kinds, levels = shades.kinds.reshape(down, across), levels_of(shades).reshape(down, across)
    levels = np.full_like(levels, LEVELS) if sharp else levels
    marks = [(drawn, _located(points, across, down)) for drawn, points in rows]
    return _pixels(kinds, levels, marks, ink) if ink.pixels else list(_characters(kinds, levels, marks, ink))


def levels_of(shades: Heatmap) -> Levels:
    """Strengths in whole steps."""
    return (shades.strengths * LEVELS).round().astype(np.int64)


def _located(points: Points, across: int, down: int) -> tuple[Levels, ...]:
    """Column, row, kind and level of the rows that there is room for."""
    every = max(1, -(-len(points.across) // max(1, across * down // PLACES_A_ROW)))
    columns = np.minimum((points.across * across).astype(np.int64), across - 1)
    rows = np.minimum((points.down * down).astype(np.int64), down - 1)
    return tuple(each[::every] for each in (columns, rows, points.shades.kinds, levels_of(points.shades)))


def _pixels(
    kinds: Levels, levels: Levels, marks: Sequence[tuple[Drawn, tuple[Levels, ...]]], ink: Palette
) -> list[Text]:
    picture = colours("plane", exact=ink.exact)[_known(kinds), levels]
    for drawn, (columns, rows, own, strengths) in marks:
        picture[rows, columns] = colours(drawn, exact=ink.exact)[_known(own), strengths]
    return draw_half_blocks(picture)


def _known(kinds: Levels) -> Levels:
    """Indices of colours; kinds beyond the palette begin it anew."""
    return np.where(kinds < 0, len(PALETTE), kinds % len(PALETTE))


def _characters(
    kinds: Levels, levels: Levels, marks: Sequence[tuple[Drawn, tuple[Levels, ...]]], ink: Palette
) -> Iterator[Text]:
    places: list[list[tuple[Drawn, int, int]]] = [
        [("plane", kind, level) for kind, level in zip(*row, strict=True)]
        for row in zip(kinds.tolist(), levels.tolist(), strict=True)
    ]
    for drawn, located in marks:
        for column, row, kind, level in zip(*(each.tolist() for each in located), strict=True):
            places[row][column] = (drawn, kind, level)
    for each in places:
        yield line(*_runs(each, ink))


def _runs(places: Sequence[tuple[Drawn, int, int]], ink: Palette) -> Iterator[tuple[str, str]]:
    for (drawn, kind, level), run in groupby(places):
        weight = "" if drawn == "plane" else "bold "
        yield character(drawn, kind, level) * len(list(run)), weight + few_colours(kind) if ink.coloured else ""


GAP = 2
SMALLEST, LARGEST = 4, 14


def network_cells(state: PlayState, trainer: Trainer, width: int, height: int) -> int:
    """Cells across of a unit's picture, which is half as high; 0 where there is no room for all of them."""
    layers = (trainer.context.train.x.shape[1], *state.config.model.hidden)
    across = (width + GAP) // len(layers) - GAP
    down = 2 * ((height - 1) // max(layers) - 1)
    cells = min(across, down, LARGEST) // 2 * 2
    return cells if cells >= SMALLEST else 0


def draw_network(state: PlayState, trainer: Trainer, cells: int, height: int, ink: Palette) -> list[Text]:
    """Columns for the inputs and for each hidden layer, the units one below the other; the selected layer marked."""
    layers = trainer.neurons(*cells_of_points(ink, cells, cells // 2))
    columns = [_column(shades, cells, height, ink) for shades in layers]
    heads = [line((fitted("inputs", cells), FAINT))]
    for index in range(len(layers) - 1):
        style = "reverse" if index == state.layer else FAINT
        heads.append(line((fitted(f"layer {index + 1}", cells), style)))
    return [Text(" " * GAP, end="").join(row) for row in (heads, *zip(*columns, strict=True))]


def _column(units: list[Heatmap], cells: int, height: int, ink: Palette) -> list[Text]:
    lines: list[Text] = []
    for shades in units:
        lines += [*draw_heatmap(shades, [], cells, cells // 2, ink), line(" " * cells)]
    return [*lines, *(line(" " * cells) for _ in range(height - 1 - len(lines)))][: height - 1]
