"""What a timeout allows: epochs of the start and of other trials, and the seconds that are kept for the ensemble.

First come the networks that the start's configuration would have, so that no search ends with less than it would have
trained. Trials take what is left; what they leave goes to more networks of the ensemble.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mlcli.config.sections.config import Config
from mlcli.search.budget import ENOUGH, FEWEST, KEPT, MARGIN, PLENTY, RESERVE, RESERVED, SLACK, Budget, start_seconds
from mlcli.search.ensemble import plan_members
from mlcli.search.objective import SearchContext, seconds_per_epoch
from mlcli.search.space import config_with
from mlcli.search.storage import ModelCache
from mlcli.search.trial import Trial, distinct_trials, start_trial


@dataclass(eq=False)
class Timing:
    """The time of one process's part of a search.

    deadline   : in seconds of the monotonic clock; infinite without a timeout
    spare      : whether this is time that the ensemble left
    for_others : seconds that the start, while it is trained, may not take
    available  : seconds left before the first trial of this process
    """

    context: SearchContext
    budget: Budget
    model_cache: ModelCache
    deadline: float
    spare: bool = field(init=False, default=False)
    for_others: float = field(init=False, default=0.0)
    available: float = field(init=False, default=0.0)
    _kept: tuple[int, object, float] = field(init=False, default=(-1, None, 0.0))

    def begin(self) -> None:
        """Called when trials begin, and when they go on after an ensemble."""
        self.available, self._kept = self.available or self.seconds_left(), (-1, None, 0.0)

    def seconds_left(self) -> float:
        """Until the deadline."""
        return self.deadline - time.monotonic()

    def reserve(self, trials: Sequence[Trial]) -> float:
        """Seconds kept for what comes later: for other trials while the start is trained, then for the ensemble."""
        if self.budget.timeout is None or self.for_others:
            return self.for_others
        n_trials, known, seconds = self._kept
        if n_trials != len(trials):
            best = distinct_trials(trials, self.context.metric), is_beyond_start(trials)
            if best != known:
                seconds = self._ensemble_seconds(trials, self.budget.timeout) if best[0] else 0.0
            self._kept = len(trials), best, seconds
        return self._kept[2]

    def for_trials(self, trials: Sequence[Trial]) -> float:
        """Seconds left for trials."""
        return self.seconds_left() - self.reserve(trials)

    def is_over(self, trials: Sequence[Trial]) -> bool:
        """Whether trials end."""
        return self.for_trials(trials) <= 0

    def lacks_time(self, trials: Sequence[Trial], share: float) -> bool:
        """Whether another trial like the start, or this share of it, would take longer than is left for trials."""
        start = start_trial(trials)
        return self.budget.timeout is not None and start is not None and self.for_trials(trials) < share * start.seconds

    def start_epochs(self) -> int:
        """As many as fit the time with the other networks of the start's configuration, by the pace of some steps."""
        epochs, n_trainings = self.context.start.training.epochs, self.context.n_trainings
        if self.budget.timeout is None:
            return epochs
        others, pace = n_other_rounds(self.context.start, self.budget), self.context.pace
        seconds = start_seconds(self.available, n_trainings, others, epochs * pace)
        return max(1, min(epochs, int(seconds / pace)))

    def keep_for_others(self, config: Config) -> None:
        """Keep seconds that the start's training may not take. config : with the epochs that it is trained with."""
        if self.budget.timeout is not None:
            needed = SLACK * self.context.pace * config.training.epochs * self.context.n_trainings
            self.for_others = max(0.0, min(KEPT * self.seconds_left(), self.seconds_left() - needed))

    def shorten(self, blank: Trial, trials: Sequence[Trial]) -> Trial | None:
        """The trial with as many epochs as there is time for; None where these are too few.

        The first trial beyond the start has FEWEST at least.
        """
        if self.budget.timeout is None or blank.origin == "start":
            return blank
        start, n_trainings = start_trial(trials), self.context.n_trainings
        seconds = MARGIN * self.for_trials(trials) / n_trainings
        if start is not None and PLENTY * start.seconds / n_trainings < seconds:
            return blank
        config = config_with(self.context.start, blank.values)
        epochs, used = config.training.epochs, 1.0
        if start is not None and start.epochs:  # early stopping may leave some
            used = start.epochs / int(start.values.get("training.epochs", self.context.start.training.epochs))
        fit = int(seconds / (used * seconds_per_epoch(self.context, config)))
        if fit < ENOUGH * epochs and is_beyond_start(trials):
            return None
        fit = min(epochs, max(fit, FEWEST))
        return blank if fit == epochs else replace(blank, values={**blank.values, "training.epochs": fit})

    def _ensemble_seconds(self, trials: Sequence[Trial], timeout: float) -> float:
        """That the networks of the ensemble still to be trained will take, by the trials that they are chosen from.

        As many as the start's configuration has; more in a share of the timeout, once a trial beyond the start is
        complete. In the time that an ensemble left, another is trained whole or not at all: 0 where that would take
        longer.
        """
        members = plan_members(self.context, trials, self.model_cache, self.budget.ensemble)
        missing = [0.0 if self.model_cache.holds(one.values) else one.seconds for one in members]
        of_start = missing[: n_own(self.context.start, self.budget)]
        own, needed = (RESERVE * sum(part) / self.budget.jobs for part in (of_start, missing))
        if self.spare:
            return needed if needed <= self.seconds_left() else 0.0
        return max(own, min(needed, RESERVED * timeout)) if is_beyond_start(trials) else own


def n_own(start: Config, budget: Budget) -> int:
    """Networks of the start's configuration, as far as the ensemble has as many."""
    return min(start.training.ensemble, budget.ensemble)


def n_other_rounds(start: Config, budget: Budget) -> int:
    """Trainings one after the other that its networks need beside the start's trial."""
    return math.ceil((n_own(start, budget) - 1) / budget.jobs)


def own_seconds(context: SearchContext, budget: Budget) -> float:
    """That the networks of the start's configuration take with all epochs, by the pace of some steps."""
    n_trainings = context.n_trainings + n_other_rounds(context.start, budget)
    return n_trainings * context.start.training.epochs * context.pace


def is_beyond_start(trials: Sequence[Trial]) -> bool:
    """Whether a trial other than the start is complete."""
    return any(trial.state == "complete" and trial.origin != "start" for trial in trials)
