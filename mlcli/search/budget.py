"""How long to search, and what each part may take of a timeout."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from mlcli.io.text import counted
from mlcli.training.state import TrainingState

# Trials that no search comes to.
MANY = 100_000
# Of the time left when the data is read, the share that checks and diagnosis may take.
CHECKS = 0.25
# Of the timeout, what is kept for writing the results: in seconds at most so many. More on a busy machine: a share of
# the time that passed until the data was read, at most a share of the timeout.
WRITING, MOST_WRITING = 0.04, 5.0
OF_READING, MOST_BUSY = 0.5, 0.1
# Share of the time left before the first trial that the start may take by the pace of its first epochs, so that other
# trials and the ensemble have theirs; of the time left before it, what it takes at most; and how often it is tried.
START, MOST_START, STARTS = 0.3, 0.5, 3
# Share of the time left that another trial may take by its pace, until one is complete.
OTHER = 0.6
# Shares of a training's seconds between which its pace is judged: it is known then, and little is lost.
JUDGED, SPENT = 0.1, 0.4


@dataclass(frozen=True)
class Budget:
    """How long to search.

    trials   : of the whole search, those of earlier commands included; MANY where the time alone limits it
    timeout  : seconds of this command, with its checks, diagnosis and ensemble
    ensemble : networks of the ensemble; 1 for none
    jobs     : processes that train at the same time
    """

    trials: int
    timeout: float | None = None
    ensemble: int = 1
    jobs: int = 1

    @property
    def n_trials(self) -> str:
        """Their number and the word, or the word alone where the time is the limit."""
        return "trials" if self.trials >= MANY else counted(self.trials, "trial")

    def deadline(self, begun: float, ready: float) -> float:
        """When trainings end, in seconds of the monotonic clock; infinite without a timeout.

        begun, ready : when the command began, and when it had read the data
        """
        if self.timeout is None:
            return math.inf
        busy = min(OF_READING * (ready - begun), MOST_BUSY * self.timeout)
        return begun + self.timeout - max(busy, min(WRITING * self.timeout, MOST_WRITING))


@dataclass(frozen=True)
class TooSlow:
    """Stops a training that would take longer, at the pace of its first epochs, than it may.

    epochs  : of the whole training
    seconds : that it may take, from now on
    """

    epochs: int
    seconds: float
    began: float = field(default_factory=time.monotonic)

    def should_stop(self, state: TrainingState) -> bool:
        """After the first epoch, or a later one while little of the time is spent."""
        spent = time.monotonic() - self.began
        if not state.epoch or spent < JUDGED * self.seconds or (state.epoch > 1 and spent > SPENT * self.seconds):
            return False
        return spent / state.epoch * self.epochs > self.seconds
