"""How long to search, and when all is to end."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Budget:
    """How long to search.

    trials   : of the whole search, those of earlier commands counted
    timeout  : seconds of this command, its ensemble included
    ensemble : networks that are to answer together in the end
    jobs     : processes that train at the same time
    """

    trials: int
    timeout: float | None = None
    ensemble: int = 1
    jobs: int = 1


@dataclass(frozen=True)
class Clock:
    """When all is to end, by the monotonic clock of this machine; None for never."""

    deadline: float | None

    @classmethod
    def of(cls, timeout: float | None) -> Self:
        """A timeout that begins now."""
        return cls(None if timeout is None else time.monotonic() + timeout)

    def left(self) -> float:
        """Seconds until then; infinite without a deadline."""
        return math.inf if self.deadline is None else self.deadline - time.monotonic()
