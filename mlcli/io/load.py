"""How many processors other programs leave to this one, judged while it starts; and whether programs wait for one."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

from mlcli.io.platform import busy_seconds, process_age, usable_cores

# Sets the number of threads, whatever else runs.
THREADS = "OMP_NUM_THREADS"
# Each says how OpenMP's threads wait for each other, whatever else runs.
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
# Seconds that say something of a machine's load; it is counted in hundredths.
SHORTEST = 0.25
PRESSURE = Path("/proc/pressure/cpu")

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


class Pressure(NamedTuple):
    """How long programs of the machine have waited for a processor, as Linux counts it, whatever their priority.

    recent : share of the last ten seconds, about
    total  : seconds in all
    """

    recent: float
    total: float


def cpu_pressure() -> Pressure | None:
    """None where it is unknown."""
    try:
        some = PRESSURE.read_text(encoding="ascii").split("\n")[0]
        _, *pairs = some.split()
        values = dict(pair.split("=") for pair in pairs)
        return Pressure(float(values["avg10"]) / 100, int(values["total"]) / 1e6)
    except (OSError, ValueError, KeyError):  # another system, or a kernel that does not count it
        return None


def waits_as_told() -> bool:
    """Whether the user says how threads wait."""
    return any(name in os.environ for name in WAITING)


def _look() -> list[tuple[float, float]]:
    """The time, and seconds for which other programs have used this process's processors; empty where unknown."""
    busy = busy_seconds()
    return [] if busy is None else [(time.monotonic(), busy - time.process_time())]
