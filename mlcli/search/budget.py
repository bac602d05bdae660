"""How long to search, and what each part may take of a timeout."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlcli.io.text import counted

# Trials that no search comes to.
MANY = 100_000
# Of the timeout: the share that checks and diagnosis may take, and what is kept for writing the results, in seconds at
# most so many.
CHECKS, WRITING, MOST_WRITING = 0.25, 0.04, 5.0
# Share of the time left before the first trial that the start may take.
START = 0.5


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

    def deadline(self, begun: float) -> float:
        """When trainings end, in seconds of the monotonic clock; infinite without a timeout.

        begun : when the command began
        """
        if self.timeout is None:
            return math.inf
        return begun + self.timeout - min(WRITING * self.timeout, MOST_WRITING)

    @property
    def checks(self) -> float:
        """Seconds that checks and diagnosis may take together."""
        return math.inf if self.timeout is None else CHECKS * self.timeout
