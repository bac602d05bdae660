"""Small graphics between words, coloured by the page's style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

# The drawing's own units; the page stretches it.
WIDTH, HEIGHT, GAP = 120, 26, 1


def draw_bars(counts: Sequence[int]) -> Markup:
    """Bars side by side, the highest as high as the picture; any count above 0 can be seen."""
    from markupsafe import Markup

    step, top = WIDTH / max(len(counts), 1), max(counts, default=0)
    bars = (
        f"M{i * step:.2f} {HEIGHT}v-{max(1.0, HEIGHT * count / top):.2f}h{step - GAP:.2f}V{HEIGHT}z"
        for i, count in enumerate(counts)
        if count > 0
    )
    return Markup('<svg class="spark" viewBox="0 0 {} {}" aria-hidden="true"><path d="{}"/></svg>').format(
        WIDTH, HEIGHT, "".join(bars)
    )
