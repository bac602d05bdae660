"""The plane of a game: what the network answers everywhere, and the rows over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

from mlcli.console.play.ink import LEVELS, Drawn, Ink, pair_style, pixel
from mlcli.play.plane import Points
from mlcli.play.shades import Shades

if TYPE_CHECKING:
    from rich.style import Style
    from rich.text import Text

T = TypeVar("T")
# What a place shows: which of the three, the kind, and the level from 0 to LEVELS.
Place = tuple[Drawn, int, int]
# Places for each row that is drawn: more rows would hide the plane.
PLACES_A_POINT = 5


def places_of(ink: Ink, width: int, height: int) -> tuple[int, int]:
    """Places across and down of a plane of so many characters."""
    return width, 2 * height if ink.pixels else height


def draw_plane(
    shades: Shades, points: Sequence[tuple[Drawn, Points]], width: int, height: int, ink: Ink, *, sharp: bool = False
) -> list[Text]:
    """Lines of `width` characters.

    shades : of the places that `places_of` tells, row by row from the top
    points : rows to draw over them, the later ones above the earlier
    sharp  : every answer as sure as can be
    """
    across, down = places_of(ink, width, height)
    places: list[list[Place]] = [[("plane", 0, 0)] * across for _ in range(down)]
    levels = [LEVELS] * (across * down) if sharp else levels_of(shades)
    for index, (kind, level) in enumerate(zip(shades.kinds.tolist(), levels, strict=True)):
        places[index // across][index % across] = ("plane", kind, level)
    for drawn, rows in points:
        for x, y, kind, level in _sampled(rows, across * down // PLACES_A_POINT):
            places[min(down - 1, int(y * down))][min(across - 1, int(x * across))] = (drawn, kind, level)
    return [*_pixel_lines(places)] if ink.pixels else [*_character_lines(places, ink)]


def levels_of(shades: Shades) -> list[int]:
    """Strengths in whole steps."""
    levels: list[int] = (shades.strengths * LEVELS).round().astype(int).tolist()
    return levels


def _sampled(rows: Points, most: int) -> Iterator[tuple[float, float, int, int]]:
    every = max(1, -(-len(rows.across) // max(1, most)))
    columns = (rows.across[::every].tolist(), rows.down[::every].tolist(), rows.shades.kinds[::every].tolist())
    yield from zip(*columns, levels_of(rows.shades)[::every], strict=True)


def _pixel_lines(places: Sequence[Sequence[Place]]) -> Iterator[Text]:
    """Two rows of places a line; where they are equal a blank shows them, which every font draws without seams."""
    for upper, lower in zip(places[::2], places[1::2], strict=True):
        pairs = [(pixel(*one), pixel(*other)) for one, other in zip(upper, lower, strict=True)]
        yield _line(pairs, lambda pair: " " if pair[0] == pair[1] else "▀", lambda pair: pair_style(*pair))


def _character_lines(places: Sequence[Sequence[Place]], ink: Ink) -> Iterator[Text]:
    for row in places:
        yield _line(row, lambda place: ink.character(*place), lambda place: ink.style(place[0], place[1]))


def _line(cells: Sequence[T], character: Callable[[T], str], style: Callable[[T], Style | str]) -> Text:
    from rich.text import Text

    line = Text(no_wrap=True)
    for cell, run in groupby(cells):
        line.append(character(cell) * len([*run]), style(cell))
    return line
