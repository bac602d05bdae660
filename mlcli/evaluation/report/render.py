"""The facts as an HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING

from mlcli.evaluation.figures.svg import inline_svg
from mlcli.evaluation.png import png_uri
from mlcli.evaluation.report.facts import ReportFacts
from mlcli.evaluation.report.view import view_scores
from mlcli.evaluation.show import say_folds, show_interval, show_number, show_range, show_spread, show_value
from mlcli.evaluation.sparks import draw_bars

if TYPE_CHECKING:
    from markupsafe import Markup

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
