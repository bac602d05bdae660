"""SIGINT and SIGTERM: they end a program or, while there is work to save, set a flag; a second one exits at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

NUMBERS = (signal.SIGINT, signal.SIGTERM)

_received: list[int] = []

# What is put right even where the process leaves at once, past its context managers, by whose it is.
EXIT_HOOKS: dict[object, Callable[[], None]] = {}


def signal_received() -> int | None:
    """The signal that was to end the program, where one came; libraries in Rust turn its exception into their own."""
    return _received[-1] if _received else None


def leave_on_signals() -> None:
    """From here on signals end the program with their exit code, and never with a traceback."""
    for number in NUMBERS:
        signal.signal(number, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    """Leave through the context managers, so that half-written files are removed.

    Out of the midst of an import, leave at once: there an exception may be swallowed, and leave a lock behind that
    the import in another thread waits for.
    """
    _received.append(number)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            _leave_at_once(number)
        frame = frame.f_back
    sys.exit(128 + number)


def _leave_at_once(number: int) -> NoReturn:
    for act in reversed(EXIT_HOOKS.values()):
        act()
    os._exit(128 + number)


class Interruption:
    """Within the context, which may be entered again inside itself, true once a signal has come.

    >>> with Interruption() as interrupted:
    ...     interrupted()
    False
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._depth = 0
        self._previous: dict[int, Any] = {}

    def __call__(self) -> bool:
        return self.signal is not None

    def __enter__(self) -> Self:
        self._depth += 1
        if self._depth == 1:
            for number in NUMBERS:
                self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._depth -= 1
        if not self._depth:
            for number, handler in self._previous.items():
                signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            _leave_at_once(number)
        self.signal = number
