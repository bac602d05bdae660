"""How long to search, and what each part may take of a timeout."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlcli.io.text import counted

# Trials that no search comes to.
MANY = 100_000
# Of the time left when the data is read, the share that checks and diagnosis may take; and where the networks of the
# start's configuration leave less.
CHECKS, FEWEST_CHECKS = 0.1, 0.03
# Of the timeout, what is kept for writing the results: in seconds at most so many. More on a busy machine: a share of
# the time that passed until the data was read, at most a share of the timeout.
WRITING, MOST_WRITING = 0.04, 5.0
OF_READING, MOST_BUSY = 0.5, 0.1
# Share of the time left before the first trial that the networks of the start's configuration are planned for; of their
# epochs: from which a network is worth its time, and from which more networks are worth more than all epochs. On
# held-out rows of a table with seasons: three networks of all epochs 1.143, two 1.149, three of 72 % 1.169.
OWN, ENOUGH, NEARLY = 0.95, 0.6, 0.9
# Share of that time that the start takes where not even one such network fits, so that others have some.
START = 0.6
# While the start is trained, this share of the time left is kept, but it may take so many times the seconds that its
# first steps promise.
KEPT, SLACK = 0.3, 1.5
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


def checks_seconds(left: float, own: float) -> float:
    """That checks and diagnosis may take of the seconds left: what the start's networks, which take `own`, leave."""
    return max(FEWEST_CHECKS * left, min(CHECKS * left, left - own / OWN))


def start_seconds(available: float, n_trainings: int, n_others: int, whole: float) -> float:
    """That each training of the start may take, so that the other networks of its configuration fit the time as well.

    As many of them as fit with nearly all epochs; one that fits with enough of them.

    available   : seconds left before the first trial
    n_trainings : of the start's trial
    n_others    : of other networks after it, those trained at the same time counted once
    whole       : seconds of a training with all epochs, by its first steps
    """
    for others in range(n_others, -1, -1):
        own = OWN * available / (n_trainings + others)
        if own >= (NEARLY if others else ENOUGH) * whole:
            return own
    return START * available / n_trainings
