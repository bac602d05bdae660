"""The evaluation as one self-contained HTML page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mlcli.evaluation.evaluate import Evaluation
from mlcli.evaluation.show import compare_with, show_interval, show_number, show_value
from mlcli.metrics.catalog import CATALOG
from mlcli.metrics.score import Score

if TYPE_CHECKING:
    from markupsafe import Markup

# Longer tables are folded away until they are asked for.
MAX_OPEN_ROWS = 20


@dataclass(frozen=True)
class ColumnFacts:
    """One column of the data: missing is its missing cells, None where they were not counted."""

    name: str
    role: str
    kind: str
    missing: int | None = None
    distinct: int | None = None


@dataclass(frozen=True)
class ReportFacts:
    """What the report tells.

    name        : of the run, such as iris/003
    summary     : what was trained on what, in a sentence or two
    figures     : SVG documents by name, in order of appearance, as `svg_text` gives them
    rows        : rows of each split
    columns     : columns of the data; empty for pictures
    notes       : what was found and done while preparing, one line each
    config      : the resolved configuration as YAML
    environment : what the run was made with, such as {"torch": "2.13.0"}
    """

    name: str
    summary: str
    evaluation: Evaluation
    figures: Mapping[str, str]
    rows: Mapping[str, int]
    columns: tuple[ColumnFacts, ...]
    config: str
    environment: Mapping[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Row:
    """One metric of the table of scores; baselines are in the order of the evaluation's."""

    score: Score
    interval: str
    baselines: tuple[Score, ...]
    verdict: str
    meaning: str


def render_report(facts: ReportFacts) -> str:
    """An HTML page that loads nothing and runs nothing; all that comes from data is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": show_number, "value": show_value, "count": "{:,}".format}
    template = environment.from_string(files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8"))
    return template.render(_view(facts))


def _view(facts: ReportFacts) -> dict[str, Any]:
    """What the template names."""
    evaluation = facts.evaluation
    rows = tuple(_row(evaluation, i) for i in range(len(evaluation.scores)))
    return {
        "facts": facts,
        "evaluation": evaluation,
        "rows": rows,
        "headline": next((row for row in rows if row.score.value is not None), rows[0] if rows else None),
        "level": f"{100 * evaluation.confidence:.4g} %",
        "figures": {name: inline_svg(svg) for name, svg in facts.figures.items()},
        "max_open_rows": MAX_OPEN_ROWS,
    }


def _row(evaluation: Evaluation, index: int) -> _Row:
    score = evaluation.scores[index]
    rivals = tuple(baseline.scores[index] for baseline in evaluation.baselines)
    verdict = compare_with(score, rivals[0]) if rivals else ""
    return _Row(score, show_interval(score), rivals, verdict, CATALOG[score.name].meaning)


def inline_svg(svg: str) -> Markup:
    """The svg element alone: inside HTML it needs no prologue and no namespaces. Its texts are escaped already."""
    from markupsafe import Markup

    element = svg[svg.index("<svg") :]
    return Markup(re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", element, count=2))  # noqa: S704
