"""Keys as they are pressed, one at a time; and Ctrl-Z, which restores the terminal first."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any, Self, TextIO

from mlcli.io import platform
from mlcli.io.signals import EXIT_HOOKS

Act = Callable[[], None]


class _SuspendHooks:
    """Acts before and after, by whose they are; what was done last is undone first.

    The acts after come whatever stopped the process: without Ctrl-Z, those before did not.
    """

    def __init__(self) -> None:
        self._acts: dict[object, tuple[Act, Act]] = {}
        self._handlers: dict[int, Any] = {}
        self._held = self._due = False

    def expect(self, owner: object, before: Act, after: Act) -> None:
        """From here on do `before` and `after`."""
        if not self._acts:
            for number, handler in zip(platform.SUSPEND_SIGNALS, (self._stop, self._go_on), strict=False):
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
            if self._due:
                self._due = False
                signal.raise_signal(platform.SUSPEND_SIGNALS[0])

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


SUSPEND_HOOKS = _SuspendHooks()


ESC = "\x1b"
# Seconds after which an ESC that nothing follows is the key itself, not the beginning of another key's sequence.
ESCAPE_SECONDS = 0.03
# CSI with its numbers and its last character, or SS3 with its one; and what may become either.
_SEQUENCE = re.compile(r"\x1b(?:\[([0-?]*)[ -/]*([@-~])|O(.))", re.DOTALL)
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?")

_BY_CHARACTER = {"\r": "enter", "\n": "enter", "\t": "tab", "\x7f": "backspace", "\x08": "backspace", ESC: "escape"}
_BY_LETTER = {
    **{"A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end"},
    **{"M": "enter", "Z": "shift tab"},
}
_BY_NUMBER = {
    **{"1": "home", "7": "home", "4": "end", "8": "end", "2": "insert", "3": "delete"},
    **{"5": "page up", "6": "page down"},
}


class KeyReader:
    """Reads keys within its context; the terminal is as it was before when the context or the process ends.

    A character is itself ("q", "é", " "); other keys are words: up, down, left, right, home, end, "page up",
    "page down", insert, delete, enter, tab, "shift tab", backspace, escape. Ctrl-C and Ctrl-Z stay signals.

    attended : whether somebody can type; where input or messages are no terminal, there is never a key
    """

    def __init__(self, stdin: TextIO | None = None, stderr: TextIO | None = None) -> None:
        inward, outward = stdin or sys.stdin, stderr or sys.stderr
        self.attended = _is_terminal(inward) and _is_terminal(outward)
        self._keyboard = _Keyboard(inward.fileno()) if self.attended else None

    def __enter__(self) -> Self:
        if self._keyboard is not None:
            self._keyboard.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._keyboard is not None:
            self._keyboard.close()

    def read(self, seconds: float = 0.0) -> str:
        """The next key, waited for so long at most; empty where none came."""
        if self._keyboard is not None:
            return self._keyboard.read(seconds)
        time.sleep(seconds)
        return ""


def take_key(text: str) -> tuple[str, str]:
    r"""The first key of what a terminal sent, and the rest; no key where its sequence has only begun.

    Sequences that name no key known here are passed over.

    >>> take_key("\x1b[Aq")
    ('up', 'q')
    """
    while (found := _SEQUENCE.match(text)) is not None:
        numbers, letter, single = found.groups()
        name = _BY_NUMBER.get(numbers.split(";")[0]) if letter == "~" else _BY_LETTER.get(letter or single)
        text = text[found.end() :]
        if name is not None:
            return name, text
    if not text or _BEGUN.fullmatch(text):
        return "", text
    return _BY_CHARACTER.get(text[0], text[0]), text[1:]


def _is_terminal(stream: TextIO | None) -> bool:
    """False also for streams that are closed, missing or no files."""
    try:
        return stream is not None and os.isatty(stream.fileno())
    except (OSError, ValueError):
        return False


class _Keyboard:
    """A terminal whose lines are not waited for and whose keys are not echoed, while it is this program's.

    Ctrl-Z gives the terminal back until the program goes on; one that goes on in the background leaves it alone.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._pending = ""
        self._before: list[Any] = []
        self._taken = False

    def open(self) -> None:
        self._take()
        EXIT_HOOKS[self] = self._give_back
        SUSPEND_HOOKS.expect(self, self._give_back, self._go_on)

    def close(self) -> None:
        self._give_back()
        del EXIT_HOOKS[self]
        SUSPEND_HOOKS.forget(self)

    def read(self, seconds: float) -> str:
        end = time.monotonic() + seconds
        while True:
            key, self._pending = take_key(self._pending)
            if key:
                return key
            # What has begun like a sequence is waited for a moment longer.
            left = ESCAPE_SECONDS if self._pending else max(0.0, end - time.monotonic())
            if not self._receive(left):
                begun, self._pending = self._pending, ""
                return "escape" if begun == ESC else ""

    def _receive(self, seconds: float) -> bool:
        """Add what has been typed to what is pending; False where that is nothing."""
        if not self._take():
            time.sleep(seconds)
            return False
        typed = platform.read_typed(self.fd, seconds)
        self._pending += self._decoder.decode(typed)
        return bool(typed)

    def _take(self) -> bool:
        """Have keys come one by one; False where the terminal is not this program's at present."""
        if not self._taken and platform.in_foreground(self.fd):
            self._before = self._before or platform.terminal_settings(self.fd)
            self._taken = True
            platform.read_single_keys(self.fd, self._before)
        return self._taken and platform.in_foreground(self.fd)

    def _give_back(self) -> None:
        if self._taken and platform.in_foreground(self.fd):
            platform.restore_terminal(self.fd, self._before)
        self._taken = False

    def _go_on(self) -> None:
        """Whatever stopped the process, a shell has used the terminal since: it is taken anew."""
        self._taken = False
        self._take()
