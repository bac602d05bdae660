"""`train` on several processes: the bytes of one, and what happens when one of them fails."""

import json
import os
import subprocess
import sys
import time

import pytest

from mlcli.io.network import listen_on_loopback
from tests.cli.test_processes import digests
from tests.conftest import ROOT

CONFIG = (
    "name: slow\ndataset: digits\nmodel: {hidden: [16], dropout: 0.2}\n"
    "training: {epochs: 6, batch_size: 200, checkpoint_seconds: 0, shards: 4}\n"
)
# A process as torchrun starts it, which does FAULT after a step; the program is mlcli's.
PROGRAM = """
import errno, os, signal, sys, time
from mlcli.io.signals import leave_on_signals
leave_on_signals()
import torch
from mlcli.training import loop
from mlcli.cli import app
rank, step = os.environ["RANK"], loop.optimizer_step
def faulty(context, state, batch):
    step(context, state, batch)
    if rank == {rank!r} and state.step == 15:
        {fault}
loop.optimizer_step = faulty
app.run_process()
"""
FAULTS = {
    "killed": ("1", "os.kill(os.getpid(), signal.SIGKILL)", [9, -9], "another process has ended or cannot be reached"),
    "stalled": ("1", "time.sleep(60)", [9, None], "no answer from the other processes for 2 s"),
    "differing": ("1", "context.model.output.bias.data[0] += 1e-6", [9, 9], "differ from those of the others"),
    "failing": ("1", "raise ValueError('a bug')", [1, 1], "process 1: ValueError: a bug"),
    "disk full": ("0", "raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))", [7, 7], "No space left on device"),
    "signalled": ("1", "os.kill(os.getpid(), signal.SIGTERM)", [143, 143], ""),
    "diverged": ("9", "", [6, 6], "diverged"),
}


@pytest.fixture
def slow(workspace):
    (workspace / "slow.yaml").write_text(CONFIG)
    return workspace


@pytest.fixture
def alone(slow, mlcli):
    """Digests of runs/slow/001, trained by one process in one go."""
    assert mlcli("train", "slow.yaml", "-q").code == 0
    return digests(slow / "runs/slow/001")


@pytest.fixture
def campaign_only(request):
    """Processes take seconds to start."""
    if not request.config.getoption("--campaign"):
        pytest.skip("needs --campaign")


@pytest.fixture
def launch(slow):
    """Starts a program in two processes, as torchrun does."""
    started = []

    def start(program, *arguments):
        descriptor, port = listen_on_loopback()
        os.close(descriptor)
        for rank in range(2):
            place = {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
            environment = {**os.environ, **place, "GLOO_SOCKET_IFNAME": "lo", "MLCLI_STALL_SECONDS": "2"}
            environment["TORCH_CPP_LOG_LEVEL"] = "ERROR"
            environment["PYTHONPATH"] = str(ROOT)
            command = [sys.executable, "-c", program, *arguments]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            started.append(subprocess.Popen(command, env=environment, **pipes))
        return started

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_killed_on_two_and_resumed_on_four_gives_the_bytes_of_one(slow, spawn, mlcli):
    longer = ("-q", "-S", "training.epochs=20")
    assert mlcli("train", "slow.yaml", *longer).code == 0
    process = spawn("train", "slow.yaml", *longer, "--processes", 2)
    metrics = slow / "runs/slow/002/metrics.jsonl"
    deadline = time.monotonic() + 60
    while not metrics.exists() or metrics.read_bytes().count(b"\n") < 2:
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait(10)
    resumed = spawn("train", "--resume", "slow/002", "--processes", 4)
    _, err = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, err.decode()
    assert err.decode().count("epoch 20/20") == 1
    assert digests(slow / "runs/slow/002") == digests(slow / "runs/slow/001")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_ends_both_with_one_message_and_a_run_that_resumes(slow, alone, launch, mlcli, fault, request):
    if fault not in ("killed", "disk full", "signalled"):
        request.getfixturevalue("campaign_only")
    rank, does, codes, message = FAULTS[fault]
    sets = ["-S", "optimizer.lr=1e30", "-S", "loss.name=cross_entropy"] if fault == "diverged" else []
    program = PROGRAM.format(rank=rank, fault=does or "pass")
    processes = launch(program, "train", "slow.yaml", "-q", *sets)
    errors = [processes[0].communicate(timeout=120)[1].decode()]
    if codes[1] is not None:
        errors.append(processes[1].communicate(timeout=30)[1].decode())
        assert [process.returncode for process in processes] == codes, errors
    assert processes[0].returncode == codes[0], errors
    assert message in errors[0]
    assert errors[0].count("error:") == (0 if fault == "signalled" else 1)
    assert "Traceback" not in "".join(errors)
    assert "error:" not in "".join(errors[1:])
    if fault == "diverged":
        return
    assert json.loads((slow / "runs/slow/002/manifest.json").read_text())["status"] in ("running", "interrupted")
    resumed = mlcli("train", "--resume", "slow/002", "-q")
    assert resumed.code == 0, resumed.err
    assert digests(slow / "runs/slow/002") == alone


def test_what_torchrun_starts_again_resumes(campaign_only, slow, alone):
    fault = "os.environ['TORCHELASTIC_RESTART_COUNT'] == '0' and os.kill(os.getpid(), signal.SIGKILL)"
    (slow / "program.py").write_text(PROGRAM.format(rank="1", fault=fault))
    options = ["--standalone", "--max-restarts=1", "--nproc-per-node=2", "--monitor-interval=0.1"]
    command = [sys.executable, "-m", "torch.distributed.run", *options, "program.py", "train", "slow.yaml", "-q"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=240)
    assert done.returncode == 0, done.stderr.decode()
    assert digests(slow / "runs/slow/002") == alone


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--processes", "3"), "3 processes do not divide training.shards, which is 4; use 1, 2, 4 of them"),
        (("--processes", "2", "-S", "training.shards=1"), "or set more shards"),
        (("--processes", "2", "-S", "training.ensemble=3"), "training.ensemble: 3 networks are trained one after"),
        (("-S", "training.shards=6"), "must be a power of two"),
    ],
)
def test_what_several_processes_cannot_train_is_refused(slow, mlcli, options, message):
    result = mlcli("train", "slow.yaml", *options)
    assert result.code == 2
    assert message in result.err
    assert not (slow / "runs").exists()
