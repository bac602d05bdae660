"""Counts as bars of a terminal's block characters, to an eighth of a character."""

from __future__ import annotations

from collections.abc import Sequence

UPRIGHT, LYING = " ▁▂▃▄▅▆▇█", " ▏▎▍▌▋▊▉█"
EIGHTHS = 8


def towers(counts: Sequence[float], height: int = 1, each: int = 1) -> list[str]:
    """Bars side by side, `each` characters wide, as lines from the top; what is not 0 can be seen."""
    top = max(counts, default=0)
    sizes = [max(1, round(count / top * height * EIGHTHS)) if count > 0 else 0 for count in counts]
    return [
        "".join(UPRIGHT[min(EIGHTHS, max(0, size - EIGHTHS * row))] * each for size in sizes)
        for row in reversed(range(height))
    ]


def lying(share: float, width: int) -> str:
    """A bar over a share of the width; what is not 0 can be seen."""
    size = min(width * EIGHTHS, max(1, round(share * width * EIGHTHS))) if share > 0 else 0
    return UPRIGHT[EIGHTHS] * (size // EIGHTHS) + LYING[size % EIGHTHS].strip()


def heights(values: Sequence[float | None]) -> str:
    """Values between the least and the greatest of them, a character each; blank where there is none."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    scale = (EIGHTHS - 1) / (high - low) if high > low else 0.0
    return "".join(" " if value is None else UPRIGHT[1 + round((value - low) * scale)] for value in values)
