"""Processes of their own, timed from start to exit.

The suite itself imports nothing large: Linux counts the memory of a parent into the peak of its children.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.folders import DATA, ROOT, RUNS

# Every process chooses its own threads and kernels.
CHOSEN_BY_HAND = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"}


class FailedError(Exception):
    """A process that did not end as it should; the message is its last line."""


@dataclass(frozen=True)
class Finished:
    """What a process took and wrote.

    peak : bytes of memory at its largest
    """

    seconds: float
    peak: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document that its output ends with."""
        return json.loads(self.out[self.out.index("{") :])


def environment() -> dict[str, str]:
    """The variables of every process: mlcli from this checkout, and folders of the suite's own."""
    kept = {name: value for name, value in os.environ.items() if name not in CHOSEN_BY_HAND}
    folders = {"MLCLI_DATA_DIR": str(DATA), "MLCLI_RUNS_DIR": str(RUNS), "PYTHONPATH": str(ROOT), "MLCLI_OFFLINE": "1"}
    return kept | QUIET | folders


def run(command: Sequence[object], code: int = 0, variables: Mapping[str, str] | None = None) -> Finished:
    """Run a command in the project's root. Raises FailedError unless it exits with `code`.

    variables : of its environment, beside the suite's own
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.perf_counter()
        process = subprocess.Popen(
            list(map(str, command)), cwd=ROOT, env=environment() | (variables or {}), stdout=out, stderr=err
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        done = Finished(seconds, usage.ru_maxrss * 1024, out.read(), err.read())
    if process.returncode != code:
        lines = (done.err or done.out).strip().splitlines()
        raise FailedError(f"exit code {process.returncode}: {lines[-1] if lines else 'no message'}")
    return done


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Within it, or until this process ends, as many other programs compute, each of a session of its own."""
    command = [sys.executable, "-c", f"import os\nwhile os.getppid() == {os.getpid()}: pass"]
    loops = [subprocess.Popen(command, start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def mlcli(*arguments: object, code: int = 0, variables: Mapping[str, str] | None = None) -> Finished:
    """Run a command of mlcli as a user does."""
    return run([sys.executable, "-m", "mlcli", *arguments], code, variables)


def own(module: str, *arguments: object, variables: Mapping[str, str] | None = None) -> Finished:
    """Run a module of the suite where mlcli is installed."""
    return run([sys.executable, "-m", f"tests.benchmarks.{module}", *arguments], variables=variables)
