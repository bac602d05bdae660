"""A curve in one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN = "_.-~=+*#"


def sparkline(values: Sequence[float], width: int, blocks: str = BLOCKS) -> str:
    """One character for each of `width` equal stretches of the values, by the mean over the stretch."""
    width = min(width, len(values))
    edges = [round(at * len(values) / width) for at in range(width + 1)]
    means = [sum(values[low:high]) / (high - low) for low, high in pairwise(edges)]
    low, high = min(means), max(means)
    scale = (len(blocks) - 1) / (high - low) if high > low else 0.0
    return "".join(blocks[round((mean - low) * scale)] for mean in means)
