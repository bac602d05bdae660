"""Callbacks of a search, and of the trainings of its trials."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from mlcli.config.sections.config import Config
from mlcli.diagnosis.checks import Checks
from mlcli.search.budget import Budget
from mlcli.search.trial import Trial
from mlcli.training.callbacks import Callback
from mlcli.training.context import TrainingContext
from mlcli.training.state import TrainingState


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


class Periodic(Callback):
    """Calls `action` during a training, at most once every `seconds`."""

    def __init__(self, action: Callable[[], None], seconds: float) -> None:
        self.action = action
        self.seconds = seconds
        self.next_call = time.monotonic() + seconds

    def on_batch_end(self, context: TrainingContext, state: TrainingState) -> None:
        if time.monotonic() >= self.next_call:
            self.action()
            self.next_call = time.monotonic() + self.seconds
