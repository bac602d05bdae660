"""Callbacks of a search, what they are told, and those that talk to the study during a training."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlcli.config.sections.config import Config
from mlcli.diagnosis.checks import Checks
from mlcli.search.storage import HEARTBEAT
from mlcli.search.study import AskedTrial, Study
from mlcli.search.trial import Trial
from mlcli.training.callbacks import Callback
from mlcli.training.context import TrainingContext
from mlcli.training.state import TrainingState

# Seconds between two readings of the study during a training.
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Budget:
    """How long to search.

    trials   : of the whole search, those of earlier commands included
    timeout  : seconds of this command, its ensemble included
    ensemble : networks of the ensemble; 1 for none
    jobs     : processes that train at the same time
    """

    trials: int
    timeout: float | None = None
    ensemble: int = 1
    jobs: int = 1

    def deadline(self) -> float:
        """When a timeout that starts now ends, in seconds of the monotonic clock; infinite without one."""
        return math.inf if self.timeout is None else time.monotonic() + self.timeout


class SearchCallback(Callback):
    """A callback of a search and of the training of each trial."""

    def on_checks(self, config: Config, checks: Checks) -> None:
        """Called before the first trial."""

    def on_search(self, trials: Sequence[Trial], metric: str, budget: Budget) -> None:
        """Called when the search starts or continues, with the trials so far and the metric that compares them."""

    def on_trial_start(self, number: int, budget: Budget) -> None:
        """Called before each trial."""

    def on_trial_end(self, trial: Trial, best: Trial | None, budget: Budget) -> None:
        """Called after each trial; best is the best complete one so far."""

    def on_ensemble(self) -> None:
        """Called before the ensemble's networks are trained."""

    def on_poll(self, running: int) -> None:
        """Called after each reading of the study, with the number of trials that are running in all processes."""


class Heartbeat(Callback):
    """Tells other machines that a trial's process is alive."""

    def __init__(self, study: Study, asked: AskedTrial | None) -> None:
        self.study = study
        self.asked = asked
        self.next_beat = 0.0

    def on_batch_end(self, context: TrainingContext, state: TrainingState) -> None:
        if self.asked is not None and time.monotonic() >= self.next_beat:
            self.next_beat = time.monotonic() + HEARTBEAT
            self.study.record_heartbeat(self.asked)


class StudyPoller(Callback):
    """Reads the trials of other processes while one is trained here."""

    def __init__(self, poll: Callable[[], None]) -> None:
        self.poll = poll
        self.next_poll = time.monotonic() + POLL_SECONDS

    def on_batch_end(self, context: TrainingContext, state: TrainingState) -> None:
        if time.monotonic() >= self.next_poll:
            self.poll()
            self.next_poll = time.monotonic() + POLL_SECONDS
