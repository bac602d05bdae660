import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from mlcli.config.loading.load import load_config
from mlcli.data.prepare import prepare_dataset
from mlcli.errors import ArtefactError
from mlcli.io.atomic import atomic_folder
from mlcli.metrics.paired import compare_predictions
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification
from mlcli.reporter import Silent
from mlcli.runs import predictions as predictions_module
from mlcli.runs.predictions import (
    SavedPredictions,
    _compare,
    fingerprint_rows,
    load_predictions,
    save_predictions,
)
from tests.evaluation.examples import classification, number_predictions, regression, three_classes


def three_classes_saved():
    task, truth, predictions = three_classes()
    return SavedPredictions("test", "a" * 64, task, truth, predictions)


def numbers_kept():
    truth = np.array([[1.5e9], [0.1], [np.pi]])  # which float32 would round
    return SavedPredictions("valid", "b" * 64, regression(), truth, number_predictions(truth + 1))


def step_kept():
    task = classification(2, output="step", has_probabilities=False)
    scores = np.array([[-1.0], [2.0]])
    return SavedPredictions("train", "c" * 64, task, np.array([0, 1]), Predictions(np.array([0, 1]), None, scores))


@pytest.mark.parametrize("make", [three_classes_saved, numbers_kept, step_kept])
def test_what_is_kept_comes_back_to_the_bit(tmp_path, make):
    kept = make()
    save_predictions(tmp_path, kept)
    again = load_predictions(tmp_path)
    assert (again.split, again.rows, again.task) == (kept.split, kept.rows, kept.task)
    pairs = [(again.truth, kept.truth)]
    pairs += [
        (getattr(again.predictions, f), getattr(kept.predictions, f)) for f in ("values", "probabilities", "scores")
    ]
    for now, then in pairs:
        assert (now is None) == (then is None)
        assert now is None or (now.dtype == then.dtype and np.array_equal(now, then))


def test_numbers_that_float32_holds_take_its_place(tmp_path):
    kept = numbers_kept()
    halves = kept.truth.round() / 2
    sizes = []
    for truth in (kept.truth, halves):
        same = dataclasses.replace(kept, truth=truth, predictions=number_predictions(halves))
        save_predictions(tmp_path, same)
        sizes.append((tmp_path / "predictions/predictions.safetensors").stat().st_size)
    assert sizes[0] - sizes[1] == 4 * len(kept.truth)


def test_too_many_are_not_kept_and_the_older_ones_go(tmp_path, monkeypatch):
    save_predictions(tmp_path, three_classes_saved())
    monkeypatch.setattr(predictions_module, "MAX_BYTES", 100)
    save_predictions(tmp_path, three_classes_saved())
    assert load_predictions(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def two_targets_saved(q, error):
    truth = np.stack([np.arange(50.0), 100 * np.arange(50.0)], axis=1)
    task = dataclasses.replace(regression(2), q=q, constant=() if q is None else (1.0, 1.0))
    return SavedPredictions("test", "d" * 64, task, truth, number_predictions(truth + error))


@pytest.mark.parametrize(
    ("q", "names"),
    [(None, {"rmse of y1": 1.0, "rmse of y2": -4.0}), (0.9, {"pinball of y1": 0.1, "pinball of y2": -0.4})],
)
def test_each_of_several_targets_is_compared_by_what_the_loss_stands_for(q, names):
    ours, theirs = two_targets_saved(q, np.array([3.0, 1.0])), two_targets_saved(q, np.array([2.0, 5.0]))
    pair = _compare(("b/1", ours), ("a/1", theirs), 0.95)
    found = {one.name: one.value for one in pair.differences if " of " in one.name}
    assert found == pytest.approx(names)


def test_a_quantile_is_not_compared_with_the_mean():
    pair = _compare(("b/1", two_targets_saved(0.9, 1.0)), ("a/1", two_targets_saved(None, 1.0)), 0.95)
    assert pair.reason == "they predict different numbers: the 0.9 quantile and the mean"


def test_none_are_kept_where_nothing_was_measured(tmp_path):
    assert load_predictions(tmp_path) is None


FORGED = {
    "a class too high": {"truth": np.full(60, 3)},
    "a class below none": {"values": np.full(60, -1)},
    "classes that are no whole numbers": {"truth": np.full(60, 0.5)},
    "fewer answers than rows": {"values": np.zeros(59, np.int64)},
    "too few probabilities": {"probabilities": np.full((60, 2), 0.5)},
    "no probabilities": {"probabilities": None},
}


@pytest.mark.parametrize("lie", FORGED)
def test_numbers_that_do_not_fit_are_refused(tmp_path, lie):
    kept = three_classes_saved()
    changes = dict(FORGED[lie])
    truth = changes.pop("truth", kept.truth)
    save_predictions(
        tmp_path, dataclasses.replace(kept, truth=truth, predictions=dataclasses.replace(kept.predictions, **changes))
    )
    with pytest.raises(ArtefactError, match="do not fit the task"):
        load_predictions(tmp_path)


def test_a_link_is_refused_and_replaced(tmp_path):
    save_predictions(tmp_path / "other", three_classes_saved())
    (tmp_path / "predictions").symlink_to(tmp_path / "other/predictions")
    with pytest.raises(ArtefactError, match="a link"):
        load_predictions(tmp_path)
    save_predictions(tmp_path, step_kept())
    assert load_predictions(tmp_path).rows == "c" * 64
    assert load_predictions(tmp_path / "other").rows == "a" * 64


def test_those_of_a_newer_version_are_refused(tmp_path):
    save_predictions(tmp_path, three_classes_saved())
    files = {path.name: path.read_bytes() for path in (tmp_path / "predictions").glob("predictions.*")}
    files["predictions.json"] = json.dumps(json.loads(files["predictions.json"]) | {"schema": 9}).encode()
    with atomic_folder(tmp_path / "predictions", "predictions") as new:
        for name, content in files.items():
            (new / name).write_bytes(content)
    with pytest.raises(ArtefactError, match="format 9"):
        load_predictions(tmp_path)


def rows_of(*sets, positive_last=False):
    """Fingerprint of the iris test rows under a changed configuration."""
    config = load_config(Path("configs/iris.yaml"), sets)
    prepared = prepare_dataset(config.dataset, config.seed, Silent())
    names = ("setosa", "versicolor", "virginica")
    task = Classification("species", names[::-1] if positive_last else names, (1, 1, 1), "softmax", True)
    return fingerprint_rows(prepared.rows_fingerprint, "test", task, task.truth(prepared.splits.test))


def test_which_rows_were_measured(workspace):
    rows = rows_of()
    same = ["dataset.drop=[sepal_width]", "dataset.outliers=iqr", "dataset.split.seed=0", "model.hidden=[]"]
    assert {rows_of(change) for change in same} == {rows}
    assert rows_of(positive_last=True) == rows
    others = ["seed=1", "dataset.split.test=0.3", "dataset.split.by=random", "dataset.duplicates=drop"]
    assert len({rows, *map(rows_of, others)}) == 1 + len(others)
    assert rows_of("dataset.missing.drop_rows=true") != rows_of("dataset.missing.drop_rows=true", same[0])


def test_evaluate_keeps_what_predict_says(workspace, mlcli):
    assert mlcli("train", "configs/iris.yaml", "-S", "training.epochs=3", "-q").code == 0
    measured = mlcli("evaluate", "--json").json
    kept = load_predictions(Path("runs/iris/001/evaluation"))
    assert (kept.split, len(kept.predictions)) == ("test", measured["n_rows"])
    assert (kept.predictions.values == kept.truth).mean() == measured["scores"]["accuracy"]["value"]
    assert mlcli("predict", "-o", "told.jsonl").code == 0
    told = [json.loads(line) for line in Path("told.jsonl").read_text().splitlines()]
    assert [kept.task.classes[value] for value in kept.predictions.values] == [row["prediction"] for row in told]
    assert [row["probability_setosa"] for row in told] == pytest.approx(kept.predictions.probabilities[:, 0], rel=1e-7)


def test_groups_are_kept_and_drawn_whole(tmp_path):
    rng, groups = np.random.default_rng(0), np.arange(60) // 6
    truth = np.repeat(rng.normal(size=10), 6)[:, None]
    ours, theirs = (
        SavedPredictions("test", "e" * 64, regression(), truth, number_predictions(truth + error), groups)
        for error in (0.5, np.repeat(rng.normal(size=10), 6)[:, None])
    )
    save_predictions(tmp_path, ours)
    again = load_predictions(tmp_path)
    assert again.groups.tolist() == groups.tolist()
    expected = compare_predictions(regression(), truth, again.predictions, theirs.predictions, "auto", 0.95, 0, groups)
    assert _compare(("b/1", again), ("a/1", theirs), 0.95).differences == tuple(expected)
    save_predictions(tmp_path, dataclasses.replace(ours, groups=np.zeros(59, np.int64)))
    with pytest.raises(ArtefactError, match="do not fit the task"):
        load_predictions(tmp_path)
