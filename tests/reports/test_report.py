import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from mlcli.config.sections.training import EvaluationConfig
from mlcli.data.notes import ColumnSummary
from mlcli.data.tables.types import Column, Images, Table
from mlcli.evaluation.baselines import constant_baseline
from mlcli.evaluation.effects import Effects
from mlcli.evaluation.evaluate import MeasuredBaseline, evaluate_predictions, write_evaluation
from mlcli.evaluation.importance import Importances
from mlcli.evaluation.mistakes import find_mistakes
from mlcli.io.text import shorten, show_number
from mlcli.metrics.paired import ScoreDifference
from mlcli.models.coefficients import WeightsTable
from mlcli.models.task import Classification
from mlcli.reports.evaluation_page import ReportFacts, render_report
from mlcli.reports.figures.classification import draw_confusion
from mlcli.reports.figures.style import svg_text
from mlcli.reports.html import png_uri
from mlcli.reports.scores import view_scores
from mlcli.runs.predictions import SavedPredictions, load_predictions
from tests.evaluation.examples import class_predictions, number_predictions, regression, three_classes

NASTY = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
VOID = {"meta", "br", "img", "link", "input"}


class Page(HTMLParser):
    """Collects elements, attributes and text, and checks that elements close in order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.words, self.open = [], [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(" ".join(data.split()))

    @property
    def text(self):
        return " ".join(word for word in self.words if word)


@pytest.fixture
def facts():
    task = Classification(NASTY, ("no", NASTY), (6, 4), "sigmoid", True, threshold=0.4)
    truth = np.array([0, 1] * 10)
    predictions = class_predictions(0.2 + 0.6 * np.eye(2)[np.r_[truth[:-1], 0]])
    baselines = [constant_baseline(task, len(truth))]
    evaluation = evaluate_predictions(
        task, truth, predictions, EvaluationConfig(), split="test", test_looks=1, baselines=baselines
    )
    importances = Importances("accuracy", NASTY, 20, (), NASTY)
    evaluation = replace(evaluation, importances=importances, effects=Effects(0, (), None, NASTY))
    data = Table(pl.DataFrame({NASTY: [NASTY] * 20}), (Column(NASTY, "category"),), ())
    return ReportFacts(
        name=NASTY,
        summary=NASTY,
        evaluation=evaluation,
        figures={"confusion": svg_text(draw_confusion(np.array(evaluation.confusion), evaluation.classes))},
        rows={"train": 1234, "test": 20},
        columns=(
            ColumnSummary(NASTY, "feature", "number", 3, 0.12, 7, (1, 0, 5), "1 to 7"),
            ColumnSummary("y", "target", "category", summary=NASTY),
        ),
        classes={"train": {NASTY: 617, "no": 617}, "valid": {}, "test": {NASTY: 15, "no": 5}},
        numbers={NASTY: NASTY},
        mistakes=find_mistakes(task, data, truth, predictions, (NASTY,)),
        config=f"name: {NASTY}",
        environment={NASTY: NASTY},
        warnings=(NASTY,),
        notes=(NASTY,),
    )


def test_the_page_loads_and_runs_nothing_whatever_the_data_is_called(facts):
    page = Page(render_report(facts))
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    loading = {"src", "href", "xlink:href", "action", "srcset", "data"}
    assert all(value.startswith(("#", "data:image/png")) for key, value in page.attributes if key in loading)
    assert ("src", "x") not in page.attributes
    assert not [key for key, _ in page.attributes if key.startswith("on")]
    assert "http://" not in render_report(facts)
    assert "https://" not in render_report(facts)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'; img-src data:") in page.attributes
    assert page.text.count(NASTY) == 19


def test_the_page_tells_scores_beside_the_baseline(facts):
    text = Page(render_report(facts)).text
    assert "accuracy, 20 test rows 0.9500 higher is better 95 % interval 0.7639 – 0.9911" in text
    assert "Better than the majority baseline network 0.9500 majority 0.5000" in text
    assert "majority always predicts 'no', the most frequent class of the training rows 0.5000 +0.4500 [" in text
    assert "] better" in text
    assert "predicted from a probability of 0.4" in text
    assert "1,234 train, 20 test rows." in text


def test_undefined_scores_show_their_reason(facts):
    score = replace(facts.evaluation.scores[0], value=None, reason="there is <nothing>", low=None, high=None)
    changed = replace(facts, evaluation=replace(facts.evaluation, scores=(score, *facts.evaluation.scores[1:])))
    text = Page(render_report(changed)).text
    assert "undefined: there is <nothing>" in text
    assert "balanced_accuracy, 20 test rows" in text


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"stand_in_for": "<mnist>"}, "The configuration asks for <mnist> , which was not available."),
        ({"test_looks": 3}, "The test rows have been evaluated 3 times"),
        ({"split": "valid"}, "Measured on the validation rows, by which training chose the weights."),
        ({"split": "train", "test_looks": 3}, "Measured on the training rows, to which the model was fitted."),
    ],
)
def test_notices(facts, changes, shown):
    assert shown not in Page(render_report(facts)).text
    assert shown in Page(render_report(replace(facts, evaluation=replace(facts.evaluation, **changes)))).text


def test_columns_and_classes_have_their_shape(facts):
    page = Page(render_report(facts))
    assert f"{NASTY} number 1 to 7 7 3 12.0 %" in page.text
    assert f"{NASTY} 617 50.0 % 15 75.0 %" in page.text
    assert ("style", "width: 75.0%") in page.attributes
    assert ("d", "M0.00 60.00v-12.00h39.50v12.00zM80.00 60.00v-60.00h39.50v60.00z") in page.attributes


def test_the_marks_of_all_models_share_one_line(facts):
    """Accuracy 0.95 with its interval 0.7639 – 0.9911 and the baseline's 0.5: 6 per cent of room at either end."""
    view = view_scores(facts.evaluation)
    width = 0.9911 - 0.5
    low, span = 0.5 - 0.06 * width, 1.12 * width
    expected = [100 * (value - low) / span for value in (0.95, 0.7639, 0.9911, 0.5)]
    marks, baseline = view.marks, view.baselines[0].marks
    assert [marks.at, marks.low, marks.high, baseline.at] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("intervals", "worst", "verdict"),
    [
        ([(0.1, 0.2)], "better", "Better than the b0 baseline"),
        ([(0.1, 0.2)] * 2, "better", "Better than all 2 baselines"),
        (
            [(0.1, 0.2), (-0.1, 0.1), (0.3, 0.4)],
            "no difference",
            "Not significantly different from b1; better than b0 and b2",
        ),
        ([(-0.2, -0.1), (-0.1, 0.1)], "worse", "Worse than b0; not significantly different from b1"),
        ([(None, None)], "undefined", ""),
        ([], "undefined", ""),
    ],
)
def test_the_verdict_in_words(facts, intervals, worst, verdict):
    first = facts.evaluation.scores[0]
    baselines = tuple(
        MeasuredBaseline(f"b{i}", "", (first,), (ScoreDifference("accuracy", 0.1, low, high, True),))
        for i, (low, high) in enumerate(intervals)
    )
    view = view_scores(replace(facts.evaluation, scores=(first,), baselines=baselines))
    assert (view.worst, view.verdict) == (worst, verdict)


def test_metrics_of_baselines_are_coloured_by_their_verdict(facts):
    view = view_scores(facts.evaluation)
    assert {verdict for row in view.rows for _, verdict in row.baselines} >= {"better", "undefined"}
    html = render_report(facts)
    assert '<span class="good">0.5000</span>' in html
    assert '<span class="even">–</span>' in html


def test_the_surest_mistakes_are_shown(facts):
    text = Page(render_report(facts)).text
    assert "1 of 1 misclassified rows, the most confident first." in text
    assert f"20 {NASTY} no 80.0 % {shorten(NASTY, 40)}" in text


def test_mistaken_pictures_are_part_of_the_page(facts):
    pixels = np.arange(20 * 4, dtype=np.uint8).reshape(20, 2, 2)
    truth = np.array([0, 1] * 10)
    data = Images(pixels, truth, ("no", NASTY))
    predictions = class_predictions(0.2 + 0.6 * np.eye(2)[np.r_[truth[:-1], 0]])
    task = Classification("label", ("no", NASTY), (10, 10), "sigmoid", True)
    mistakes = find_mistakes(task, data, truth, predictions, ())
    page = Page(render_report(replace(facts, mistakes=mistakes, columns=())))
    assert ("src", png_uri(pixels[19])) in page.attributes
    assert f"{NASTY} , predicted no 80.0 %" in page.text.replace(f"{NASTY},", f"{NASTY} ,")


def test_long_tables_are_folded(facts):
    assert Page(render_report(facts)).tags.count("details") == 2
    many = replace(facts, columns=facts.columns * 11)
    assert Page(render_report(many)).tags.count("details") == 3


def test_regression_report_with_weights():
    truth = np.linspace(0, 9, 10)[:, None]
    weights = WeightsTable((NASTY, "rooms"), ("price",), ((1500.0,), (-2.5,)), (20000.0,), "Euro per unit.")
    predictions, config = number_predictions(truth + 1), EvaluationConfig()
    evaluation = evaluate_predictions(
        regression(), truth, predictions, config, split="test", test_looks=1, weights=weights
    )
    facts = ReportFacts("houses/001", "", evaluation, {}, {"test": 10}, (), "", {})
    text = Page(render_report(facts)).text
    assert "rmse, 10 test rows 1.000 y1, lower is better" in text
    assert f"Euro per unit. feature price {NASTY} 1,500 rooms -2.500 bias 20,000" in text


def test_written_evaluation(facts, tmp_path):
    kept = SavedPredictions("test", "a" * 64, *three_classes())
    write_evaluation(tmp_path, facts.evaluation, kept, {"old": "<svg/>"}, "old")
    html = render_report(facts)
    write_evaluation(tmp_path, facts.evaluation, kept, facts.figures, html)
    assert json.loads((tmp_path / "metrics.json").read_text()) == facts.evaluation.to_json()
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == html
    assert [path.name for path in (tmp_path / "figures").glob("*.svg")] == ["confusion.svg"]
    assert load_predictions(tmp_path).rows == kept.rows
    ET.parse(tmp_path / "figures" / "confusion.svg")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (0, "0"), (0.93333, "0.9333"), (1, "1.000"), (-3.14159, "-3.142"), (12.345, "12.35"),
     (451.26, "451.3"), (45213.4, "45,213"), (1.234e12, "1.23e+12"), (0.00012345, "0.000123")],
)  # fmt: skip
def test_show_number(value, shown):
    assert show_number(value) == shown
