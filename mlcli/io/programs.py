"""mlcli started by itself as further processes; and how torchrun, or process 0, started this one."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from mlcli.errors import ProcessesError, UsageError
from mlcli.io.load import THREADS
from mlcli.io.platform import LOOPBACK

Process = subprocess.Popen[bytes]

# Seconds that processes may take to end by themselves, and then by a signal.
PATIENCE = 1.0
# What tells a process its place among several, as torchrun sets it.
PLACE = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
# How many of them are on its machine.
LOCAL_SIZE = "LOCAL_WORLD_SIZE"
# Set where process 0 has started this one, and writes a line to its stdin once it listens.
LED = "MLCLI_LED"


@dataclass(frozen=True)
class Launch:
    """How this process was started: alone, or as one of several for the same training.

    rank, size : its number among so many
    restarts   : how often torchrun has started the training again
    """

    rank: int = 0
    size: int = 1
    restarts: int = 0


def how_launched() -> Launch:
    """What the environment says."""
    if not all(name in os.environ for name in PLACE):
        return Launch()
    restarts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    rank, size = (int(os.environ[name]) for name in PLACE[:2])
    return Launch(rank, size, int(restarts)) if size > 1 else Launch()


def are_local(size: int) -> bool:
    """Whether all of so many processes are on this machine."""
    return os.environ.get(LOCAL_SIZE) == str(size)


def places(size: int, port: int) -> list[dict[str, str]]:
    """The environment of each process of this machine but process 0, which listens on a port of the loopback."""
    shared = {"WORLD_SIZE": str(size), LOCAL_SIZE: str(size), LED: "1", THREADS: "1"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [{**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(1, size)]


def tell_to_connect(processes: Sequence[Process]) -> None:
    """Tell each that this one, process 0, listens; one that has ended meanwhile is no error here."""
    for process in processes:
        with contextlib.suppress(BrokenPipeError):
            if process.stdin is not None:
                process.stdin.write(b"\n")


def await_leader() -> None:
    """Wait until process 0 of this machine listens, where it has started this one; leave with it where it has ended."""
    if LED in os.environ and not sys.stdin.buffer.readline():
        sys.exit(ProcessesError.exit_code)


def stall_seconds(usual: float = 300.0) -> float:
    """Seconds after which a process that does not answer is given up: MLCLI_STALL_SECONDS. Raises UsageError."""
    text = os.environ.get("MLCLI_STALL_SECONDS") or f"{usual:g}"
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(text)) < math.inf:
            return seconds
    raise UsageError(f"MLCLI_STALL_SECONDS is {text!r:.40}; set it to a number of seconds, such as {usual:g}")


def silence_torch() -> None:
    """Let mlcli alone say when a process is gone; before torch is imported. A level that the user has set stays."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")


def stay_on_loopback() -> None:
    """Let the processes of this machine talk on its loopback interface alone; set before torch is imported."""
    if LOOPBACK:
        os.environ["GLOO_SOCKET_IFNAME"] = LOOPBACK


@contextmanager
def running(commands: Sequence[tuple[Sequence[str], Mapping[str, str]]], grace: float = 0.0) -> Iterator[list[Process]]:
    """Processes of mlcli beside the block, each with its arguments and environment variables; they end with it.

    Their stdin is a pipe that is closed when this process ends, however it does.

    grace : seconds that they may take to end by themselves after a block without an error
    """
    processes = [
        subprocess.Popen(  # noqa: S603 (this very program)
            _command(arguments),
            bufsize=0,  # what one that has ended did not read would be written again where its pipe is closed
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        for arguments, variables in commands
    ]
    try:
        yield processes
        _await(processes, grace)
    finally:
        for process in processes:
            process.terminate()
        _await(processes, PATIENCE)
        for process in processes:
            with process:
                process.kill()


def describe_ended(processes: Sequence[Process]) -> str:
    """Which has ended and how, counting from 1; empty where all run."""
    for number, process in enumerate(processes, 1):
        if (code := process.poll()) is not None:
            return f"process {number} " + (
                f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            )
    return ""


def _command(arguments: Sequence[str]) -> list[str]:
    """-P: no module is imported from the working directory."""
    return [sys.executable, "-P", "-m", "mlcli", *arguments]


def _await(processes: Sequence[Process], seconds: float) -> None:
    """Until all have ended, at most so long."""
    end = time.monotonic() + seconds
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, end - time.monotonic()))
