"""Small graphics between words, coloured by the page's style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

# The drawing's own units; the page stretches it.
WIDTH, HEIGHT, GAP = 120, 26, 1
TALL = 60


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


def draw_stack(layers: Sequence[Sequence[int]], colours: Sequence[str], means: Sequence[float | None] = ()) -> Markup:
    """Bars side by side, of one layer over the other in their colours; and a line from the least mean to the greatest.

    layers : rows in each bin; the first at the bottom
    """
    from markupsafe import Markup

    n_bins = max(map(len, layers), default=0)
    step, top = WIDTH / max(n_bins, 1), max((sum(counts) for counts in zip(*layers, strict=True)), default=0)
    paths, bottoms = [], [0.0] * n_bins
    for layer, colour in zip(layers, colours, strict=False):
        heights = [TALL * count / top if top else 0.0 for count in layer]
        drawn = "".join(
            f"M{i * step:.2f} {TALL - bottoms[i]:.2f}v{-height:.2f}h{step - GAP / 2:.2f}v{height:.2f}z"
            for i, height in enumerate(heights)
            if height > 0
        )
        paths.append(Markup('<path fill="{}" d="{}"/>').format(colour, drawn))
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    inside = Markup("").join([*paths, _line(means, step)])
    shape = Markup('<svg class="shape" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>')
    return shape.format(WIDTH, TALL, inside)


def _line(means: Sequence[float | None], step: float) -> Markup:
    """Broken where there is no mean."""
    from markupsafe import Markup

    known = [mean for mean in means if mean is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    if low == high:
        return Markup("")
    drawn = ""
    for i, mean in enumerate(means):
        if mean is not None:
            move = "M" if i == 0 or means[i - 1] is None else "L"
            drawn += f"{move}{(i + 0.5) * step:.2f} {TALL - 2 - (TALL - 4) * (mean - low) / (high - low):.2f}"
    return Markup('<path class="along" d="{}"/>').format(drawn)
