"""How long to search, and what each part may take of a timeout."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlcli.io.text import counted

# Trials that no search comes to.
MANY = 100_000
# Of the time left when the data is read, the share that checks and diagnosis may take.
CHECKS = 0.1
# Of the timeout, what is kept for writing the results: in seconds at most so many. More on a busy machine: a share of
# the time that passed until the data was read, at most a share of the timeout.
WRITING, MOST_WRITING = 0.04, 5.0
OF_READING, MOST_BUSY = 0.5, 0.1
# Share of the time left before the first trial that the networks of the start's configuration may take, so that another
# trial has some; and the share of its epochs from which a network is worth its time.
OWN, ENOUGH = 0.85, 0.6
# Share of that time that the start takes where its networks do not fit, so that others have some.
START = 0.3
# While the start is trained, this share of the time left is kept, but it may take so many times the seconds that its
# first steps promise.
KEPT, SLACK = 0.5, 1.5
# Where the time is short: epochs of the first trial beyond the start, and the share of the time left that a trial's are
# planned for, by its first steps.
FEWEST, MARGIN = 10, 0.9
# Time kept for the ensemble, as a multiple of what its trials' trainings took; at most this share of the timeout.
RESERVE, RESERVED = 1.05, 0.6
# Times that a trial like the start would fit the time left, from which a trial's pace is not measured.
PLENTY = 4


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


def start_seconds(available: float, n_trainings: int, n_others: int, whole: float) -> float:
    """That each training of the start may take, so that the other networks of its configuration fit the time as well.

    available   : seconds left before the first trial
    n_trainings : of the start's trial
    n_others    : of other networks after it, those trained at the same time counted once
    whole       : seconds of a training with all epochs, by its first steps
    """
    own = OWN * available / (n_trainings + n_others)
    return own if own >= ENOUGH * whole else START * available / n_trainings
