"""One search, or one ensemble, by as many processes as asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from mlcli.config.dump import dump_config
from mlcli.files import write_file
from mlcli.improve.budget import Budget, Clock
from mlcli.improve.ensemble import Seat, Team, fill_seats, form_team, plan_seats
from mlcli.improve.kept import Shelf
from mlcli.improve.ranking import start_trial
from mlcli.improve.search import Examine, Search, Searched, unexamined
from mlcli.improve.study import Study
from mlcli.improve.trial import Bench
from mlcli.improve.watching import SearchObserver
from mlcli.improve.workers import Phase, Share, hired, thread_share
from mlcli.signals import Interruption

CONFIG_FILE = "start.yaml"
# Seconds that a process takes to start.
WORTH_A_PROCESS = 3.0


def open_search(
    bench: Bench,
    folder: Path,
    budget: Budget,
    clock: Clock,
    observers: Sequence[SearchObserver] = (),
    worker: int = 0,
    examine: Examine = unexamined,
) -> Search:
    """The search in a folder, to go on from where it stands."""
    study = Study(folder, bench.start, bench.metric, worker)
    return Search(bench, study, budget, observers, Shelf(folder / "kept"), clock, worker == 0, examine)


def search_together(search: Search, folder: Path, interruption: Interruption) -> Searched:
    """Search with as many processes as asked for, and alone for what is left when one died."""
    with helped(search, folder, "search", interruption):
        search.run(interruption)
    search.study.settle_orphans()
    return search.run(interruption) if search.budget.jobs > 1 else search.searched()


@contextmanager
def helped(search: Search, folder: Path, phase: Phase, interruption: Interruption) -> Iterator[None]:
    """Other processes at work beside the block, where there are to be any."""
    if search.budget.jobs == 1 or search.clock.left() < WORTH_A_PROCESS:
        yield
        return
    torch.set_num_threads(thread_share(search.budget.jobs))
    write_file(folder / CONFIG_FILE, dump_config(search.bench.start).encode())
    with hired(folder / CONFIG_FILE, search.budget, search.clock, phase, interruption, search.look):
        yield


def train_team(search: Search, folder: Path, interruption: Interruption) -> Team | None:
    """Networks like the best trials', together; None where none are asked for, and before the start is judged."""
    if search.budget.ensemble == 1 or interruption() or start_trial(search.trials) is None:
        return None
    with helped(search, folder, "ensemble", interruption):
        fill_share(search, 0, interruption)
    return None if interruption() else form_team(search.bench, seats_of(search), search.shelf)


def do_share(search: Search, share: Share, interruption: Interruption) -> None:
    """What another process of the search is to do."""

    def interrupted() -> bool:
        return interruption() or share.is_abandoned()

    if share.phase == "search":
        search.run(interrupted)
    else:
        fill_share(search, share.worker, interrupted)


def seats_of(search: Search) -> list[Seat]:
    """The networks that the ensemble wants."""
    return plan_seats(search.bench, search.trials, search.shelf, search.budget.ensemble)


def fill_share(search: Search, worker: int, interrupted: Callable[[], bool]) -> None:
    """Train every so-many-th of the ensemble's networks, as long as there is time."""

    def stopped() -> bool:
        return interrupted() or search.clock.left() <= 0

    for observer in search.observers:
        observer.on_ensemble()
    mine = seats_of(search)[worker :: search.budget.jobs]
    fill_seats(search.bench, mine, search.shelf, search.observers, stopped)
