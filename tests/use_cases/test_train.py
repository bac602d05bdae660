"""What more epochs make of the learning rate."""

import json
import math
from types import SimpleNamespace

import pytest

from mlcli.config.sections.config import Config
from mlcli.use_cases.train import warn_of_rates


def lines(schedule, before=10, after=20, epochs_done=10):
    optimizer = {"name": "adam", "lr": 0.1, "schedule": schedule}
    config = Config.model_validate(
        {"name": "x", "dataset": {"name": "iris"}, "optimizer": optimizer, "training": {"epochs": after}}
    )
    context = SimpleNamespace(config=config, lr=0.1, steps_per_epoch=5, total_steps=5 * after)
    state = SimpleNamespace(step=5 * epochs_done, history=[])
    return list(warn_of_rates(context, state, before))


def test_a_cosine_that_had_come_to_0_goes_on_at_half_the_rate():
    [text] = lines({"name": "cosine"})
    factor = (1 + math.cos(math.pi * 50 / 99)) / 2
    assert "runs over all 20 epochs now: the learning rate was 1e-13 in the last step" in text
    assert f"goes on at {0.1 * factor:.3g}, {factor:.2g} × optimizer.lr" in text
    assert "mlcli train CONFIG -S training.epochs=20" in text


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ({"name": "constant"}, False),
        ({"name": "exponential", "factor": 0.9}, False),  # 0.9^10 = 0.35
        ({"name": "exponential", "factor": 0.3}, True),  # 0.3^10 = 6e-6
        ({"name": "step", "every": 2, "factor": 0.1}, True),
        ({"name": "step", "every": 5, "factor": 0.1}, False),
    ],
)
def test_steps_too_small_to_learn_from(schedule, told):
    found = lines(schedule)
    assert ["has come to its end" in text for text in found] == [True] * told


@pytest.mark.parametrize("schedule", [{"name": "one_cycle"}, {"name": "constant", "warmup": 0.9}])
def test_what_depends_on_the_number_of_epochs_is_said(schedule):
    assert "runs over all 20 epochs now" in lines(schedule, epochs_done=8)[0]


def test_a_warmup_that_is_over_was_shorter_than_it_would_be():
    [text] = lines({"name": "constant", "warmup": 0.2})
    assert "warmup was 0.2 of 10 epochs and is over; the learning rate goes on at 0.1, 1 × optimizer.lr" in text
    assert "not the same as a run that had 20 epochs from the start" in text


def test_nothing_is_said_of_a_plain_resume_or_before_the_first_step():
    assert lines({"name": "cosine"}, before=20) == []
    assert lines({"name": "cosine"}, epochs_done=0) == []


def test_metrics_are_watched_after_each_epoch(workspace, mlcli):
    """The log loss is the mean cross-entropy, which is the validation loss."""
    watch = ["-S", "training.watch=[log_loss, roc_auc]"]
    assert mlcli("train", "configs/iris.yaml", "-q", "-S", "training.epochs=2", *watch).code == 0
    lines = (workspace / "runs/iris/001/metrics.jsonl").read_text().splitlines()
    epochs = [json.loads(line) for line in lines]
    assert len(epochs) == 2
    for epoch in epochs:
        assert list(epoch["valid_metrics"]) == ["accuracy", "roc_auc", "log_loss"]  # as `evaluate` lists them
        assert epoch["valid_metrics"]["log_loss"] == pytest.approx(epoch["valid_loss"], rel=1e-5)


def test_repeated_trainings_give_the_same_bytes_at_a_given_time(workspace, mlcli, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    (workspace / "t.yaml").write_text("dataset: {name: xor, rows: 40}\ntraining: {epochs: 1}\n")
    for _ in range(2):
        assert mlcli("train", "t.yaml", "-q").code == 0
    one, other = (
        {path.name: path.read_bytes() for path in (workspace / f"runs/t/00{n}/model").iterdir()} for n in (1, 2)
    )
    assert one == other
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    assert mlcli("train", "t.yaml", "-q").code == 2
    assert not (workspace / "runs/t/003").exists()
