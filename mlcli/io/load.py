"""How many processors other programs leave to this one, judged while it starts."""

from __future__ import annotations

import os
import time

from mlcli.io.platform import busy_seconds, process_age, usable_cores

# Sets the number of threads, whatever else runs.
THREADS = "OMP_NUM_THREADS"
# Seconds that say something of a machine's load; it is counted in hundredths.
SHORTEST = 0.25

_begun: list[tuple[float, float]] = []


def begin_watching() -> None:
    """Called as the program starts: reading data and importing torch take a while, in which the load is seen."""
    _begun[:] = _look()


def program_began() -> float:
    """When mlcli was started, in seconds of the monotonic clock; now, where it is part of another program."""
    return time.monotonic() - (process_age() if _begun else 0.0)


def free_cores() -> int:
    """Processors of this process but those that others have kept busy since `begin_watching`; at least one.

    All of them where the load is unknown, or OMP_NUM_THREADS sets the threads.
    """
    cores, now = usable_cores(), _look()
    if not _begun or not now or THREADS in os.environ:
        return cores
    (then, busy_then), (until, busy_until) = _begun[0], now[0]
    if until - then < SHORTEST:
        return cores
    return min(cores, max(1, round(cores - (busy_until - busy_then) / (until - then))))


def _look() -> list[tuple[float, float]]:
    """The time, and seconds for which other programs have used this process's processors; empty where unknown."""
    busy = busy_seconds()
    return [] if busy is None else [(time.monotonic(), busy - time.process_time())]
