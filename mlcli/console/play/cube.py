"""The colours of a plane among the 256 that many terminals have: six steps of red, green and blue, and greys.

The nearest of them to a mixed colour is often of another hue, so they are chosen by hand.
"""

from __future__ import annotations

from typing import NamedTuple


class Ramp(NamedTuple):
    """Of one kind: the plane from undecided to sure, and rows of training and of validation."""

    plane: tuple[str, ...]
    training: tuple[str, ...]
    validation: tuple[str, ...]


MIDDLE, UNKNOWN, WEAK, FAR = "#eeeeee", "#8a8a8a", "#b2b2b2", "#626262"
# In the order of the palette: orange, blue, green, purple, yellow, light blue, violet, brown.
RAMPS = (
    Ramp((MIDDLE, "#ffffd7", "#ffd7af", "#ffd787", "#ffaf5f"), (WEAK, "#d7875f", "#d75f00"), (FAR, "#875f00")),
    Ramp((MIDDLE, "#d7ffff", "#afd7ff", "#87afd7", "#5fafd7"), (WEAK, "#5f87af", "#005faf"), (FAR, "#00005f")),
    Ramp((MIDDLE, "#d7ffd7", "#afd7af", "#87d7af", "#5faf87"), (WEAK, "#5f875f", "#00875f"), (FAR, "#005f00")),
    Ramp((MIDDLE, "#ffd7ff", "#d7afd7", "#d787af", "#af5faf"), (WEAK, "#875f87", "#af005f"), (FAR, "#5f005f")),
    Ramp((MIDDLE, "#ffffd7", "#ffffaf", "#d7d787", "#d7d75f"), (WEAK, "#87875f", "#878700"), (FAR, "#5f5f00")),
    Ramp((MIDDLE, "#d7ffff", "#afffff", "#87d7d7", "#5fd7d7"), (WEAK, "#5f8787", "#008787"), (FAR, "#005f5f")),
    Ramp((MIDDLE, "#d7d7ff", "#afafd7", "#8787d7", "#875fd7"), (WEAK, "#5f5f87", "#5f00af"), (FAR, "#00005f")),
    Ramp((MIDDLE, "#ffd7d7", "#d7afaf", "#af8787", "#af875f"), (WEAK, "#875f5f", "#875f00"), (FAR, "#5f0000")),
)


def ramp_at(colours: tuple[str, ...], share: float) -> str:
    """The colour so far along, 0 to 1."""
    return colours[round(share * (len(colours) - 1))]
