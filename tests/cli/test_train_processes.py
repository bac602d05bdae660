"""`train` on several processes: the bytes of one, and what happens when one of them fails."""

import json
import os
import signal
import subprocess
import sys

import pytest

from mlcli.io.network import listen_on_loopback
from mlcli.io.programs import LED
from tests.cli.test_processes import digests, wait_for_epochs
from tests.conftest import ROOT, train_in

CONFIG = (
    "name: slow\ndataset: digits\nmodel: {hidden: [16], dropout: 0.2}\n"
    "training: {epochs: 6, batch_size: 200, checkpoint_seconds: 0, shards: 4}\n"
)
# Before mlcli's own program: it does FAULT after a step.
FAULTY = """
import errno, os, signal, time
from mlcli.training import loop
rank, step = os.environ["RANK"], loop.optimizer_step
def faulty(context, state, batch):
    step(context, state, batch)
    if rank == {rank!r} and state.step == 15:
        {fault}
loop.optimizer_step = faulty
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


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Digests of a run that one process trained in one go."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "slow.yaml").write_text(CONFIG)
    return digests(train_in(folder, "slow.yaml") / "runs/slow/001")


@pytest.fixture
def campaign_only(request):
    """Processes take seconds to start."""
    if not request.config.getoption("--campaign"):
        pytest.skip("needs --campaign")


@pytest.fixture
def launch(slow, start):
    """Starts a command in several processes, as torchrun does; local : of them are on one machine."""

    def launch(size, *arguments, program=None, local=1):
        descriptor, port = listen_on_loopback()
        os.close(descriptor)
        shared = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        shared |= {
            "LOCAL_WORLD_SIZE": str(local),
            "GLOO_SOCKET_IFNAME": "lo",
            "MLCLI_STALL_SECONDS": "2",
        }
        return [start(*arguments, variables={**shared, "RANK": str(rank)}, program=program) for rank in range(size)]

    return launch


def test_killed_on_two_and_resumed_on_four_gives_the_bytes_of_one(slow, start, launch, mlcli):
    longer = ("-q", "-S", "training.epochs=20")
    assert mlcli("train", "slow.yaml", *longer).code == 0
    process = start("train", "slow.yaml", *longer, "--processes", 2)
    wait_for_epochs(slow / "runs/slow/002", 2, process)
    process.send(signal.SIGKILL)
    process.wait()
    (code, _, told), *others = [process.end() for process in launch(4, "train", "--resume", "slow/002")]
    assert (code, [other[0] for other in others]) == (0, [0, 0, 0]), told
    assert told.count("epoch 20/20") == 1
    assert digests(slow / "runs/slow/002") == digests(slow / "runs/slow/001")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_ends_both_with_one_message_and_a_run_that_resumes(slow, alone, launch, mlcli, fault, request):
    if fault not in ("killed", "disk full", "signalled"):
        request.getfixturevalue("campaign_only")
    rank, does, codes, message = FAULTS[fault]
    sets = ["-S", "optimizer.lr=1e30", "-S", "loss.name=cross_entropy"] if fault == "diverged" else []
    program = FAULTY.format(rank=rank, fault=does or "pass")
    processes = launch(2, "train", "slow.yaml", "-q", *sets, program=program)
    ended = [process.end() for process, code in zip(processes, codes, strict=True) if code is not None]
    errors = [err for _, _, err in ended]
    assert [code for code, _, _ in ended] == [code for code in codes if code is not None], errors
    assert message in errors[0]
    assert errors[0].count("error:") == (0 if fault == "signalled" else 1)
    assert "Traceback" not in "".join(errors)
    assert not "".join(errors[1:])
    if fault == "diverged":
        return
    assert json.loads((slow / "runs/slow/001/manifest.json").read_text())["status"] in ("running", "interrupted")
    resumed = mlcli("train", "--resume", "-q")
    assert resumed.code == 0, resumed.err
    assert digests(slow / "runs/slow/001") == alone


@pytest.mark.parametrize("fault", ["killed", "stalled"])
def test_a_fault_of_one_that_shares_memory_ends_both(slow, launch, fault, request):
    if fault != "killed":
        request.getfixturevalue("campaign_only")
    rank, does, codes, message = FAULTS[fault]
    wide = ("train", "slow.yaml", "-q", "-S", "model.hidden=[400]")  # too many weights to be sent whole
    first, _ = launch(2, *wide, program=FAULTY.format(rank=rank, fault=does), local=2)
    code, _, err = first.end()
    assert (code, err.count("error:")) == (codes[0], 1)
    assert message in err
    assert "mlcli train --resume" in err


def test_a_process_leaves_where_the_one_that_started_it_ends_before_they_train(slow, spawn):
    place = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1", LED: "1"}
    process = spawn("train", "--quiet", env={**os.environ, "PYTHONPATH": str(ROOT), **place}, stdin=subprocess.DEVNULL)
    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 9


def test_a_process_that_does_not_reach_process_0_says_so(slow, start):
    descriptor, port = listen_on_loopback()
    os.close(descriptor)
    place = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    code, _, err = start("train", "slow.yaml", variables={**place, "MLCLI_STALL_SECONDS": "0.5"}).end()
    assert code == 9
    assert "error: process 0 cannot be reached" in err


def test_what_torchrun_starts_again_resumes(campaign_only, slow, alone):
    fault = "os.environ['TORCHELASTIC_RESTART_COUNT'] == '0' and os.kill(os.getpid(), signal.SIGKILL)"
    own = "from mlcli.__main__ import main\nmain()\n"
    (slow / "program.py").write_text(FAULTY.format(rank="1", fault=fault) + own)
    options = ["--standalone", "--max-restarts=1", "--nproc-per-node=2", "--monitor-interval=0.1"]
    command = [sys.executable, "-m", "torch.distributed.run", *options, "program.py", "train", "slow.yaml", "-q"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=240)
    assert done.returncode == 0, done.stderr.decode()
    assert digests(slow / "runs/slow/001") == alone


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
