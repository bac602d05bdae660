"""Classes as bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mlcli.console.bars import lying
from mlcli.console.canvas import BAR, COLOURS, FAINT, Canvas, line
from mlcli.console.cells import cut_to, fitted, longest
from mlcli.evaluation.show import show_percent
from mlcli.exploration.targets import MAX_CLASSES, class_order

if TYPE_CHECKING:
    from rich.text import Text

MAX_LABEL, MAX_BAR = 24, 60
# Blanks, the share, and the gaps.
FRAME = 15


def class_lines(classes: Mapping[str, int], canvas: Canvas, *, every: bool, coloured: bool) -> Iterator[Text]:
    """A bar a class with its rows and their share; coloured: in the class's own colour."""
    names = class_order(classes)
    shown = names if every else names[:MAX_CLASSES]
    total, most = max(1, sum(classes.values())), max(classes.values(), default=0)
    label = min(MAX_LABEL, canvas.width // 3, longest(list(shown)))
    count = len(f"{most:,}")
    room = max(1, min(MAX_BAR, canvas.width - label - count - FRAME))
    for place, name in enumerate(shown):
        rows = classes[name]
        colour = COLOURS[place] if coloured and place < len(COLOURS) else BAR
        bar = fitted(lying(rows / max(1, most), room), room)
        yield line(f"  {fitted(name, label)}  ", (bar, colour), f"  {rows:>{count},}  {show_percent(rows / total):>7}")
    if left := names[len(shown) :]:
        fewest, most = classes[left[-1]], classes[left[0]]
        text = f"  … and {len(left):,} more classes of {fewest:,} to {most:,} rows; --all shows them"
        yield line((cut_to(text, canvas.width), FAINT))
