"""report.html: the evaluation as one page that holds all it shows, loads nothing and runs nothing."""

from mlcli.evaluation.columns import ColumnFacts
from mlcli.evaluation.report.facts import ReportFacts
from mlcli.evaluation.report.gather import gather_facts
from mlcli.evaluation.report.render import render_report

__all__ = ["ColumnFacts", "ReportFacts", "gather_facts", "render_report"]
