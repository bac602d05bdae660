"""The report as a browser shows it; skipped where there is no Chromium."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from mlcli.config.sections.training import EvaluationConfig
from mlcli.data.notes import ColumnSummary
from mlcli.data.tables.types import Column, Images, Table
from mlcli.evaluation.baselines import Baseline
from mlcli.evaluation.effects import Effect, Effects
from mlcli.evaluation.evaluate import evaluate_predictions
from mlcli.evaluation.importance import Importance, Importances
from mlcli.evaluation.mistakes import find_mistakes
from mlcli.models.coefficients import WeightsTable
from mlcli.models.task import Classification
from mlcli.reports.evaluation_page import ReportFacts, render_report
from mlcli.reports.figures.classification import draw_confusion
from mlcli.reports.figures.columns import draw_importance
from mlcli.reports.figures.effects import draw_effect
from mlcli.reports.figures.style import svg_text
from tests.evaluation.examples import class_predictions

LONG = "<b onclick=alert(1)>" + 20 * "unbroken_" + " & 'so on' "


def crowded(n_classes, n_columns, data):
    """A report of many classes and columns whose names are long, and whose texts are markup."""
    names = tuple(f"{LONG}{i}" for i in range(n_classes))
    columns = [f"{LONG}{i}" for i in range(n_columns)]
    task = Classification(LONG, names, (3,) * n_classes, "softmax", True)
    truth = np.arange(n_classes)
    predictions = class_predictions(np.full((n_classes, n_classes), 1 / n_classes))
    weights = WeightsTable(tuple(columns), (LONG,) * 9, ((1.5,) * 9,) * n_columns, (0.0,) * 9, LONG)
    baselines = [Baseline(f"{LONG}{i}", LONG, predictions) for i in range(5)]
    config = EvaluationConfig(metrics=("accuracy", "recall"))
    told = {"test_looks": 3, "stand_in_for": LONG, "weights": weights}
    evaluation = evaluate_predictions(task, truth, predictions, config, split="test", baselines=baselines, **told)
    importances = Importances("accuracy", "", 9, (Importance(tuple(columns), 0.2, 0.1, 0.3),))
    effect = Effect(LONG, "category", LONG, (LONG, None), (0.0, 1.0), (0.0, 0.0), (1.0, 1.0))
    evaluation = replace(evaluation, importances=importances, effects=Effects(9, (effect,), None))
    figures = {
        "effect_1": svg_text(draw_effect(effect, (0.0, 1.0))),
        "confusion_matrix": svg_text(draw_confusion(np.eye(n_classes, dtype=int), names)),
        "importance": svg_text(draw_importance(importances)),
    }
    return ReportFacts(
        name=LONG,
        summary=LONG,
        evaluation=evaluation,
        figures=figures,
        rows={"train": 10**9, "test": n_classes},
        columns=tuple(ColumnSummary(name, "target", LONG, 10**9, 0.5, 10**9, (1, 2, 3), LONG) for name in columns),
        config=LONG,
        environment={LONG: LONG},
        warnings=(LONG,),
        notes=(LONG,),
        numbers={LONG: LONG},
        classes={"train": dict.fromkeys(names, 10**6), "valid": {}, "test": dict.fromkeys(names, 1)},
        mistakes=find_mistakes(task, data, truth, predictions, columns),
        config_name=LONG,
    )


def table(n_rows, n_columns):
    columns = tuple(Column(f"{LONG}{i}", "category") for i in range(n_columns))
    return Table(pl.DataFrame({column.name: [LONG] * n_rows for column in columns}), columns, ())


REPORTS = {
    "few": lambda: crowded(3, 2, table(3, 2)),
    "many": lambda: crowded(210, 100, table(210, 100)),
    "pictures": lambda: crowded(30, 2, Images(np.zeros((30, 9, 4), np.uint8), None, ())),
}


@pytest.mark.parametrize("case", REPORTS)
def test_no_page_is_wider_than_its_window_or_asks_for_anything(tab, tmp_path, case):
    path = tmp_path / "report.html"
    path.write_text(render_report(REPORTS[case]()), encoding="utf-8")
    for width in (1280, 390):
        tab.open(path, width, phone=width < 500)
        tab.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate("document.querySelectorAll('script, b, [onclick]').length") == 0
        asked = [event["request"]["url"] for event in tab.named("Network.requestWillBeSent")]
        assert [url for url in asked if not url.startswith("data:image/png")] == [path.as_uri()]
        complaints = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        assert not [complaint for name in complaints for complaint in tab.named(name)]
