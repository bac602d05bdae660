"""A plot as it stands on a terminal: its title with the names of the curves, the curves, labels along both axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from mlcli.console.plot import Point, Scale, draw_dots, scale_for, spread_labels
from mlcli.console.ticks import tick_labels

if TYPE_CHECKING:
    from rich.text import Text

COLOURS = ("cyan", "yellow")
# Lines beside those of the curves: the title, the axis and its labels.
FRAME_ROWS = 3


def draw_framed(
    title: str,
    curves: Mapping[str, Sequence[Point]],
    across: Scale,
    below: Sequence[str],
    width: int,
    height: int,
    mark: float | None = None,
    shown: Iterable[float] | None = None,
) -> Text:
    """The curves that have points within so many characters, each line ended.

    mark  : a place on the axis
    shown : values that the scale is to have room for; all unless said

    Nothing is labelled where there is no point yet.
    """
    from rich.text import Text

    drawn = list(curves.values())
    rows = max(1, height - FRAME_ROWS)
    scale = scale_for(shown or (value for curve in drawn for _, value in curve))
    labels = tick_labels(scale, rows) if any(drawn) else [""] * rows
    margin = " " * len(labels[0])
    columns = max(1, width - len(margin) - 2)
    text = Text(no_wrap=True, overflow="crop")
    text.append(title + (" (logarithmic)" if scale.log else ""), "bold")
    for name, colour in zip(curves, COLOURS, strict=False):
        text.append(f"  ━ {name}" if curves[name] else "", colour)
    text.append("\n")
    for label, row in zip(labels, draw_dots(drawn, across, scale, columns, rows), strict=True):
        text.append(f"{label} {'┤' if label.strip() else '│'}", "dim")
        for owner, run in groupby(row, key=itemgetter(1)):
            text.append("".join(character for character, _ in run), COLOURS[owner] if owner >= 0 else "")
        text.append("\n")
    axis = list("─" * columns)
    if mark is not None:
        axis[round(across(mark) * (columns - 1))] = "▲"
    text.append(f"{margin} └{''.join(axis)}\n{margin}  {spread_labels(below, columns)}\n", "dim")
    return text
