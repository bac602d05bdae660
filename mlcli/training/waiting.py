"""How OpenMP's threads wait for each other: in loops while processors are free, asleep while programs wait for one.

A thread that waits in a loop keeps a processor that the one it waits for may need: on a busy machine a step then takes
up to a hundred times as long. Asleep, all take turns; on a quiet machine it takes longer to be woken than most of the
waiting. GNU's OpenMP chooses by itself: its threads sleep while it has more of them than there are processors. So idle
ones are added while the machine is busy; the number that computes, and with it every bit, stays. Other implementations
ignore them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import torch

from mlcli.io.load import cpu_pressure, waits_as_told
from mlcli.io.platform import usable_cores

LOOK_SECONDS = 0.25
# The machine is busy from this share of time in which some program waits for a processor, and quiet again after so many
# looks at less.
BUSY, QUIET_LOOKS = 0.2, 8
# Numbers that torch adds with all threads.
SHARED_WORK = 2**17


@contextmanager
def waiting_by_load(threads: int) -> Iterator[None]:
    """Within it, the threads of torch's operations sleep as they wait while the machine is busy."""
    if threads == 1 or cpu_pressure() is None or waits_as_told():
        yield
        return
    ended = Event()
    watcher = Thread(target=_watch, args=(threads, ended), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _watch(threads: int, ended: Event) -> None:
    """Look at the load until the end; sleepers are there while it is high."""
    before, at = cpu_pressure(), time.monotonic()
    quiet, release = 0, _add_sleepers(threads) if before and before.recent > BUSY else None
    while not ended.wait(LOOK_SECONDS):
        now, until = cpu_pressure(), time.monotonic()
        busy = now is not None and before is not None and now.total - before.total > BUSY * (until - at)
        before, at = now, until
        quiet = 0 if busy else quiet + 1
        if busy and release is None:
            release = _add_sleepers(threads)
        elif release is not None and quiet >= QUIET_LOOKS:
            release.set()
            release = None
    if release is not None:
        release.set()


def _add_sleepers(threads: int) -> Event:
    """Add idle threads until OpenMP has more than there are processors; they leave when the event is set."""
    release, missing = Event(), usable_cores() - threads + 1
    for _ in range(-(-missing // (threads - 1))):
        Thread(target=_keep_team, args=(release,), daemon=True).start()
    return release


def _keep_team(release: Event) -> None:
    """Have OpenMP make its other threads for this one, which keeps them until it ends."""
    torch.ones(SHARED_WORK).add_(1)
    release.wait()
