"""`evaluate` with seeds and folds, from the command line."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mlcli.config.sections.config import Config
from mlcli.errors import UsageError
from mlcli.use_cases.evaluate import require_trainable

TRAIN = ("train", "configs/iris.yaml", "-q", "-S", "training.epochs=4", "-S", "evaluation.baselines=none")


@pytest.fixture
def run(workspace, mlcli):
    assert mlcli(*TRAIN).code == 0
    return workspace / "runs/iris/001"


def test_seeds_and_folds_are_measured_and_shown(run, mlcli, figures):
    before = (run / "manifest.json").read_text()
    shown = mlcli("evaluate", "-S", "evaluation.seeds=3", "-S", "evaluation.folds=3")
    assert shown.code == 0
    for text in (
        "Training fold 2 of 3",
        "Over 3 seeds, 0 to 2, on the same 30 test rows",
        "3 folds of 120 training",
    ):
        assert text in shown.err
    assert max(map(len, shown.err.splitlines())) <= 100
    found = json.loads((run / "evaluation/metrics.json").read_text())
    assert json.loads((run / "manifest.json").read_text())["test_looks"] == 1
    assert json.loads(before)["test_looks"] == 0
    page = (run / "evaluation/report.html").read_text()
    assert "<h2>Seeds</h2>" in page
    assert "Cross-validation: 3 folds" in page
    seeds, folds = found["seeds"], found["folds"]
    assert seeds["seeds"] == [0, 1, 2]
    for name, own in seeds["metrics"].items():
        assert own["values"][0] == found["scores"][name]["value"]
        assert own["mean"] == pytest.approx(np.mean(own["values"]))
        assert own["sd"] == pytest.approx(np.std(own["values"], ddof=1))
    assert folds["n_rows"] == 120
    assert len(folds["curves"]) == 3
    assert "Validation loss by epoch" in page
    assert folds["pooled"].keys() == folds["metrics"].keys() == found["scores"].keys()
    assert sorted(path.name for path in Path("runs/iris").iterdir()) == ["001"]
    mlcli(*TRAIN, "-S", "seed=2", "-S", "dataset.split.seed=0")  # the last of the seeds, as a run of its own
    assert seeds["metrics"]["log_loss"]["values"][2] == mlcli("evaluate", "--json").json["scores"]["log_loss"]["value"]
    assert seeds["metrics"]["log_loss"]["sd"] > 0


def test_houses_are_left_out_one_by_one(workspace, mlcli):
    mlcli("train", "configs/houses.yaml", "-q", "-S", "training.epochs=50", "-S", "evaluation.folds=leave_one_out")
    shown = mlcli("evaluate", "-S", "evaluation.baselines=none")
    assert "Leave-one-out cross-validation: 5 training and validation rows" in shown.err
    found = json.loads(Path("runs/houses/001/evaluation/metrics.json").read_text())["folds"]
    assert found["metrics"] == {}
    assert found["pooled"]["mae"]["value"] > 0


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("optimizer.lr=0.5", "optimizer: is fixed by training"),
        ("evaluation.threshold=0.4", "evaluation.threshold: is fixed by training"),
        ("evaluation.folds=1", "evaluation.folds=1: must be"),
        ("evaluation.repeats=2", "evaluation.repeats=2: needs a number of folds"),
    ],
)
def test_what_cannot_be_set_is_refused_in_a_line(run, mlcli, setting, message):
    result = mlcli("evaluate", "-S", setting)
    assert result.code == 2
    assert message in result.err
    assert len(result.err.strip().splitlines()) == 1
    assert json.loads((run / "manifest.json").read_text())["test_looks"] == 0


@pytest.mark.parametrize("asked", [{"seeds": 2}, {"folds": 5}])
def test_the_ensemble_of_a_search_is_not_trained_again(asked):
    def config(evaluation, ensemble=1):
        dataset = {"name": "iris"}
        sections = {"evaluation": evaluation, "training": {"ensemble": ensemble}}
        return Config.model_validate({"name": "x", "dataset": dataset, **sections})

    require_trainable("x/001", SimpleNamespace(members=3, parent="x/000"), config({}))
    require_trainable("x/001", SimpleNamespace(members=1, parent=None), config(asked))
    require_trainable("x/001", SimpleNamespace(members=3, parent=None), config(asked, ensemble=3))
    with pytest.raises(UsageError, match="run x/001 is an ensemble of 3 networks"):
        require_trainable("x/001", SimpleNamespace(members=3, parent=None), config(asked))
