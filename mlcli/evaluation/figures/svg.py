"""Figures as SVG text, the same bytes for the same figure."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.evaluation.figures.style import style
from mlcli.files import write_file

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def svg_text(figure: Figure) -> str:
    """The figure as an SVG document, without date or tool version."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    with style():
        # savefig draws once more beforehand, and lays everything out each time.
        FigureCanvasSVG(figure).print_svg(buffer, metadata=NO_METADATA)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def save_svg(figure: Figure, path: Path) -> None:
    """Write the figure to a file, whole or not at all."""
    write_file(path, svg_text(figure).encode())


def inline_svg(svg: str) -> Markup:
    """The svg element alone: inside HTML it needs no prologue and no namespaces. Its texts are escaped already."""
    from markupsafe import Markup

    element = svg[svg.index("<svg") :]
    return Markup(re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", element, count=2))  # noqa: S704
