"""Room for pictures on standard output, and lines of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

# Classes and groups, told apart by colour or, without colours, by mark.
COLOURS = (
    *("bright_blue", "yellow", "green", "magenta", "cyan", "red"),
    *("blue", "bright_yellow", "bright_green", "bright_magenta"),
)
MARKS = "o+x*#%@=&$"
BAR, HEADING, FAINT, SECOND = "cyan", "bold cyan", "dim", "yellow"


@dataclass(frozen=True)
class Canvas:
    """The size of the terminal in cells; coloured: whether colours are seen."""

    width: int
    height: int
    coloured: bool

    @property
    def is_tall(self) -> bool:
        """Whether there is room for more than what is needed."""
        return self.height >= 40


def line(*parts: str | tuple[str, str]) -> Text:
    """A line of texts, or texts with their style."""
    return Text.assemble(*parts, no_wrap=True, overflow="crop", end="")


def paint(lines: Iterable[Text], console: Console) -> None:
    """Print the lines."""
    for one in lines:
        console.print(one, no_wrap=True, overflow="crop", soft_wrap=True)


def standard_output() -> tuple[Console, Canvas]:
    """Where pictures are printed."""
    width, height = shutil.get_terminal_size((100, 24))
    console = Console(file=sys.stdout, width=width, height=height, highlight=False)
    return console, Canvas(width, height, console.color_system is not None and not console.no_color)
