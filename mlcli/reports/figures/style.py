"""The style of all figures, and figures as SVG text."""

from __future__ import annotations

import io
import re
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.io.atomic import write_file
from mlcli.io.text import plain

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK = "#1b2733"
MUTED = "#66727f"
FAINT = "#c9d0d6"
GRID = "#e9edf0"
PAPER = "#ffffff"
# After Okabe and Ito (2008), distinct to colour-blind readers; the pale ones darkened so that text can be read.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#b65a92", "#b07d00", "#3b97cf", "#6f4fa0", "#7d5c3c")

# Inches; at 96 pixels an inch the usual figure is 450 pixels wide, so that it can still be read on a phone.
WIDTH = 4.7
HEIGHT = 3.2
TITLE_SIZE = 11.0
TEXT_SIZE = 9.5
SMALL_SIZE = 8.5
# Height of a line of title and of subtitle, and the space below them, in inches.
TITLE_LINE, SUBTITLE_LINE, HEADROOM = 0.2, 0.165, 0.1

# Keys differ between matplotlib's versions, and so does their type.
RC: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": TEXT_SIZE,
    "text.color": INK,
    # Names from the data may hold dollar signs; they are not formulas.
    "text.parse_math": False,
    "axes.titlesize": TEXT_SIZE,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": MUTED,
    "axes.labelsize": TEXT_SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": SMALL_SIZE,
    "ytick.labelsize": SMALL_SIZE,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "svg.fonttype": "none",
    "svg.hashsalt": "mlcli",
    "path.simplify": True,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in this style, whatever the user's own matplotlib settings are; also a decorator."""
    import matplotlib

    # Names in scripts that the bundled font lacks still reach the SVG as text.
    with matplotlib.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from font")
        yield


def new_figure(title: str, subtitle: str, width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """An empty figure with its finding as title, and below how to read it; sizes in inches."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    heading = textwrap.wrap(plain(title), int(width * 10.5))
    body = textwrap.wrap(plain(subtitle), int(width * 15.5))
    top = 0.06 + TITLE_LINE * len(heading)
    used = top + SUBTITLE_LINE * len(body) + HEADROOM
    layout = ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - used / height), w_pad=0.06, h_pad=0.06)
    figure = Figure(figsize=(width, height), layout=layout)
    figure.text(0.004, 1 - 0.05 / height, "\n".join(heading), va="top", size=TITLE_SIZE, weight="bold")
    figure.text(0.004, 1 - top / height, "\n".join(body), va="top", size=SMALL_SIZE, color=MUTED)
    return figure


def color_of(index: int, n: int) -> str:
    """The colour of class `index` of n; beyond the palette, evenly spaced hues."""
    import matplotlib
    from matplotlib.colors import to_hex

    if n <= len(PALETTE):
        return PALETTE[index]
    return to_hex(matplotlib.colormaps["turbo"](0.05 + 0.9 * index / (n - 1)))


def shorten_ticks(axis: Axis) -> None:
    """Write large numbers along an axis as 70k and 1.2M, where their steps are large too."""
    from matplotlib.ticker import FuncFormatter

    low, high = axis.get_view_interval()
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if high - low >= 2 * size and max(abs(low), abs(high)) >= 5 * size:
            axis.set_major_formatter(FuncFormatter(lambda x, _, size=size, letter=letter: _in_units(x, size, letter)))
            return


def _in_units(value: float, size: float, letter: str) -> str:
    return f"{value / size:g}{letter}".replace("-", "−") if value else "0"


def write_note(axes: Axes, text: str) -> None:
    """Write the reason into an empty plot."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, plain(text), ha="center", va="center", color=MUTED, transform=axes.transAxes, wrap=True)


def label_at_right(axes: Axes, entries: list[tuple[float, str, str]], gap: float = 0.065) -> None:
    """Write coloured labels right of the plot at heights in axes fractions, pushed apart where they would touch.

    entries : (height, text, colour)
    """
    heights: list[float] = []
    ordered = sorted(entries, key=lambda entry: entry[0])
    for height, _, _ in ordered:
        heights.append(max(height, heights[-1] + gap) if heights else height)
    overflow = max(0.0, heights[-1] - 1.0) if heights else 0.0
    for height, (_, text, color) in zip(heights, ordered, strict=True):
        axes.annotate(
            text, (1.0, height - overflow), xycoords="axes fraction", xytext=(6, 0), textcoords="offset points",
            va="center", color=color, size=SMALL_SIZE, annotation_clip=False,
        )  # fmt: skip


def svg_text(figure: Figure) -> str:
    """The figure as an SVG document, without date or tool version."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with style():
        # savefig draws once more beforehand, and lays everything out each time.
        FigureCanvasSVG(figure).print_svg(buffer, metadata=no_metadata)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def save_svg(figure: Figure, path: Path) -> None:
    """Write the figure to a file, whole or not at all."""
    write_file(path, svg_text(figure).encode())


def inline_svg(svg: str) -> Markup:
    """The svg element alone: inside HTML it needs no prologue and no namespaces. Its texts are escaped already."""
    from markupsafe import Markup

    element = svg[svg.index("<svg") :]
    return Markup(re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", element, count=2))  # noqa: S704
