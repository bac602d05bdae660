"""Several processes for one search, or for one ensemble."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

from mlcli.config.loading.dump import dump_config
from mlcli.errors import ArtefactError, UsageError
from mlcli.io.atomic import write_file
from mlcli.io.json import from_json
from mlcli.io.load import THREADS
from mlcli.io.platform import usable_cores
from mlcli.io.programs import PATIENCE, running
from mlcli.io.signals import Interruption
from mlcli.search.budget import Budget
from mlcli.search.callbacks import SearchCallback
from mlcli.search.ensemble import (
    EnsembleMember,
    TrainedMembers,
    member_rows,
    plan_members,
    train_members,
    trained_members,
)
from mlcli.search.objective import SearchContext
from mlcli.search.search import Diagnose, Search, diagnose_history
from mlcli.search.storage import ModelCache
from mlcli.search.study import Study
from mlcli.search.timing import n_own
from mlcli.training.context import set_threads

Phase = Literal["search", "spare", "ensemble"]
# Seconds between two polls.
PAUSE = 0.1
# Seconds that a process takes to start; it is not started with less left.
START_SECONDS = 3.0


@dataclass(frozen=True)
class WorkerTask:
    """The task of a worker process.

    worker   : from 1; 0 leads
    phase    : spare is a search in the time that the ensemble left
    deadline : in seconds of the machine's monotonic clock; infinite without one
    on_disk  : as `SearchContext` has it
    """

    worker: int
    phase: Phase
    deadline: float = math.inf
    on_disk: bool = False

    def write(self) -> str:
        """As the command line's --worker."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Self:
        """The task that `write` wrote; raises UsageError."""
        try:
            return from_json(cls, json.loads(text), "--worker")
        except (ValueError, RecursionError, ArtefactError):
            raise UsageError("--worker is how mlcli improve --jobs starts its own processes; use --jobs") from None


def open_search(
    context: SearchContext,
    folder: Path,
    budget: Budget,
    deadline: float,
    callbacks: Sequence[SearchCallback] = (),
    worker: int = 0,
    diagnose: Diagnose = diagnose_history,
) -> Search:
    """The search in a folder, with the trials that it has."""
    study = Study(folder, context.start, context.metric, worker)
    return Search(context, study, budget, callbacks, ModelCache(folder / "kept"), deadline, worker == 0, diagnose)


def search_and_train(search: Search, folder: Path, interruption: Interruption) -> TrainedMembers:
    """Search, then train an ensemble of the best trials; what is left of a timeout goes to more trials, and so on.

    A timeout begins with the networks of the start's configuration; several processes try others beside its first.
    """
    ensemble: TrainedMembers = ()
    if search.budget.timeout is not None and search.budget.jobs == 1:
        search.run(interruption, start_alone=True)
        ensemble = train_ensemble(search, folder, interruption, own_alone=True)
    while True:
        n_trials = len(search.trials)
        search_in_parallel(search, folder, interruption)
        if search.timing.spare and len(search.trials) == n_trials:
            return ensemble
        ensemble = train_ensemble(search, folder, interruption, ensemble)
        if not ensemble or search.budget.timeout is None:
            return ensemble
        search.timing.spare = True


def search_in_parallel(search: Search, folder: Path, interruption: Interruption) -> None:
    """Search with budget.jobs processes; if one died, this one runs the trials that are left."""
    with worker_pool(search, folder, "spare" if search.timing.spare else "search", interruption):
        search.run(interruption)
    search.study.settle_orphans()
    if search.budget.jobs > 1:
        search.run(interruption)


def train_ensemble(
    search: Search, folder: Path, interruption: Interruption, known: TrainedMembers = (), *, own_alone: bool = False
) -> TrainedMembers:
    """The networks of an ensemble of the best trials, of which a search has at least one; none when interrupted.

    known     : an earlier one, which stays where the best trials are the same, or time is too short for as many
                networks
    own_alone : as many networks as the start's configuration has
    """
    count = n_own(search.context.start, search.budget) if own_alone else None
    members = [] if interruption() else members_of(search)[:count]
    if members == [own for own, _ in known]:
        return known
    found = trained_members(members, search.model_cache)
    if len(found) < len(members):
        with worker_pool(search, folder, "ensemble", interruption):
            train_members_of_worker(search, members, 0, interruption)
        found = () if interruption() else trained_members(members, search.model_cache)
    return known if len(found) < len(known) else found


def run_task(search: Search, task: WorkerTask, interruption: Interruption) -> None:
    """Run a worker's task until it is done, or the leading process has ended."""
    abandoned = watch_pipe(sys.stdin.fileno())

    def interrupted() -> bool:
        return interruption() or abandoned.is_set()

    if task.phase != "ensemble":
        search.timing.spare = task.phase == "spare"
        search.run(interrupted)
    elif members := members_of(search):
        train_members_of_worker(search, members, task.worker, interrupted)


def members_of(search: Search) -> list[EnsembleMember]:
    """The planned members of the search's ensemble."""
    return plan_members(search.context, search.trials, search.model_cache, search.budget.ensemble)


def train_members_of_worker(
    search: Search, members: Sequence[EnsembleMember], worker: int, interrupted: Callable[[], bool]
) -> None:
    """Train the members worker, worker + jobs, worker + 2 · jobs, … until the deadline."""
    for callback in search.callbacks:
        callback.on_ensemble()
    own, rows = members[worker :: search.budget.jobs], member_rows(search.context, members[0].config)
    train_members(
        search.context, own, rows, search.model_cache, search.callbacks, interrupted, search.timing.seconds_left
    )


@contextmanager
def worker_pool(search: Search, folder: Path, phase: Phase, interrupted: Callable[[], bool]) -> Iterator[None]:
    """Run budget.jobs - 1 worker processes beside the block, and wait for them; polls the study meanwhile."""
    if search.budget.jobs == 1 or search.timing.seconds_left() < START_SECONDS:
        yield
        return
    threads = max(1, usable_cores() // search.budget.jobs)
    set_threads(threads)
    config = folder / "start.yaml"
    write_file(config, dump_config(search.context.start).encode())
    of_all = phase, search.deadline, search.context.on_disk
    tasks = [WorkerTask(worker, *of_all) for worker in range(1, search.budget.jobs)]
    variables = {THREADS: str(threads)}
    commands = [(_arguments(config, search.budget, task), variables) for task in tasks]
    with running(commands, grace=PATIENCE) as processes:
        yield
        while not interrupted() and any(process.poll() is None for process in processes):
            search.poll()
            time.sleep(PAUSE)
        search.poll()


def _arguments(config: Path, budget: Budget, task: WorkerTask) -> list[str]:
    numbers = {"--trials": budget.trials, "--ensemble": budget.ensemble, "--jobs": budget.jobs}
    options = [text for option, value in numbers.items() for text in (option, str(value))]
    if budget.timeout is not None:
        options += ["--timeout", str(budget.timeout)]
    return ["improve", str(config), "--quiet", "--worker", task.write(), *options]


def watch_pipe(descriptor: int) -> threading.Event:
    """Set once the other end of a pipe is closed, which nothing is written to: the leading process has ended."""
    closed = threading.Event()

    def wait() -> None:
        with contextlib.suppress(OSError):
            os.read(descriptor, 1)
        closed.set()

    threading.Thread(target=wait, daemon=True).start()
    return closed
