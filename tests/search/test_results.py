"""The next configuration is a file that loads to what it says, with what was changed and why."""

import pytest

from mlcli.config.loading.load import load_config, override_config, parse_config
from mlcli.config.sections.config import Config
from mlcli.diagnosis.diagnose import apply_recommendations
from mlcli.diagnosis.recommendations import Finding
from mlcli.search.results import describe_next, write_proposal
from mlcli.search.trial import Trial


def finding(patch, evidence="0.5 is much", term="a problem", **level):
    return Finding("name", term, evidence, ("try it",), patch, **level)


@pytest.mark.parametrize(
    ("patches", "expected"),
    [
        ([{"optimizer.lr": 0.1}], {"optimizer.lr": 0.1}),
        ([{"optimizer.lr": 0.1}, {"optimizer.lr": 0.2, "model.dropout": 0.5}], {"optimizer.lr": 0.1}),  # the graver's
        ([{"optimizer.lr": 0.1}, {"model.dropout": 0.5}], {"optimizer.lr": 0.1, "model.dropout": 0.5}),
        ([{"loss.class_weights": "balanced", "loss.delta": 3}, {"model.dropout": 0.5}], {"model.dropout": 0.5}),
        ([{}], {}),
    ],
)
def test_remedies_that_go_together_are_applied(make_config, patches, expected):
    start = make_config()
    config, causes = apply_recommendations(start, [finding(patch) for patch in patches])
    assert config == override_config(start, expected)
    assert set(causes) == set(expected)


def test_notes_change_nothing(make_config):
    start = make_config()
    assert apply_recommendations(start, [finding({"optimizer.lr": 0.1}, level="note")]) == (start, {})


@pytest.mark.parametrize(
    "sets",
    [
        [],
        ["optimizer={name: sgd, schedule: {name: cosine, warmup: 0.1}}", "model.hidden=[]"],
        ["features.derive={'a b: c': x1 * 2, '#': x2}", "features.columns={x1: {scale: robust}}", "name='yes'"],
        ['features.derive={z: "x1 +\\n  x2", "a\\n# b: c": x1}', "training.early_stopping={patience: 3}"],
        ["loss={name: bce, class_weights: {'0': 2.0}}", "training.early_stopping={patience: 3}"],
    ],
)
def test_the_file_loads_to_the_configuration(make_config, tmp_path, sets):
    start = make_config(*sets)
    config, causes = apply_recommendations(start, [finding({"training.epochs": 77})])
    (tmp_path / "next.yaml").write_text(describe_next(start, config, "headline", causes))
    assert load_config(tmp_path / "next.yaml") == config


def test_it_says_what_changed_and_why(make_config):
    start = make_config()
    config, causes = apply_recommendations(
        start, [finding({"optimizer.lr": 0.5}), finding({"model.dropout": 0.1}, term="another")]
    )
    lines = describe_next(start, config, "After the diagnosis.", causes).splitlines()
    assert lines[:3] == [
        "# After the diagnosis.",
        "# Changed for a problem: 0.5 is much.",
        "# Changed for another: 0.5 is much.",
    ]
    assert "  lr: 0.5       # was 0.03" in lines
    assert "  dropout: 0.1  # was 0.0" in lines
    assert not [line for line in lines if line.startswith("  epochs") and "#" in line]


def test_an_added_section_and_key_are_described(make_config):
    start = make_config("optimizer.name=sgd")
    config = override_config(start, {"training.early_stopping.patience": 3, "optimizer.momentum": 0.5})
    lines = describe_next(start, config, "headline", {}).splitlines()
    assert "  early_stopping:  # was null" in lines
    assert "  momentum: 0.5    # was 0.0" in lines


def test_names_from_the_data_cannot_leave_the_comment(make_config, tmp_path):
    start = make_config()
    config, causes = apply_recommendations(
        start, [finding({"optimizer.lr": 0.5}, evidence="column 'a\nseed: 9\x85seed: 8\u2028'")]
    )
    text = describe_next(start, config, "After\nseed: 7", causes)
    (tmp_path / "next.yaml").write_text(text)
    assert load_config(tmp_path / "next.yaml") == config
    assert "seed: 7" not in text.splitlines()


START = parse_config("dataset: {name: iris}", "iris.yaml", "iris")


def test_names_in_evidence_stay_in_the_comments_of_a_proposal():
    trial = Trial(1, "start", {}, "complete", score=0.5)
    leak = Finding("leak", "leakage", "column 'a\nseed: 9\x85seed: 8\u2028'", (), {})
    config = parse_config(write_proposal(START, trial, [trial], [leak], "loss"), "best.yaml", "iris")
    assert isinstance(config, Config)
    assert config == START
