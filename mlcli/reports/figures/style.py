"""The style of all figures, and figures as SVG text."""

from __future__ import annotations

import io
import math
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mlcli.io.atomic import write_file
from mlcli.io.text import plain, shorten
from mlcli.reports.scales import AxisScale, round_numbers, show_ticks

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

# Luminance of a colour at most, so that text in it can be read.
DARK = 0.5
# Inches; at 96 pixels an inch the usual figure is 450 pixels wide, so that it can still be read on a phone.
WIDTH = 4.7
HEIGHT = 3.2
TITLE_SIZE = 11.0
TEXT_SIZE = 9.5
SMALL_SIZE = 8.5
# Height of a line of title and of subtitle, and the space below them, in inches.
TITLE_LINE, SUBTITLE_LINE, HEADROOM = 0.2, 0.165, 0.1
# Height of a line of text, and of the ticks and the name below a plot, and the width of those beside it, in inches.
LINE, BELOW, BESIDE = 1.25 / 72, 0.5, 0.65
# Width of the narrowest letter, in sizes of the text.
NARROWEST = 0.2
# Degrees that names slant by where level ones would overlap; share of a cell's sides that text in it may take.
SLANT, FILLED = 40, 0.9
# Inches of a name along an axis, and of one beside a row, at most.
LONGEST_NAME, LONGEST_ROW = 2.1, 1.8
# Labels along a logarithmic axis, at most.
MAX_TICKS = 6

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
    # So that labels of both axes stay apart where they meet in the corner.
    "xtick.major.pad": 6.0,
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


def new_figure(title: str, subtitle: str, height: float = HEIGHT, plot: float | None = None) -> Figure:
    """An empty figure with its finding as title, and below how to read it.

    height : inches    plot : inches below title and subtitle, in place of the height
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    heading = _wrap(title, TITLE_SIZE, "bold")
    body = _wrap(subtitle, SMALL_SIZE)
    top = 0.06 + TITLE_LINE * len(heading)
    used = top + SUBTITLE_LINE * len(body) + HEADROOM
    height = height if plot is None else used + plot
    layout = ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - used / height), w_pad=0.06, h_pad=0.06)
    figure = Figure(figsize=(WIDTH, height), layout=layout)
    figure.text(0.004, 1 - 0.05 / height, "\n".join(heading), va="top", size=TITLE_SIZE, weight="bold")
    figure.text(0.004, 1 - top / height, "\n".join(body), va="top", size=SMALL_SIZE, color=MUTED)
    return figure


def _wrap(text: str, size: float, weight: str = "normal") -> list[str]:
    """Lines no wider than a figure; a number stays with its per cent sign."""
    letters, text = int(110 * WIDTH / size), plain(text).replace(" %", "\N{NO-BREAK SPACE}%")
    while (lines := textwrap.wrap(text, letters)) and widest(lines, size, weight) > WIDTH - 0.05 and letters > 9:
        letters -= 2
    return lines


def color_of(index: int, n: int) -> str:
    """The colour of class `index` of n; beyond the palette, evenly spaced hues, dark enough for text."""
    import matplotlib
    from matplotlib.colors import to_hex

    if n <= len(PALETTE):
        return PALETTE[index]
    red, green, blue, _ = matplotlib.colormaps["turbo"](0.05 + 0.9 * index / (n - 1))
    darker = min(1.0, DARK / (0.2126 * red + 0.7152 * green + 0.0722 * blue))
    return to_hex((red * darker, green * darker, blue * darker))


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


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Inches of a text of so many points in the figures' font, which is wider than most."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=RC["font.family"], size=size, weight=weight)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) / 72


def widest(texts: Sequence[str], size: float, weight: str = "normal") -> float:
    """Inches of the widest text; 0 of none."""
    return max((text_width(text, size, weight) for text in texts), default=0.0)


def shorten_to(text: str, inches: float, size: float) -> str:
    """The text, cut in the middle until it is at most so wide; a single letter at least."""
    most = min(len(text), math.ceil(72 * inches / (NARROWEST * size)))
    return next(
        (short for letters in range(most, 1, -1) if text_width(short := shorten(text, letters), size) <= inches),
        plain(text)[:1],
    )


def axis_name(text: str) -> str:
    """A name of the data, short enough to stand along an axis."""
    return shorten_to(text, LONGEST_NAME, TEXT_SIZE)


def size_in_cells(texts: Sequence[str], width: float, height: float, largest: float) -> float | None:
    """Points of the largest text that fits into cells of so many inches; None where it could not be read."""
    needed = max(widest(texts, largest) / width, largest * LINE / height)
    size = largest * min(1.0, FILLED / needed) if needed else largest
    return size if size >= 5.5 else None


def label_cells(axes: Axes, names: Sequence[str], cell: float, size: float) -> float:
    """Names below cells of so many inches: level, slanted or upright, and not all of them, so that none overlap.

    Returns the inches that they take downwards.
    """
    line, width = size * LINE, widest(names, size)
    angle = 0 if width <= FILLED * cell else SLANT if line <= cell * math.sin(math.radians(SLANT)) else 90
    every = math.ceil(line / cell) if angle == 90 else 1
    places = range(0, len(names), every)
    axes.set_xticks(places, names[::every], rotation=angle, ha="right" if angle == SLANT else "center", size=size)
    for label in axes.get_xticklabels() if angle == SLANT else ():
        label.set_rotation_mode("anchor")
    return line + width * math.sin(math.radians(angle))


def label_rows(axes: Axes, names: Sequence[str], cell: float, size: float) -> None:
    """Names beside rows of so many inches; not all of them where they would overlap."""
    every = math.ceil(size * LINE / cell)
    axes.set_yticks(range(0, len(names), every), names[::every], size=size)


def label_log(axis: Axis) -> None:
    """Round numbers along a logarithmic axis whose limits are set: two at least, however short it is."""
    from matplotlib.ticker import NullLocator

    low, high = axis.get_view_interval()
    ticks = round_numbers(AxisScale(low, high, log=True), MAX_TICKS)
    axis.set_ticks(ticks, show_ticks(ticks, log=True))
    axis.set_minor_locator(NullLocator())


def label_at_right(axes: Axes, entries: Sequence[tuple[float, str, str]]) -> None:
    """Write coloured labels right of the plot at heights in axes fractions, pushed apart where they would touch.

    entries : (height, text, colour), the most important first; those that do not fit are counted
    """
    line, room = SMALL_SIZE * LINE, _plot_height(axes, widest([text for _, text, _ in entries], SMALL_SIZE))
    fitting = int(room / line) + 1
    shown = list(entries)
    if len(entries) > fitting:
        shown = [*entries[: fitting - 1], (-math.inf, f"and {len(entries) - fitting + 1} more", MUTED)]
    shown.sort(key=lambda entry: entry[0])
    heights: list[float] = []
    for height, _, _ in shown:
        heights.append(max(height, 0.0, heights[-1] + line / room if heights else 0.0))
    top = 1.0
    for place in reversed(range(len(heights))):
        heights[place] = min(heights[place], top)
        top = heights[place] - line / room
    for height, (_, text, color) in zip(heights, shown, strict=True):
        axes.annotate(
            text, (1.0, height), xycoords="axes fraction", xytext=(6, 0), textcoords="offset points",
            va="center", color=color, size=SMALL_SIZE, annotation_clip=False,
        )  # fmt: skip


def _plot_height(axes: Axes, beside: float) -> float:
    """Inches of the plot's height at least, with labels of so many inches beside it."""
    figure = cast("Figure", axes.figure)
    layout = figure.get_layout_engine()
    width, height = figure.get_size_inches().tolist()
    height = height * (layout.get()["rect"][3] if layout else 1.0) - BELOW
    return float(height if axes.get_aspect() == "auto" else min(height, width - BESIDE - beside))


def lay_out(figure: Figure) -> None:
    """Lay out a figure before it is drawn: the labels around a plot of fixed proportions need a second pass."""
    layout = figure.get_layout_engine()
    if layout and any(axes.get_aspect() != "auto" for axes in figure.axes):
        layout.execute(figure)


def svg_text(figure: Figure) -> str:
    """The figure as an SVG document, without date or tool version."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with style():
        lay_out(figure)
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
