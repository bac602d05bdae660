"""Who looks on at a search: the console, other machines, and the search itself at what others do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from mlcli.config.schema import Config
from mlcli.improve.budget import Budget
from mlcli.improve.checks import Checks
from mlcli.improve.storage import HEARTBEAT
from mlcli.improve.study import Study, Ticket
from mlcli.improve.trial import Trial
from mlcli.training.job import TrainingJob
from mlcli.training.observers import Observer
from mlcli.training.state import TrainingState

# Seconds between two looks at what other processes have come to.
LOOK_SECONDS = 1.0


class SearchObserver(Observer):
    """Looks on at a search and, as any observer, at the training of each trial."""

    def on_checks(self, config: Config, checks: Checks) -> None:
        """Called before the first trial."""

    def on_search(self, trials: Sequence[Trial], metric: str, budget: Budget) -> None:
        """Called when the search begins or goes on, with the trials there are and what they are compared by."""

    def on_trial_start(self, number: int, budget: Budget) -> None:
        """Called before each trial."""

    def on_trial_end(self, trial: Trial, best: Trial | None, budget: Budget) -> None:
        """Called after each trial; best is the best complete one so far."""

    def on_ensemble(self) -> None:
        """Called before the ensemble's networks are trained."""

    def on_look(self, running: int) -> None:
        """Called after each look at the study, whose trials that other processes are at are counted."""


class Heartbeat(Observer):
    """Lets other machines know that a trial's process lives."""

    def __init__(self, study: Study, ticket: Ticket | None) -> None:
        self.study = study
        self.ticket = ticket
        self.next_beat = 0.0

    def on_tick(self, job: TrainingJob, state: TrainingState) -> None:
        if self.ticket is not None and time.monotonic() >= self.next_beat:
            self.next_beat = time.monotonic() + HEARTBEAT
            self.study.beat(self.ticket)


class Lookout(Observer):
    """Has an eye on the trials of other processes while one is trained here."""

    def __init__(self, look: Callable[[], None]) -> None:
        self.look = look
        self.next_look = time.monotonic() + LOOK_SECONDS

    def on_tick(self, job: TrainingJob, state: TrainingState) -> None:
        if time.monotonic() >= self.next_look:
            self.look()
            self.next_look = time.monotonic() + LOOK_SECONDS
