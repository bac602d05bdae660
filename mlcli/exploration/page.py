"""What was explored, as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.errors import UsageError
from mlcli.evaluation.figures.correlations import draw_correlations
from mlcli.evaluation.figures.plane import draw_plane
from mlcli.evaluation.figures.svg import inline_svg, svg_text
from mlcli.evaluation.names import plain
from mlcli.evaluation.png import png_uri
from mlcli.exploration.outcome import ShowOutcome
from mlcli.exploration.page_view import card_of, class_levels
from mlcli.exploration.pictures import ExploredPictures
from mlcli.exploration.table import ExploredTable
from mlcli.exploration.words import SPLITS
from mlcli.files import write_file

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

ENDINGS = (".html", ".htm")
# Columns and classes seen at once; the others are folded away.
MAX_OPEN = 30
# Columns on the page.
MAX_CARDS = 200
STYLE = ("report", "templates", "style.css")


def require_page_name(path: Path) -> None:
    """Raise UsageError for a file that is not to be a page."""
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path}: a page is written, so give a name that ends in .html")


def write_page(outcome: ShowOutcome, path: Path) -> None:
    """Write the page to a file, whole or not at all."""
    write_file(path, render_page(outcome).encode())


def render_page(outcome: ShowOutcome) -> str:
    """An HTML page that loads nothing and runs nothing; all that comes from data is escaped."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_harmless
    )
    environment.filters |= {"count": "{:,}".format, "png": png_uri}
    template = environment.from_string(files(__package__).joinpath("page.html.j2").read_text(encoding="utf-8"))
    style = files("mlcli.evaluation").joinpath(*STYLE).read_text(encoding="utf-8")
    explored = outcome.explored
    table = explored if isinstance(explored, ExploredTable) else None
    return template.render(
        facts=outcome,
        split=SPLITS[outcome.split],
        style=Markup(style),  # noqa: S704
        table=table,
        pictures=explored if isinstance(explored, ExploredPictures) else None,
        classes=class_levels(explored.classes, coloured=table is not None),
        targets=[card_of(column, table) for column in table.targets if not table.classes] if table else [],
        cards=[card_of(column, table) for column in table.columns[:MAX_CARDS]] if table else [],
        left_out=max(0, len(table.columns) - MAX_CARDS) if table else 0,
        figures=dict(_figures(table)) if table else {},
        max_open=MAX_OPEN,
    )


def _harmless(value: object) -> object:
    """Text without control characters."""
    from markupsafe import Markup

    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _figures(table: ExploredTable) -> Iterator[tuple[str, Markup]]:
    if (points := table.scatter) is not None and points.x:
        names = (points.x_name, points.y_name)
        yield (
            "points",
            _svg(draw_plane(names, points.x, points.y, points.groups, points.group, points.n_rows, points.grouped_by)),
        )
    if (found := table.correlations) is not None and len(found.names) > 2:
        yield "correlations", _svg(draw_correlations(found.names, found.r))


def _svg(figure: Figure) -> Markup:
    return inline_svg(svg_text(figure))
