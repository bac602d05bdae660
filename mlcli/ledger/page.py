"""A comparison as one self-contained HTML page."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from mlcli.evaluation.figures.overlay import draw_overlay
from mlcli.evaluation.figures.svg import inline_svg, svg_text
from mlcli.files import write_file
from mlcli.ledger.comparison import Comparison
from mlcli.ledger.curves import curves_of
from mlcli.ledger.tables import tables_of

SUBTITLES = {"training loss": "Mean over the epoch's rows, while the weights changed."}


def write_page(comparison: Comparison, path: Path) -> None:
    """Write the page to a file, whole or not at all."""
    write_file(path, render_page(comparison).encode())


def render_page(comparison: Comparison) -> str:
    """An HTML page that loads nothing and runs nothing; all that comes from runs is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files(__package__).joinpath("comparison.html.j2").read_text(encoding="utf-8"))
    figures = {
        quantity: inline_svg(svg_text(draw_overlay(quantity, SUBTITLES.get(quantity, "After each epoch."), series)))
        for quantity, series in curves_of(comparison).items()
    }
    return template.render(names=comparison.names, tables=tables_of(comparison), figures=figures)
