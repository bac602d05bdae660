"""`mlcli improve --diagnose`: checks, findings and the next configuration."""

import json
import re

import numpy as np
import pytest

from mlcli.config.loading.dump import dump_config
from mlcli.config.loading.load import load_config
from mlcli.diagnosis.checks import Check, Checks
from mlcli.diagnosis.range_test import RateRange
from mlcli.diagnosis.recommendations import Finding
from mlcli.search.budget import Budget
from mlcli.terminal.improve import plot_rates, show_checks, show_findings, show_improved
from mlcli.terminal.plot import ASCII_BLOCKS, BLOCKS, sparkline
from mlcli.terminal.screen import Screen
from mlcli.use_cases.improve import ImproveResult

SLOW = ("optimizer.lr=1e-4", "training.epochs=8")


@pytest.fixture
def config_file(make_config, tmp_path, monkeypatch):
    """A file small.yaml here that learns too slowly."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(dump_config(make_config(*SLOW)))
    return "small.yaml"


def test_a_diagnosis_alone_shows_checks_and_findings_without_a_search(mlcli, config_file):
    result = mlcli("improve", config_file, "--diagnose", "--json")
    assert result.code == 0
    document = result.json
    assert [check["passed"] for check in document["checks"]] == [True, True, False]
    test = document["learning_rate_test"]
    assert len(test["rates"]) == len(test["losses"])
    assert test["rates"][0] < test["suggested"] < test["rates"][-1]
    (finding,) = document["findings"]
    assert finding["name"] == "learning_rate_too_low"
    assert finding["patch"] == {"optimizer.lr": float(f"{test['suggested']:.1g}")}
    assert document["trials"] == {"complete": 1, "pruned": 0, "failed": 0}
    assert document["applied"] is None


def test_the_next_configuration_trains_as_it_is_and_nothing_is_overwritten(mlcli, config_file, tmp_path, figures):
    before = (tmp_path / config_file).read_bytes()
    result = mlcli("improve", config_file, "--diagnose", "--apply")
    assert "Next: mlcli train small-next.yaml" in result.err
    assert load_config(tmp_path / "small-next.yaml").optimizer.lr > 1e-3
    assert mlcli("train", "small-next.yaml", "-q").code == 0
    again = mlcli("improve", config_file, "--diagnose", "--apply", "--json")
    assert again.json["applied"] == "small-next-2.yaml"
    taken = mlcli("improve", config_file, "--diagnose", "-o", config_file)
    assert taken.code == 2
    assert "already exists and is not overwritten" in taken.err
    assert (tmp_path / config_file).read_bytes() == before
    folder = next((tmp_path / "runs" / "small").glob("improve-*"))
    assert (folder / "learning_rate.svg").read_text().startswith("<?xml")
    assert json.loads((folder / "diagnosis.json").read_text())["findings"][0]["name"] == "learning_rate_too_low"


def test_a_run_is_diagnosed_as_the_first_trial_would_be(mlcli, config_file):
    alone = mlcli("improve", config_file, "--diagnose", "--json", "-S", "seed=0").json
    assert mlcli("train", config_file, "-q").code == 0
    of_run = mlcli("improve", "small/001", "--diagnose", "--json", "-S", "improve.sampler=random").json
    assert of_run["diagnosed"] == "small/001"
    assert of_run["trials"]["complete"] == 0
    assert of_run["findings"] == alone["findings"]


RATES = RateRange(2.0, tuple(10.0**power for power in range(-5, 3)), (2.0, 2.0, 1.8, 1.0, 0.4, 0.2, 0.6, 9.0), None)


def test_the_curve_as_text():
    assert plot_rates(RATES, 1e-4, 0.01, BLOCKS) == [
        "loss ██▇▄▂▁▃█",
        "      ^ s",
        "rate 1e-051e+02",
        "     ^ configured: 0.0001   s suggested: 0.01",
    ]
    assert plot_rates(RATES, 1e-4, None, ASCII_BLOCKS)[0].isascii()
    assert "suggested" not in "".join(plot_rates(RATES, 1e-4, None, BLOCKS))


@pytest.mark.parametrize(
    ("values", "width", "line"),
    [
        ([0, 7], 2, "▁█"),
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
        ([0, 2, 5, 7], 2, "▁█"),
        ([3, 3, 3], 60, "▁▁▁"),
        ([1.0], 5, "▁"),
    ],
)
def test_sparkline(values, width, line):
    assert sparkline(values, width) == line


CHECKS = Checks(
    (Check("a", "first", True, "x " * 60), Check("b", "second", False, "no"), Check("c", "third", None, "n/a")), RATES
)


@pytest.mark.parametrize(("encoding", "marks"), [("utf-8", "✓✗–"), ("ascii", "okNO- "), ("latin-1", "okNO- ")])
def test_checks_fit_a_narrow_terminal_of_any_encoding(capsys, monkeypatch, encoding, marks):
    screen = Screen()
    monkeypatch.setattr(type(screen.stderr), "encoding", encoding)
    show_checks(screen, CHECKS, 1e-4)
    shown = capsys.readouterr().err
    shown.encode(encoding)
    width = len(marks) // 3
    starts = [line[:width] for line in shown.splitlines() if not line.startswith("  ")][1:4]
    assert "".join(starts) == marks
    assert max(map(len, shown.splitlines())) <= 80


def test_notes_are_no_problems(capsys):
    note = Finding("too_little_data", "too little data", "0.1 more", ("more rows",), level="note")
    show_findings(Screen(), "iris/001", [note])
    shown = capsys.readouterr().err
    assert "no problems found" in shown
    assert "note: too little data: 0.1 more" in shown


def test_a_run_without_problems_says_so(capsys, make_config, tmp_path):
    show_improved(
        Screen(), ImproveResult(make_config(), tmp_path, "small/001", "loss", 30, 30, Budget(9, None), CHECKS)
    )
    assert "Diagnosis of small/001: no problems found" in capsys.readouterr().err


def test_names_from_the_data_are_harmless_on_the_screen(capsys):
    show_findings(Screen(), "iris/001", [Finding("a", "b", "column '\x1b[2J\n'", ("drop \x1b[31m it",))])
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("drawn", [0, 3])
def test_suspect_labels_are_rows_of_the_file(mlcli, tmp_path, monkeypatch, drawn):
    """Two clouds far apart; a fifth of the labels are wrong, and rows without a target are dropped before them."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(drawn)
    truth, wrong = rng.integers(0, 2, 400), rng.random(400) < 0.2
    x = rng.normal(4.0 * truth[:, None], 1.0, (400, 2))
    labels = np.where(np.arange(400) % 10 < 2, "", np.where(truth == wrong, "no", "yes"))
    rows = [f"{a:.4f},{b:.4f},{label}" for (a, b), label in zip(x, labels, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *rows]))
    (tmp_path / "t.yaml").write_text(
        "dataset: {name: csv, path: t.csv, target: y, split: {test: 0.1, valid: 0.2}, missing: {drop_rows: true}}\n"
        "model: {hidden: [4]}\ntraining: {epochs: 5}\n"
    )
    found = {
        one["name"]: one
        for one in mlcli("improve", "t.yaml", "--diagnose", "--json", "-S", f"seed={drawn}").json["findings"]
    }
    listed = re.search(r"the first of which is 1: ([\d, ]+)", found["label_noise"]["evidence"])[1]
    suspects = [int(number) - 1 for number in listed.rstrip(", ").split(", ")]
    assert len(suspects) == 8
    assert wrong[suspects].sum() >= 7
    assert all(labels[suspects])


def test_a_passing_rate_has_no_suggestion_beside_it(mlcli, make_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(dump_config(make_config()))
    result = mlcli("improve", "small.yaml", "--diagnose", "--json")
    assert result.json["checks"][2]["passed"] is True
    assert result.json["learning_rate_test"]["suggested"] is None
    folder = next((tmp_path / "runs" / "small").glob("improve-*"))
    assert json.loads((folder / "diagnosis.json").read_text())["learning_rate_test"]["suggested"] is None
    assert "suggested" not in mlcli("improve", "small.yaml", "--diagnose").err
