"""Pages as HTML, and the small graphics in them."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.io.text import show_number
from mlcli.reports.evaluation_page import ReportFacts
from mlcli.reports.figures.style import inline_svg
from mlcli.reports.scores_view import view_scores
from mlcli.reports.wording import say_folds, show_interval, show_range, show_spread, show_value

if TYPE_CHECKING:
    from markupsafe import Markup

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, COLOUR = 0, 2
# Sides longer than this are thinned out.
MAX_SIDE = 96


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG (ISO/IEC 15948) of pixels (height, width[, channels]), 0 black; in grey unless there are 3 channels."""
    kind = COLOUR if pixels.ndim == 3 and pixels.shape[2] == 3 else GREY
    if pixels.ndim == 3 and kind == GREY:
        pixels = pixels.mean(axis=2).astype(np.uint8)
    step = -(-max(pixels.shape[:2]) // MAX_SIDE)
    pixels = pixels[::step, ::step]
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    # Each line starts with how it is filtered: not at all.
    lines = np.pad(pixels.reshape(height, -1), ((0, 0), (1, 0)))
    return (
        SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)) + _chunk(b"IEND", b"")
    )


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """The picture as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(pixels)).decode()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


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


# Longer tables are folded away until they are asked for.
MAX_OPEN_ROWS = 20
# The part of the page that a figure belongs to; all others show the answers.
PARTS = {
    **dict.fromkeys(("learning_curve", "metric_curve", "learning_rate"), "training"),
    "importance": "importance",
    **dict.fromkeys(("line_fit", "heat_map", "decision_boundary", "weights", "first_layer"), "learned"),
}


def render_report(facts: ReportFacts) -> str:
    """An HTML page that loads nothing and runs nothing; all that comes from data is escaped."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_read_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": show_number,
        "value": show_value,
        "interval": show_interval,
        "spread": show_spread,
        "range": show_range,
        "dealt": say_folds,
        "count": "{:,}".format,
        "share": lambda share: f"{100 * share:.1f} %",
        "bars": draw_bars,
        "png": png_uri,
    }
    return environment.get_template("page.html.j2").render(
        facts=facts,
        evaluation=facts.evaluation,
        view=view_scores(facts.evaluation),
        figures=_group(facts.figures),
        max_open_rows=MAX_OPEN_ROWS,
    )


def _group(figures: Mapping[str, str]) -> dict[str, dict[str, Markup]]:
    """The figures by the part of the page they belong to, in their order."""
    groups: dict[str, dict[str, Markup]] = {part: {} for part in ("training", "answers", "importance", "learned")}
    for name, svg in figures.items():
        groups[PARTS.get(name, "answers")][name] = inline_svg(svg)
    return groups


def _read_template(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
