"""The plane of a game: what the network answers everywhere, and the rows over it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from mlcli.console.canvas import line
from mlcli.console.halfblocks import half_blocks
from mlcli.console.play.ink import LEVELS, PALETTE, Drawn, Ink, character, colours, few_colours
from mlcli.play.plane import Points
from mlcli.play.shades import Shades

# Places for each row that is drawn: more rows would hide the plane.
PLACES_A_ROW = 5
Levels = NDArray[np.int64]


def places_of(ink: Ink, width: int, height: int) -> tuple[int, int]:
    """Places across and down of a plane of so many characters."""
    return width, 2 * height if ink.pixels else height


def draw_plane(
    shades: Shades,
    rows: Sequence[tuple[Drawn, Points]],
    width: int,
    height: int,
    ink: Ink,
    *,
    sharp: bool = False,
) -> list[Text]:
    """Lines of `width` characters.

    shades : of the places that `places_of` tells, row by row from the top
    rows   : to draw over them, the later ones above the earlier
    sharp  : every answer as sure as can be
    """
    across, down = places_of(ink, width, height)
    kinds, levels = shades.kinds.reshape(down, across), levels_of(shades).reshape(down, across)
    levels = np.full_like(levels, LEVELS) if sharp else levels
    marks = [(drawn, _located(points, across, down)) for drawn, points in rows]
    return _pixels(kinds, levels, marks, ink) if ink.pixels else list(_characters(kinds, levels, marks, ink))


def levels_of(shades: Shades) -> Levels:
    """Strengths in whole steps."""
    return (shades.strengths * LEVELS).round().astype(np.int64)


def _located(points: Points, across: int, down: int) -> tuple[Levels, ...]:
    """Column, row, kind and level of the rows that there is room for."""
    every = max(1, -(-len(points.across) // max(1, across * down // PLACES_A_ROW)))
    columns = np.minimum((points.across * across).astype(np.int64), across - 1)
    rows = np.minimum((points.down * down).astype(np.int64), down - 1)
    return tuple(each[::every] for each in (columns, rows, points.shades.kinds, levels_of(points.shades)))


def _pixels(kinds: Levels, levels: Levels, marks: Sequence[tuple[Drawn, tuple[Levels, ...]]], ink: Ink) -> list[Text]:
    picture = colours("plane", exact=ink.exact)[_known(kinds), levels]
    for drawn, (columns, rows, own, strengths) in marks:
        picture[rows, columns] = colours(drawn, exact=ink.exact)[_known(own), strengths]
    return half_blocks(picture)


def _known(kinds: Levels) -> Levels:
    """Indices of colours; kinds beyond the palette begin it anew."""
    return np.where(kinds < 0, len(PALETTE), kinds % len(PALETTE))


def _characters(
    kinds: Levels, levels: Levels, marks: Sequence[tuple[Drawn, tuple[Levels, ...]]], ink: Ink
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


def _runs(places: Sequence[tuple[Drawn, int, int]], ink: Ink) -> Iterator[tuple[str, str]]:
    for (drawn, kind, level), run in groupby(places):
        weight = "" if drawn == "plane" else "bold "
        yield character(drawn, kind, level) * len(list(run)), weight + few_colours(kind) if ink.coloured else ""
