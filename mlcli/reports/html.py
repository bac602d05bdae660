"""Pages as HTML that loads and runs nothing, and the small graphics in them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.io.text import plain, show_number, show_percent
from mlcli.reports.figures.style import PALETTE, inline_svg
from mlcli.reports.scores import VERDICTS, describe_direction, describe_folds, show_interval, show_range, show_spread

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

# Images with longer sides are thinned out.
MAX_SIDE = 96
# Units of the histogram's view box; bars above 0 have the minimum height, so that they can be seen.
WIDTH, HEIGHT, GAP, MIN_HEIGHT = 120, 60, 0.5, 2.0


def render(template: str, **facts: object) -> str:
    """The page of templates/`template`, as text; the facts are escaped."""
    return _environment().get_template(template).render(facts)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    templates = files(__package__).joinpath("templates")
    environment = Environment(
        loader=FunctionLoader(lambda name: templates.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_without_controls,
    )
    environment.filters |= {
        "number": show_number,
        "direction": describe_direction,
        "share": show_percent,
        "count": "{:,}".format,
        "interval": show_interval,
        "spread": show_spread,
        "range": show_range,
        "folds": describe_folds,
        "verdict": VERDICTS.__getitem__,
        "histogram": lambda counts: draw_histogram([counts], [PALETTE[0]]),
        "png": png_uri,
        "svg": inline_svg,
    }
    return environment


def _without_controls(value: object) -> object:
    """Text of an expression without control characters other than line ends; markup as it is."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return "\n".join(map(plain, value.split("\n")))
    return value


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """An image as a data URI of a PNG.

    pixels : uint8 (height, width[, channels]), 0 black; grey unless there are 3 channels
    """
    from PIL import Image

    if pixels.ndim == 3 and pixels.shape[2] != 3:
        pixels = pixels.mean(axis=2).astype(np.uint8)
    step = -(-max(pixels.shape[:2]) // MAX_SIDE)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[::step, ::step])).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def draw_histogram(
    layers: Sequence[Sequence[int]], colours: Sequence[str], means: Sequence[float | None] = ()
) -> Markup:
    """An SVG of stacked bars, and a line through the means between the lowest and the highest of them.

    layers : rows in each bin, the lowest layer first
    means  : of each bin; the line has a gap at None
    """
    from markupsafe import Markup

    n_bins = max(map(len, layers), default=0)
    step, top = WIDTH / max(n_bins, 1), max(map(sum, zip(*layers, strict=True)), default=0)
    paths, bottoms = [], [0.0] * n_bins
    for layer, colour in zip(layers, colours, strict=False):
        heights = [max(MIN_HEIGHT, HEIGHT * count / top) if count else 0.0 for count in layer]
        bars = "".join(
            f"M{i * step:.2f} {HEIGHT - bottoms[i]:.2f}v-{height:.2f}h{step - GAP:.2f}v{height:.2f}z"
            for i, height in enumerate(heights)
            if height > 0
        )
        paths.append(Markup('<path fill="{}" d="{}"/>').format(colour, bars))
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    inside = Markup("").join([*paths, _line(means, step)])
    svg = Markup('<svg class="histogram" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>')
    return svg.format(WIDTH, HEIGHT, inside)


def _line(means: Sequence[float | None], step: float) -> Markup:
    from markupsafe import Markup

    known = [mean for mean in means if mean is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    if low == high:
        return Markup("")
    moves = ""
    for i, mean in enumerate(means):
        if mean is not None:
            move = "M" if i == 0 or means[i - 1] is None else "L"
            moves += f"{move}{(i + 0.5) * step:.2f} {HEIGHT - 2 - (HEIGHT - 4) * (mean - low) / (high - low):.2f}"
    return Markup('<path class="means" d="{}"/>').format(moves)
