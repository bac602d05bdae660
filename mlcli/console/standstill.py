"""Ctrl-Z: what was done to the terminal is undone before the process stands still, and done again when it goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

Act = Callable[[], None]


def in_foreground(fd: int) -> bool:
    """Whether the terminal is this program's at present, not the shell's that runs it in the background."""
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:  # a terminal that controls no processes
        return True


class _Standstills:
    """Acts before and after, by whose they are; what was done last is undone first.

    The acts after come whatever stopped the process: without Ctrl-Z, those before did not.
    """

    def __init__(self) -> None:
        self._acts: dict[object, tuple[Act, Act]] = {}
        self._handlers: dict[int, Any] = {}
        self._held = self._due = False

    def expect(self, owner: object, before: Act, after: Act) -> None:
        """From here on do `before` and `after`."""
        if not self._acts and sys.platform != "win32":
            for number, handler in ((signal.SIGTSTP, self._stop), (signal.SIGCONT, self._go_on)):
                self._handlers[number] = signal.signal(number, handler)
        self._acts[owner] = before, after

    def forget(self, owner: object) -> None:
        """No more of the acts of this one."""
        del self._acts[owner]
        while not self._acts and self._handlers:
            signal.signal(*self._handlers.popitem())

    @contextlib.contextmanager
    def put_off(self) -> Iterator[None]:
        """Within the context the process is not stopped by Ctrl-Z, but at its end."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            if self._due and sys.platform != "win32":
                self._due = False
                signal.raise_signal(signal.SIGTSTP)

    if sys.platform != "win32":

        def _stop(self, number: int, frame: FrameType | None) -> None:
            if self._held:
                self._due = True
                return
            for before, _ in reversed(self._acts.values()):
                before()
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)  # the process stands here until it is told to go on
            signal.signal(number, self._stop)
            self._go_on(number, frame)

    def _go_on(self, number: int, frame: FrameType | None) -> None:
        for _, after in self._acts.values():
            after()


STANDSTILLS = _Standstills()
