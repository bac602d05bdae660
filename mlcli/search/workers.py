"""Several processes at one search, or at one ensemble."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

import torch

from mlcli.config.loading.dump import dump_config
from mlcli.errors import ArtefactError, UsageError
from mlcli.io.atomic import write_file
from mlcli.io.json import from_json
from mlcli.io.platform import usable_cores
from mlcli.io.signals import Interruption
from mlcli.search.budget import Budget, Clock
from mlcli.search.ensemble import EnsembleMember, TrainedEnsemble, form_ensemble, plan_members, train_members
from mlcli.search.model_cache import ModelCache
from mlcli.search.ranking import start_trial
from mlcli.search.search import Diagnose, Search, SearchCallback, Searched, diagnose_history
from mlcli.search.study import Study
from mlcli.search.trial import SearchContext

Phase = Literal["search", "ensemble"]
# Seconds that processes are given to end by a signal they got themselves, and between two looks at them.
PATIENCE, PAUSE = 1.0, 0.1


@dataclass(frozen=True)
class WorkerTask:
    """What a process is started for.

    worker   : counts from 1; 0 leads
    deadline : seconds of the machine's monotonic clock, when all is to end
    """

    worker: int
    phase: Phase
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


@contextmanager
def worker_pool(
    config: Path, budget: Budget, clock: Clock, phase: Phase, interrupted: Callable[[], bool], look: Callable[[], None]
) -> Iterator[None]:
    """Have budget.jobs - 1 other processes at work beside the block, and wait for their end.

    config : file of the search's configuration
    look   : called while waiting
    """
    threads = {"OMP_NUM_THREADS": str(thread_share(budget.jobs))}
    processes = [
        subprocess.Popen(  # noqa: S603 (this very program)
            _command(config, budget, WorkerTask(worker, phase, clock.deadline)),
            env={**os.environ, **threads},
            stdin=subprocess.PIPE,  # closed when this process ends, however it does
            stdout=subprocess.DEVNULL,
        )
        for worker in range(1, budget.jobs)
    ]
    try:
        yield
        _wait(processes, interrupted, look)
    finally:
        for process in processes:
            with process:
                process.terminate()


def thread_share(jobs: int) -> int:
    """Threads of one of so many processes."""
    return max(1, usable_cores() // jobs)


def _command(config: Path, budget: Budget, share: WorkerTask) -> list[str]:
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


CONFIG_FILE = "start.yaml"
# Seconds that a process takes to start.
WORTH_A_PROCESS = 3.0


def open_search(
    bench: SearchContext,
    folder: Path,
    budget: Budget,
    clock: Clock,
    callbacks: Sequence[SearchCallback] = (),
    worker: int = 0,
    diagnose: Diagnose = diagnose_history,
) -> Search:
    """The search in a folder, to go on from where it stands."""
    study = Study(folder, bench.start, bench.metric, worker)
    return Search(bench, study, budget, callbacks, ModelCache(folder / "kept"), clock, worker == 0, diagnose)


def search_in_parallel(search: Search, folder: Path, interruption: Interruption) -> Searched:
    """Search with as many processes as asked for, and alone for what is left when one died."""
    with with_workers(search, folder, "search", interruption):
        search.run(interruption)
    search.study.settle_orphans()
    return search.run(interruption) if search.budget.jobs > 1 else search.searched()


@contextmanager
def with_workers(search: Search, folder: Path, phase: Phase, interruption: Interruption) -> Iterator[None]:
    """Other processes at work beside the block, where there are to be any."""
    if search.budget.jobs == 1 or search.clock.left() < WORTH_A_PROCESS:
        yield
        return
    torch.set_num_threads(thread_share(search.budget.jobs))
    write_file(folder / CONFIG_FILE, dump_config(search.bench.start).encode())
    with worker_pool(folder / CONFIG_FILE, search.budget, search.clock, phase, interruption, search.look):
        yield


def train_ensemble(search: Search, folder: Path, interruption: Interruption) -> TrainedEnsemble | None:
    """Networks like the best trials', together; None where none are asked for, and before the start is judged."""
    if search.budget.ensemble == 1 or interruption() or start_trial(search.trials) is None:
        return None
    with with_workers(search, folder, "ensemble", interruption):
        train_share(search, 0, interruption)
    return None if interruption() else form_ensemble(search.bench, members_of(search), search.shelf)


def do_task(search: Search, share: WorkerTask, interruption: Interruption) -> None:
    """What another process of the search is to do."""
    abandoned = watch_pipe(sys.stdin.fileno())

    def interrupted() -> bool:
        return interruption() or abandoned.is_set()

    if share.phase == "search":
        search.run(interrupted)
    else:
        train_share(search, share.worker, interrupted)


def watch_pipe(descriptor: int) -> threading.Event:
    """Set once the other end of a pipe is closed, which nothing is written to: the leading process is gone."""
    closed = threading.Event()

    def wait() -> None:
        with contextlib.suppress(OSError):
            os.read(descriptor, 1)
        closed.set()

    threading.Thread(target=wait, daemon=True).start()
    return closed


def members_of(search: Search) -> list[EnsembleMember]:
    """The networks that the ensemble wants."""
    return plan_members(search.bench, search.trials, search.shelf, search.budget.ensemble)


def train_share(search: Search, worker: int, interrupted: Callable[[], bool]) -> None:
    """Train every so-many-th of the ensemble's networks, as long as there is time."""

    def stopped() -> bool:
        return interrupted() or search.clock.left() <= 0

    for callback in search.callbacks:
        callback.on_ensemble()
    mine = members_of(search)[worker :: search.budget.jobs]
    train_members(search.bench, mine, search.shelf, search.callbacks, stopped)
