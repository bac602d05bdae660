"""Correlations as a table of numbers, coloured by their strength."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlcli.console.canvas import FAINT, HEADING, Canvas, line
from mlcli.console.cells import cut_to, fitted, longest
from mlcli.exploration.correlations import Correlations

if TYPE_CHECKING:
    from rich.text import Text

CELL, MAX_NAME, MAX_SHOWN = 6, 22, 20
# Colours of a rise and of a fall, from each |r| on.
RISING = ((0.8, "bold white on #0a5c93"), (0.5, "white on #2b6f9e"), (0.2, "bright_blue"))
FALLING = ((0.8, "bold white on #a34700"), (0.5, "white on #b3672c"), (0.2, "yellow"))


def correlation_lines(found: Correlations, canvas: Canvas) -> Iterator[Text]:
    """The triangle below the diagonal; columns are named by their number."""
    name = min(MAX_NAME, longest(list(found.names)))
    room = (canvas.width - name - 4) // CELL + 1
    shown = min(len(found.names), MAX_SHOWN, room)
    if shown < 2:
        return
    yield line((cut_to("Correlation of numbers (Pearson's r)", canvas.width), HEADING))
    for row in range(shown):
        cells = [_cell(found.r[row][column]) for column in range(row)]
        yield line((f"{row + 1:>2} ", FAINT), fitted(found.names[row], name), " ", *cells)
    numbers = "".join(f"{column + 1:>{CELL - 1}} " for column in range(shown - 1))
    yield line((f"   {'':{name}} {numbers}", FAINT))
    left = len(found.names) - shown + found.left_out
    if left:
        yield line((cut_to(f"… and {left:,} more; --json has more of them", canvas.width), FAINT))


def _cell(r: float | None) -> tuple[str, str]:
    if r is None:
        return f"{'–':^{CELL}}", FAINT
    text = f"{r:{CELL - 1}.2f} ".replace("-", "−")
    steps = RISING if r > 0 else FALLING
    return text, next((style for least, style in steps if abs(r) >= least), FAINT)
