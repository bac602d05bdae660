"""Other processes of the same search: the same command, started again for a share of the work.

The one module that starts programs, and it starts this one alone. What processes tell each other goes through the
search's folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

from mlcli.errors import ArtefactError, UsageError
from mlcli.improve.budget import Budget, Clock
from mlcli.typed_json import from_json

Phase = Literal["search", "ensemble"]
# Seconds that processes are given to end by a signal they got themselves, and between two looks at them.
PATIENCE, PAUSE = 1.0, 0.1


@dataclass(frozen=True)
class Share:
    """What a process is started for.

    worker   : counts from 1; 0 leads
    leader   : the process that waits for it
    deadline : seconds of the machine's monotonic clock, when all is to end
    """

    worker: int
    phase: Phase
    leader: int
    deadline: float | None

    def write(self) -> str:
        """As it stands on the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Self:
        """The share that `write` wrote; raises UsageError."""
        try:
            return from_json(cls, json.loads(text), "--worker")
        except (ValueError, RecursionError, ArtefactError):
            raise UsageError("--worker is how mlcli improve --jobs starts its own processes; use --jobs") from None

    def is_abandoned(self) -> bool:
        """Whether the process that would wait for this one is gone."""
        return os.getppid() != self.leader


@contextmanager
def hired(
    config: Path, budget: Budget, clock: Clock, phase: Phase, interrupted: Callable[[], bool], look: Callable[[], None]
) -> Iterator[None]:
    """Have budget.jobs - 1 other processes at work beside the block, and wait for their end.

    config : file of the search's configuration
    look   : called while waiting
    """
    threads = {"OMP_NUM_THREADS": str(thread_share(budget.jobs))}
    processes = [
        subprocess.Popen(  # noqa: S603 (this very program)
            _command(config, budget, Share(worker, phase, os.getpid(), clock.deadline)),
            env={**os.environ, **threads},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for worker in range(1, budget.jobs)
    ]
    try:
        yield
        _wait(processes, interrupted, look)
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def thread_share(jobs: int) -> int:
    """Threads of one of so many processes."""
    return max(1, len(os.sched_getaffinity(0)) // jobs) if hasattr(os, "sched_getaffinity") else 1


def _command(config: Path, budget: Budget, share: Share) -> list[str]:
    """-P: no module is imported from the working directory."""
    numbers = {"--trials": budget.trials, "--ensemble": budget.ensemble, "--jobs": budget.jobs}
    options = [text for option, value in numbers.items() for text in (option, str(value))]
    if budget.timeout is not None:
        options += ["--timeout", str(budget.timeout)]
    return [sys.executable, "-P", "-m", "mlcli", "improve", str(config), "--quiet", "--worker", share.write(), *options]


def _wait(processes: list[subprocess.Popen[bytes]], interrupted: Callable[[], bool], look: Callable[[], None]) -> None:
    told_at: float | None = None
    while any(process.poll() is None for process in processes):
        if interrupted():
            told_at = told_at or time.monotonic()
            if time.monotonic() - told_at > PATIENCE:
                return
        look()
        time.sleep(PAUSE)
    look()
