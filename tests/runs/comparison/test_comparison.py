import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest

from mlcli.errors import ArtefactError, UsageError
from mlcli.io.text import printable
from mlcli.metrics.paired import compare_predictions
from mlcli.reports.comparison_page import tables_of, write_comparison
from mlcli.reports.figures.learning import draw_overlay
from mlcli.reports.figures.style import svg_text
from mlcli.runs.comparison import compare_runs, curves_of
from mlcli.runs.history import MetricsLog
from mlcli.runs.predictions import SavedPredictions, save_predictions
from mlcli.terminal.runs import render_curves, render_table, sparklines
from mlcli.training.state import EpochRecord
from tests.browser import find_browser, open_browser
from tests.evaluation.examples import class_predictions, classification

NASTY = "<script>alert(1)</script>"
TRUTH = np.arange(60) % 2


def keep(run, wrong, rows="a" * 64, split="test", classes=None):
    """Leave the answers of a classifier that is wrong in the first rows."""
    task = classification(2) if classes is None else classification(2).__class__("y", classes, (1, 1), "softmax", True)
    sure = np.where(np.arange(60) < wrong, 1 - TRUTH, TRUTH)
    predictions = class_predictions(0.2 + 0.6 * np.eye(2)[sure])
    save_predictions(run.evaluation, SavedPredictions(split, rows, task, TRUTH, predictions))
    return task, predictions


def tables(*names):
    return {table.title: table for table in tables_of(compare_runs(names))}


def test_keys_data_and_environment(make_run):
    make_run(versions={"torch": "2.13.0", "python": "3.11"})
    make_run(sets={"optimizer.lr": 0.5}, versions={"torch": "2.14.0", "python": "3.11"}, threads=4)
    found = compare_runs(["iris/001", "iris/002"])
    assert [(one.key, one.values) for one in found.keys] == [("optimizer.lr", (0.001, 0.5))]
    assert [(one.key, one.values) for one in found.environment] == [
        ("torch", ("2.13.0", "2.14.0")), ("threads", (2, 4)),
    ]  # fmt: skip
    assert found.same_data
    make_run(data_fingerprint="e" * 64)
    assert not compare_runs(["iris/001", "iris/003"]).same_data
    assert "iris/003 eeeeeeeeeeee" in tables("iris/001", "iris/003")["Data"].note
    assert tables("iris/001", "iris/003")["Configuration"].note == "identical"


def test_answers_to_the_same_rows_are_compared_in_pairs(make_run, measure):
    first, second = make_run(), make_run()
    measure(first, accuracy=(50 / 60, 0.7, 0.9))
    task, theirs = keep(first, wrong=10)
    _, ours = keep(second, wrong=4)
    [pair] = compare_runs(["iris/001", "iris/002"]).pairs
    assert (pair.ours, pair.theirs, pair.reason, pair.n_rows) == ("iris/002", "iris/001", None, 60)
    accuracy = next(one for one in pair.differences if one.name == "accuracy")
    assert accuracy.value == pytest.approx(6 / 60)
    assert accuracy.verdict == "better"
    assert pair.differences == tuple(compare_predictions(task, TRUTH, ours, theirs, "auto", 0.95))
    table = tables("iris/002", "iris/001")["iris/001 against iris/002, on the same 60 test rows"]
    assert [row[-1] for row in table.rows if row[0] in ("accuracy", "log_loss")] == ["worse", "worse"]
    assert next(row[1] for row in table.rows if row[0] == "accuracy") == "−0.1000"


APART = {
    "not measured": (None, "iris/002 has no saved predictions; run: mlcli evaluate iris/002"),
    "another split": ({"split": "valid"}, "valid and test"),
    "other rows": ({"rows": "b" * 64}, "test rows are not the same"),
    "another positive class": ({"classes": ("b", "a")}, "evaluation.positive"),
}


@pytest.mark.parametrize("case", APART)
def test_why_answers_are_not_compared(make_run, case):
    changes, reason = APART[case]
    keep(make_run(), wrong=10)
    other = make_run()
    if changes is not None:
        keep(other, wrong=4, **changes)
    [pair] = compare_runs(["iris/001", "iris/002"]).pairs
    assert reason in pair.reason
    assert pair.differences == ()
    assert reason in tables("iris/001", "iris/002")["iris/002 against iris/001"].note


def test_scores_stand_side_by_side_with_their_intervals(make_run, measure):
    measure(make_run(), accuracy=(0.9, 0.8, 0.95), mcc=(0.5, None, None))
    measure(make_run(), "valid", accuracy=(0.8, 0.7, 0.85))
    rows = {row[0]: row[1:] for row in tables("iris/001", "iris/002")["Scores"].rows}
    assert rows["measured on"] == ("30 test rows", "30 valid rows")
    assert [text.replace("\u00a0", " ") for text in rows["accuracy"]] == [
        "0.9000 (0.8000 – 0.9500)", "0.8000 (0.7000 – 0.8500)",
    ]  # fmt: skip
    assert rows["mcc"] == ("0.5000", "–")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["iris/001"], "two or more different runs"),
        (["iris/001", "iris/1"], "two or more different runs"),
        (["iris/001", "iris/002", "iris/001"], "two or more different runs"),
        (["iris/001", "oris"], "no run 'oris'"),
    ],
)
def test_what_cannot_be_compared(make_run, names, message):
    make_run()
    make_run()
    with pytest.raises(UsageError, match=message):
        compare_runs(names)


def test_damage_is_refused(make_run, mlcli):
    keep(make_run(), wrong=1)
    second = make_run()
    keep(second, wrong=2)
    place = second.evaluation / "predictions/predictions.safetensors"
    place.write_bytes(place.read_bytes()[:-1] + b"\x01")
    assert mlcli("runs", "compare", "iris/1", "iris/2").code == 4
    (second.model / "bundle.json").write_text("{}")
    with pytest.raises(ArtefactError, match=re.escape("bundle.json")):
        compare_runs(["iris/001", "iris/002"])


def test_a_loss_that_is_no_number_is_json(make_run, mlcli):
    run = make_run(status="diverged", model=False)
    MetricsLog(run.metrics).append(EpochRecord(4, 4, 0.1, float("nan"), float("inf"), {"accuracy": 0.5}))
    make_run()
    compared = mlcli("runs", "compare", "iris/1", "iris/2", "--json").json
    assert compared["curves"][0][-1]["train_loss"] == "nan"
    assert mlcli("runs", "--json").json["runs"][-1]["valid"]["loss"] == "inf"
    assert mlcli("runs", "compare", "iris/1", "iris/2").code == 0


def test_curves_share_their_scales(make_run):
    make_run(epochs=2)
    make_run(epochs=4)
    curves = curves_of(compare_runs(["iris/001", "iris/002"]))
    assert list(curves) == ["training loss", "validation loss", "validation accuracy"]
    assert curves["validation loss"] == {"iris/001": [2.0, 1.0], "iris/002": [2.0, 1.0, 2 / 3, 0.5]}
    assert sparklines(curves["validation loss"], 40) == {"iris/001": "█▃", "iris/002": "█▃▂▁"}
    assert sparklines(curves["validation loss"], 2) == {"iris/001": "▆", "iris/002": "▆▁"}


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ([1.0, 1.0], "▁▁"),
        ([1e-6, 1e-3, 1.0], "▁▅█"),
        ([-1.0, None, float("nan"), 1.0], "▁  █"),
        ([0.0, 0.5, 1.0], "▁▅█"),
    ],
)
def test_sparklines(values, bars):
    assert sparklines({"run": values}, 10) == {"run": bars}


def test_a_run_that_diverged_flattens_no_other_and_is_named():
    series = {"a": [0.5, 0.3, 0.2], "b": [8e22, 1e5, 11.0]}
    shown = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in render_curves("training loss", series, 80)]
    assert shown == [
        "Training loss", "  a  ▃▂▁  0.5000 → 0.2000", "  b  ███  8e+22 → 11.00",
        "  scale: 0.2000 to 11.00; beyond it: b", "",
    ]  # fmt: skip
    svg = svg_text(draw_overlay("training loss", "Mean.", series))
    assert "Off the scale: b." in svg
    heights = draw_overlay("training loss", "Mean.", series).axes[0].get_lines()[1].get_ydata()
    assert heights.tolist() == [11.0, 11.0, 11.0]


def test_curves_are_called_by_the_notes_of_their_runs(make_run):
    make_run(note="none")
    make_run(note="L1")
    make_run()
    names = ["iris/001", "iris/002", "iris/003"]
    assert list(curves_of(compare_runs(names))["training loss"]) == ["none", "L1", "iris/003"]
    assert tables(*names)["Runs"].rows[0] == ("note", "none", "L1", "–")
    make_run(note="L1")
    assert compare_runs(["iris/002", "iris/004"]).labels == ("iris/002", "iris/004")


def test_runs_that_are_not_compared_for_one_reason_are_told_at_once(make_run):
    for _ in range(3):
        make_run()
    [title] = [title for title in tables("iris/001", "iris/002", "iris/003") if "against" in title]
    assert title == "iris/002, iris/003 against iris/001"


def test_scores_at_another_threshold_say_so(make_run, measure):
    measure(make_run(), accuracy=(0.9, 0.8, 0.95))
    measure(make_run(), threshold=0.2, accuracy=(0.8, 0.7, 0.85))
    assert ("threshold", "–", "0.2000") in tables("iris/001", "iris/002")["Scores"].rows


def test_many_runs_of_many_metrics_fit_a_phone_and_are_folded(make_run, measure, tmp_path):
    if find_browser() is None:
        pytest.skip("there is no Chromium here to show the page")
    for number in range(6):
        scores = {f"a_metric_of_a_long_name_{at}": (0.5 + number / 100, 0.1, 0.9) for at in range(70)}
        measure(make_run(note=f"a long note on run {number}"), **scores)
    path = tmp_path / "page.html"
    write_comparison(compare_runs([f"iris/{number}" for number in range(1, 7)]), path)
    assert "Show 55 more" in path.read_text()
    with open_browser(tmp_path / "browser") as tab:
        for width in (1280, 390):
            tab.open(path, width, phone=width < 500)
            tab.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            wider = "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth).length"
            assert width > 500 or tab.evaluate(wider) == 0  # nothing has to be moved aside on a phone
        cells = "[...document.querySelectorAll('tr:last-child td')].at(-1)"
        label = tab.evaluate(f"getComputedStyle({cells}, '::before').content")
        assert label == '"a long note on run 5"'


@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_fits_the_terminal(make_run, measure, width):
    for _ in range(3):
        run = make_run(sets={"training.early_stopping": {"patience": 3}, "name": "a" * 30}, dataset=NASTY)
        measure(run, balanced_accuracy=(0.9, 0.8, 0.95))
    comparison = compare_runs([f"{'a' * 30}/{number}" for number in (1, 2, 3)])
    shown = [line for table in tables_of(comparison) for line in render_table(table, width)]
    shown += [
        line for quantity, series in curves_of(comparison).items() for line in render_curves(quantity, series, width)
    ]
    plain = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in shown]
    assert max(map(len, plain)) <= width


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.words = set(), ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        assert not [name for name, _ in attributes if name.startswith("on") or name in ("src", "href")]

    def handle_data(self, data):
        self.words += data


def test_the_page_is_one_file_and_names_of_strangers_are_text_in_it(make_run, mlcli, tmp_path):
    make_run(dataset=NASTY)
    make_run(sets={"features.derive": {"z": "a * b"}}, platform=f"\x1b[2J{NASTY}")
    shown = mlcli("runs", "compare", "iris/1", "iris/2", "-o", "out/page.html")
    assert shown.code == 0
    assert "out/page.html" in shown.err
    assert printable(shown.out, keep="\n") == shown.out
    html = (tmp_path / "out/page.html").read_text()
    page = Page(html)
    assert not page.tags & {"script", "img", "link", "iframe", "a"}
    assert NASTY in page.words
    assert "features.derive.z" in page.words
    figures = re.findall("<svg.*?</svg>", html, flags=re.DOTALL)
    assert len(figures) == 3
    assert all("iris/002" in "".join(ET.fromstring(re.sub("xlink:", "", one)).itertext()) for one in figures)
