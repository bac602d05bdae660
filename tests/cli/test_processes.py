"""Signals, kills, locks and pipes, on real processes."""

import hashlib
import json
import os
import signal
import time

import pytest

from mlcli.cli.session import Session
from tests.conftest import train_in

SLOW = (
    "name: slow\ndataset: digits\nmodel: {hidden: [16], dropout: 0.2}\n"
    "training: {epochs: 40, batch_size: 64, checkpoint_seconds: 0}\n"
)


@pytest.fixture
def slow(workspace):
    """A config that trains for a few seconds, saving a checkpoint every epoch."""
    (workspace / "slow.yaml").write_text(SLOW)
    return workspace


def wait_for_epochs(folder, count, process):
    deadline = time.monotonic() + 60
    metrics = folder / "metrics.jsonl"
    while not metrics.exists() or metrics.read_bytes().count(b"\n") < count:
        assert process.poll() is None, process.end()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def digests(folder):
    """What a resumed run must share with an uninterrupted one, byte for byte."""
    last = max((folder / "checkpoints").iterdir())
    files = [folder / "metrics.jsonl", folder / "model/weights.safetensors", *sorted(last.glob("*.safetensors"))]
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Digests of a run that was trained in one go."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    (folder / "slow.yaml").write_text(SLOW)
    return digests(train_in(folder, "slow.yaml") / "runs/slow/001")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_stopped_run_resumes_to_the_same_bytes(slow, uninterrupted, start, mlcli, number, code):
    process = start("train", "slow.yaml", "-q")
    folder = slow / "runs/slow/001"
    wait_for_epochs(folder, 3, process)
    process.send(number)
    assert process.wait() == code
    if number != signal.SIGKILL:
        assert json.loads((folder / "manifest.json").read_text())["status"] == "interrupted"
    resumed = mlcli("train", "--resume", "-q")
    assert resumed.code == 0, resumed.err
    assert digests(folder) == uninterrupted


def test_epochs_extended_on_resume_give_the_same_bytes(slow, uninterrupted, mlcli):
    assert mlcli("train", "slow.yaml", "-S", "training.epochs=25", "-q").code == 0
    assert mlcli("train", "--resume", "-S", "training.epochs=40", "-q").code == 0
    assert digests(slow / "runs/slow/001") == uninterrupted


def test_a_resume_cannot_change_what_the_run_is(slow, mlcli):
    assert mlcli("train", "slow.yaml", "-S", "training.epochs=1", "-q").code == 0
    result = mlcli("train", "--resume", "-S", "optimizer.lr=1")
    assert result.code == 2
    assert "optimizer" in result.err
    assert mlcli("train", "slow.yaml", "--resume", "-q").code == 0


def test_a_second_signal_exits_at_once(slow, start):
    process = start("train", "slow.yaml", "-q", "-S", "dataset.split.test=0.1", "-S", "training.epochs=100000")
    wait_for_epochs(slow / "runs/slow/001", 1, process)
    os.kill(process.pid, signal.SIGSTOP)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(process.pid, number)
    os.kill(process.pid, signal.SIGCONT)
    assert process.wait(10) in (130, 143)


def test_a_run_in_use_is_refused_and_its_holder_named(slow, start, mlcli):
    process = start("train", "slow.yaml", "-q", "-S", "training.epochs=100000")
    wait_for_epochs(slow / "runs/slow/001", 1, process)
    result = mlcli("train", "--resume", "slow/001")
    assert result.code == 5
    assert str(process.pid) in result.err
    process.send(signal.SIGKILL)
    process.wait()
    freed = start("train", "--resume", "slow/001", "-q")
    time.sleep(0.5)
    assert freed.poll() is None


def test_a_closed_pipe_exits_141(slow, mlcli, start):
    assert mlcli("train", "slow.yaml", "-S", "training.epochs=1", "-q").code == 0
    process = start("predict", "-o", "-", "-q")
    process.stdout.close()
    assert process.wait() == 141
    assert process.stderr.read() == b""


def test_a_signal_that_a_library_turned_into_its_own_error_still_tells_its_code(monkeypatch, capsys):
    monkeypatch.setattr("mlcli.cli.session.signal_received", lambda: signal.SIGTERM)
    with pytest.raises(SystemExit) as leaving, Session(as_json=False, quiet=False):
        raise RuntimeError("Error building a serializer")
    assert leaving.value.code == 143
    assert capsys.readouterr().err == ""
