"""Epochs in TensorBoard's files; what MLflow needs before it is asked. Real servers are asked behind --campaign."""

import pytest


def test_tensorboard_has_the_epochs_of_the_run(workspace, mlcli):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from mlcli.runs.folder import find_run
    from mlcli.runs.history import read_metrics

    train = ("train", "configs/iris.yaml", "-q", "-S", "training.track=tensorboard", "-S", "training.epochs=3")
    assert mlcli(*train).code == 0
    assert mlcli("train", "--resume", "-q", "-S", "training.epochs=5").code == 0
    run = find_run("iris")
    events = EventAccumulator(str(run.folder / "tensorboard")).Reload()
    for name, read in {
        "loss/train": lambda one: one.train_loss,
        "loss/valid": lambda one: one.valid_loss,
        "accuracy/valid": lambda one: one.valid_metrics["accuracy"],
        "lr": lambda one: one.lr,
    }.items():
        written = {event.step: event.value for event in events.Scalars(name)}
        assert written == pytest.approx({one.epoch: read(one) for one in read_metrics(run)}, rel=1e-6)
    assert mlcli("runs", "rm", "iris/001", "--yes").code == 0


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("", "training.track: mlflow needs MLFLOW_TRACKING_URI in the environment"),
        ("https://me:secret@example.org", "no MLflow server is contacted while MLCLI_OFFLINE is set"),
    ],
)
def test_mlflow_is_asked_only_where_it_is_named(workspace, mlcli, monkeypatch, address, told):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    refused = mlcli("train", "configs/iris.yaml", "-S", "training.track=mlflow", "-S", "training.epochs=1")
    assert refused.code == 2
    assert told in refused.err
    assert "secret" not in refused.err
    assert not (workspace / "runs").exists()


def test_a_resume_may_leave_tracking_out(workspace, mlcli, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert mlcli("train", "configs/iris.yaml", "-q", "-S", "training.epochs=1").code == 0
    assert mlcli("train", "--resume", "-q", "-S", "training.track=mlflow", "-S", "training.epochs=2").code == 2
    assert mlcli("train", "--resume", "-q", "-S", "training.track=null", "-S", "training.epochs=2").code == 0
