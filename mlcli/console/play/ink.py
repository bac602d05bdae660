"""What the plane is drawn with: colours in half characters, or characters alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.style import Style

# Of kind 0 and 1 as in the Playground; the others after Okabe and Ito (2008).
PALETTE = ("#f59322", "#0877bd", "#009e73", "#b65a92", "#c9b400", "#56b4e9", "#6f4fa0", "#7d5c3c")
MIDDLE, UNKNOWN, DARK = "#eceeef", "#8a8f94", "#000000"
# Steps between undecided and sure.
LEVELS = 8
FAINTEST, STRONGEST = 0.06, 0.62
# Shares of black in the colour of a row.
TRAINING_DARKNESS, VALIDATION_DARKNESS = 0.12, 0.55

MARKS = "ox+*#@%&"
UNSURE, SURE = "·░-'~:^=", ' ▒="≈;!≡'

Drawn = Literal["plane", "training", "validation"]


@dataclass(frozen=True)
class Ink:
    """What a terminal has.

    pixels  : two colours a character, one above the other, of many
    colours : a colour a character, of a few
    """

    pixels: bool
    colours: bool

    @classmethod
    def of(cls, console: Console) -> Ink:
        """A console's own."""
        colours = console.color_system is not None and not console.no_color
        return cls(colours and console.color_system in ("truecolor", "256"), colours)

    def character(self, drawn: Drawn, kind: int, level: int) -> str:
        """What stands for an answer, or for a row, where there are no pixels."""
        if kind < 0:
            return "?"
        if drawn != "plane":
            return MARKS[kind % len(MARKS)]
        return (SURE if 2 * level >= LEVELS else UNSURE)[kind % len(SURE)]

    def style(self, drawn: Drawn, kind: int) -> Style | str:
        """The colour of a character, where there are colours."""
        if not self.colours:
            return ""
        return few_colours(kind, bold=drawn != "plane")


@cache
def few_colours(kind: int, *, bold: bool) -> Style:
    """One of the colours that every terminal has."""
    from rich.style import Style

    names = ("yellow", "blue", "green", "magenta", "red", "cyan", "white", "bright_black")
    return Style(color=names[kind % len(names)] if kind >= 0 else "white", bold=bold)


@cache
def pixel(drawn: Drawn, kind: int, level: int) -> str:
    """A colour as #rrggbb. level : 0 to LEVELS, how sure."""
    if kind < 0:
        return UNKNOWN
    own = PALETTE[kind % len(PALETTE)]
    if drawn == "plane":
        return mix(MIDDLE, own, FAINTEST + (STRONGEST - FAINTEST) * level / LEVELS)
    strong = mix(MIDDLE, own, 0.4 + 0.6 * level / LEVELS)
    return mix(strong, DARK, TRAINING_DARKNESS if drawn == "training" else VALIDATION_DARKNESS)


@cache
def pair_style(upper: str, lower: str) -> Style:
    """Of a character that shows `upper` above `lower`."""
    from rich.style import Style

    return Style(color=upper, bgcolor=lower)


def mix(one: str, other: str, share: float) -> str:
    """A colour so far on the way to another."""
    ends = [[int(text[at : at + 2], 16) for at in (1, 3, 5)] for text in (one, other)]
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(*ends, strict=True))
