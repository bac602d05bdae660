"""The heatmaps of a game: of the network's predictions, and of each unit's output."""

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

Layer = Literal["plane", "training", "validation"]
Levels = NDArray[np.int64]


class Ramp(NamedTuple):
    """The 256-colour palette of a class: the plane from undecided to certain; training rows; validation rows."""

    plane: tuple[str, ...]
    training: tuple[str, ...]
    validation: tuple[str, ...]


# Of classes 0 and 1 as in the Playground; the others after Okabe and Ito (2008).
PALETTE = ("#f59322", "#0877bd", "#009e73", "#b65a92", "#c9b400", "#56b4e9", "#6f4fa0", "#7d5c3c")
MIDDLE_RGB, UNKNOWN_RGB = "#eceeef", "#8a8f94"
# Steps between undecided and certain.
LEVELS = 8
# Shares of a class's own colour in the plane, and in a row; of black in a row.
PLANE_COLOUR, ROW_COLOUR = (0.06, 0.62), (0.1, 1.0)
DARKNESS = {"training": 0.15, "validation": 0.6}
# Predictions without colours: uncertain, certain, and those that are undefined.
UNCERTAIN, CERTAIN, UNDEFINED = "·░-'~:^_", ' ▒="≈;!≡', "?"
# Cells per row that is drawn: more rows would hide the plane.
CELLS_A_ROW = 5
# Cells between two units' heatmaps, and of a heatmap, at least and at most.
GAP, SMALLEST, LARGEST = 2, 4, 14
MIDDLE_256, UNKNOWN_256, WEAK, FAR = "#eeeeee", "#8a8a8a", "#b2b2b2", "#626262"
# In the order of PALETTE.
RAMPS = (
    Ramp((MIDDLE_256, "#ffffd7", "#ffd7af", "#ffd787", "#ffaf5f"), (WEAK, "#d7875f", "#d75f00"), (FAR, "#875f00")),
    Ramp((MIDDLE_256, "#d7ffff", "#afd7ff", "#87afd7", "#5fafd7"), (WEAK, "#5f87af", "#005faf"), (FAR, "#00005f")),
    Ramp((MIDDLE_256, "#d7ffd7", "#afd7af", "#87d7af", "#5faf87"), (WEAK, "#5f875f", "#00875f"), (FAR, "#005f00")),
    Ramp((MIDDLE_256, "#ffd7ff", "#d7afd7", "#d787af", "#af5faf"), (WEAK, "#875f87", "#af005f"), (FAR, "#5f005f")),
    Ramp((MIDDLE_256, "#ffffd7", "#ffffaf", "#d7d787", "#d7d75f"), (WEAK, "#87875f", "#878700"), (FAR, "#5f5f00")),
    Ramp((MIDDLE_256, "#d7ffff", "#afffff", "#87d7d7", "#5fd7d7"), (WEAK, "#5f8787", "#008787"), (FAR, "#005f5f")),
    Ramp((MIDDLE_256, "#d7d7ff", "#afafd7", "#8787d7", "#875fd7"), (WEAK, "#5f5f87", "#5f00af"), (FAR, "#00005f")),
    Ramp((MIDDLE_256, "#ffd7d7", "#d7afaf", "#af8787", "#af875f"), (WEAK, "#875f5f", "#875f00"), (FAR, "#5f0000")),
)


@dataclass(frozen=True)
class Palette:
    """The colours of a terminal.

    pixels   : 256 colours or more, so that a character shows two points
    coloured : 16 colours at least
    exact    : 24-bit colours
    """

    pixels: bool
    coloured: bool
    exact: bool = True

    @classmethod
    def of(cls, console: Console) -> Palette:
        """The palette of a console."""
        coloured = console.color_system is not None and not console.no_color
        many = coloured and console.color_system in ("truecolor", "256")
        return cls(many, coloured, exact=console.color_system == "truecolor")

    def mark(self, kind: int) -> str:
        """The mark of a kind in the legend."""
        return "■" if self.pixels else MARKS[kind % len(MARKS)]

    def style(self, kind: int) -> str:
        """The style of a mark."""
        if not self.coloured:
            return ""
        if not self.pixels:
            return f"bold {few_colours(kind)}"
        return PALETTE[kind % len(PALETTE)] if self.exact else RAMPS[kind % len(RAMPS)].training[-1]


def character(layer: Layer, kind: int, level: int) -> str:
    """The character of a prediction, or of a row, without pixels."""
    if kind < 0:
        return UNDEFINED
    if layer != "plane":
        return MARKS[kind % len(MARKS)]
    return (CERTAIN if 2 * level >= LEVELS else UNCERTAIN)[kind % len(CERTAIN)]


def few_colours(kind: int) -> str:
    """One of 16 colours: yellow in place of orange, then blue."""
    order = (COLOURS[1], COLOURS[0], *COLOURS[2:])
    return order[kind % len(order)] if kind >= 0 else "white"


@cache
def colours(layer: Layer, *, exact: bool) -> NDArray[np.uint8]:
    """Red, green and blue of each kind at each level, (kinds + 1, LEVELS + 1, 3); the last kind is undefined."""
    shares = np.arange(LEVELS + 1) / LEVELS
    if not exact:
        ramps = [getattr(ramp, layer) for ramp in RAMPS] + [(UNKNOWN_256,)]
        texts = [[ramp[round(share * (len(ramp) - 1))] for share in shares] for ramp in ramps]
        return np.array([[rgb(text) for text in row] for row in texts], dtype=np.uint8)
    low, high = PLANE_COLOUR if layer == "plane" else ROW_COLOUR
    own = np.array([rgb(text) for text in PALETTE])[:, None]
    mixed = rgb(MIDDLE_RGB) + (low + (high - low) * shares)[:, None] * (own - rgb(MIDDLE_RGB))
    mixed *= 1 - DARKNESS.get(layer, 0.0)
    unknown = np.tile(rgb(UNKNOWN_RGB), (1, LEVELS + 1, 1))
    return np.concatenate([mixed, unknown]).round().astype(np.uint8)


def rgb(text: str) -> NDArray[np.float64]:
    """#rrggbb as three numbers."""
    return np.array([int(text[at : at + 2], 16) for at in (1, 3, 5)], dtype=np.float64)


def points_in(palette: Palette, width: int, height: int) -> tuple[int, int]:
    """Points across and down of a plane of so many characters."""
    return width, 2 * height if palette.pixels else height


def draw_heatmap(
    heatmap: Heatmap,
    rows: Sequence[tuple[Layer, Points]],
    width: int,
    height: int,
    palette: Palette,
    *,
    sharp: bool = False,
) -> list[Text]:
    """Lines of `width` characters.

    heatmap : of the points that `points_in` counts, row by row from the top
    rows    : drawn above the heatmap, later ones above earlier ones
    sharp   : all predictions in their full colour
    """
    across, down = points_in(palette, width, height)
    kinds, levels = heatmap.kinds.reshape(down, across), levels_of(heatmap).reshape(down, across)
    levels = np.full_like(levels, LEVELS) if sharp else levels
    marks = [(layer, _located(points, across, down)) for layer, points in rows]
    if not palette.pixels:
        return list(_characters(kinds, levels, marks, palette))
    image = colours("plane", exact=palette.exact)[_known(kinds), levels]
    for layer, (columns, lines, own, strengths) in marks:
        image[lines, columns] = colours(layer, exact=palette.exact)[_known(own), strengths]
    return draw_half_blocks(image)


def levels_of(heatmap: Heatmap) -> Levels:
    """Strengths in whole steps."""
    return (heatmap.strengths * LEVELS).round().astype(np.int64)


def _located(points: Points, across: int, down: int) -> tuple[Levels, ...]:
    """Column, row, kind and level of the rows; of every n-th one where they would hide the plane."""
    every = max(1, -(-len(points.across) // max(1, across * down // CELLS_A_ROW)))
    columns = np.minimum((points.across * across).astype(np.int64), across - 1)
    rows = np.minimum((points.down * down).astype(np.int64), down - 1)
    return tuple(each[::every] for each in (columns, rows, points.heatmap.kinds, levels_of(points.heatmap)))


def _known(kinds: Levels) -> Levels:
    """Indices of colours; the palette repeats for further kinds."""
    return np.where(kinds < 0, len(PALETTE), kinds % len(PALETTE))


def _characters(
    kinds: Levels, levels: Levels, marks: Sequence[tuple[Layer, tuple[Levels, ...]]], palette: Palette
) -> Iterator[Text]:
    places: list[list[tuple[Layer, int, int]]] = [
        [("plane", kind, level) for kind, level in zip(*row, strict=True)]
        for row in zip(kinds.tolist(), levels.tolist(), strict=True)
    ]
    for layer, located in marks:
        for column, row, kind, level in zip(*(each.tolist() for each in located), strict=True):
            places[row][column] = (layer, kind, level)
    for each in places:
        parts = []
        for (layer, kind, level), run in groupby(each):
            weight = "" if layer == "plane" else "bold "
            style = weight + few_colours(kind) if palette.coloured else ""
            parts.append((character(layer, kind, level) * len(list(run)), style))
        yield line(*parts)


def network_cells(state: PlayState, trainer: Trainer, width: int, height: int) -> int:
    """Width of a unit's heatmap, which is half as high; 0 where the units do not all fit."""
    layers = (trainer.context.train.x.shape[1], *state.config.model.hidden)
    across = (width + GAP) // len(layers) - GAP
    down = 2 * ((height - 1) // max(layers) - 1)
    cells = min(across, down, LARGEST) // 2 * 2
    return cells if cells >= SMALLEST else 0


def draw_network(state: PlayState, trainer: Trainer, cells: int, height: int, palette: Palette) -> list[Text]:
    """A column for the inputs and for each hidden layer, with a heatmap per unit; the selected layer is marked."""
    layers = trainer.neurons(*points_in(palette, cells, cells // 2))
    blank = line(" " * cells)
    columns = []
    for units in layers:
        lines = [one for unit in units for one in (*draw_heatmap(unit, [], cells, cells // 2, palette), blank)]
        columns.append([*lines, *[blank] * (height - 1 - len(lines))][: height - 1])
    heads = [line((fitted("inputs", cells), FAINT))]
    for index in range(len(layers) - 1):
        style = "reverse" if index == state.layer else FAINT
        heads.append(line((fitted(f"layer {index + 1}", cells), style)))
    return [Text(" " * GAP, end="").join(row) for row in (heads, *zip(*columns, strict=True))]
