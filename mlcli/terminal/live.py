"""What a view that is redrawn needs: keys one at a time, the alternate screen, and a terminal restored at Ctrl-Z."""

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
from typing import TYPE_CHECKING, Any, Self, TextIO

from mlcli.io import platform
from mlcli.io.signals import EXIT_HOOKS

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from mlcli.terminal.screen import Screen

ESC = "\x1b"
# Seconds after which an ESC that nothing follows is the key itself, not the beginning of another key's sequence.
ESCAPE_SECONDS = 0.03
# CSI with its numbers and its last character, or SS3 with its one; and what may become either.
SEQUENCE = re.compile(r"\x1b(?:\[([0-?]*)[ -/]*([@-~])|O(.))", re.DOTALL)
BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?")
BY_CHARACTER = {"\r": "enter", "\n": "enter", "\t": "tab", "\x7f": "backspace", "\x08": "backspace", ESC: "escape"}
BY_LETTER = {
    **{"A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end"},
    **{"M": "enter", "Z": "shift tab"},
}
BY_NUMBER = {
    **{"1": "home", "7": "home", "4": "end", "8": "end", "2": "insert", "3": "delete"},
    **{"5": "page up", "6": "page down"},
}
# Seconds until the first frame, between two frames at least, and between two reads of keys.
FIRST_FRAME_SECONDS, FRAME_SECONDS, KEY_SECONDS = 0.4, 0.25, 0.1
# Drawing a frame takes at most this share of the time, which matters on large terminals: 1 / FRAME_INTERVAL.
FRAME_INTERVAL = 40
# To the alternate screen, without the cursor; and back, with the cursor.
ENTER = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J"
LEAVE = "\x1b[?1049l\x1b[?25h"


class _SuspendHooks:
    """Functions called before the process is suspended, the latest first, and after it continues.

    A process that is stopped otherwise than by Ctrl-Z calls only those after.
    """

    def __init__(self) -> None:
        self._hooks: dict[object, tuple[Callable[[], None], Callable[[], None]]] = {}
        self._handlers: dict[int, Any] = {}
        self._postponed = self._due = False

    def add(self, owner: object, before: Callable[[], None], after: Callable[[], None]) -> None:
        """Call these two from now on."""
        if not self._hooks:
            for number, handler in zip(platform.SUSPEND_SIGNALS, (self._suspend, self._continue), strict=False):
                self._handlers[number] = signal.signal(number, handler)
        self._hooks[owner] = before, after

    def discard(self, owner: object) -> None:
        """Call the owner's functions no more."""
        del self._hooks[owner]
        while not self._hooks and self._handlers:
            signal.signal(*self._handlers.popitem())

    @contextlib.contextmanager
    def postpone(self) -> Iterator[None]:
        """A Ctrl-Z within the context suspends the process at its end."""
        self._postponed = True
        try:
            yield
        finally:
            self._postponed = False
            if self._due:
                self._due = False
                signal.raise_signal(platform.SUSPEND_SIGNALS[0])

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        if self._postponed:
            self._due = True
            return
        for before, _ in reversed(self._hooks.values()):
            before()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # returns when the process continues
        signal.signal(number, self._suspend)
        self._continue(number, frame)

    def _continue(self, number: int, frame: FrameType | None) -> None:
        for _, after in self._hooks.values():
            after()


SUSPEND_HOOKS = _SuspendHooks()


def take_key(text: str) -> tuple[str, str]:
    r"""The first key of what a terminal sent, and the rest; no key where its sequence is incomplete.

    Sequences of unknown keys are skipped.

    >>> take_key("\x1b[Aq")
    ('up', 'q')
    """
    while (found := SEQUENCE.match(text)) is not None:
        numbers, letter, single = found.groups()
        name = BY_NUMBER.get(numbers.split(";")[0]) if letter == "~" else BY_LETTER.get(letter or single)
        text = text[found.end() :]
        if name is not None:
            return name, text
    if not text or BEGUN.fullmatch(text):
        return "", text
    return BY_CHARACTER.get(text[0], text[0]), text[1:]


class KeyReader:
    """Reads keys within its context; the terminal's settings are restored when the context or the process ends.

    A character is itself ("q", "é", " "); other keys are words: up, down, left, right, home, end, "page up",
    "page down", insert, delete, enter, tab, "shift tab", backspace, escape. Ctrl-C and Ctrl-Z stay signals.
    Ctrl-Z restores the settings until the process continues, unless that is in the background.

    attended : whether somebody can type; where input or messages are no terminal, there is never a key
    """

    def __init__(self, stdin: TextIO | None = None, stderr: TextIO | None = None) -> None:
        inward, outward = stdin or sys.stdin, stderr or sys.stderr
        self.attended = _is_terminal(inward) and _is_terminal(outward)
        self._fd = inward.fileno() if self.attended else -1
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._pending = ""
        self._before: list[Any] = []
        self._active = False

    def __enter__(self) -> Self:
        if self.attended:
            self._activate()
            EXIT_HOOKS[self] = self._restore
            SUSPEND_HOOKS.add(self, self._restore, self._reactivate)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.attended:
            self._restore()
            del EXIT_HOOKS[self]
            SUSPEND_HOOKS.discard(self)

    def read(self, seconds: float = 0.0) -> str:
        """The next key, waited for so long at most; empty where none came."""
        end = time.monotonic() + seconds
        while True:
            key, self._pending = take_key(self._pending)
            if key:
                return key
            # The rest of a sequence is waited for a moment longer.
            left = ESCAPE_SECONDS if self._pending else max(0.0, end - time.monotonic())
            if not (typed := self._receive(left)):
                begun, self._pending = self._pending, ""
                return "escape" if begun == ESC else ""
            self._pending += self._decoder.decode(typed)

    def _receive(self, seconds: float) -> bytes:
        if self._activate():
            return platform.read_typed(self._fd, seconds)
        time.sleep(seconds)
        return b""

    def _activate(self) -> bool:
        """Have keys come one by one; False where the terminal is not this program's at present."""
        if not (self.attended and platform.in_foreground(self._fd)):
            return False
        if not self._active:
            self._before = self._before or platform.terminal_settings(self._fd)
            self._active = True
            platform.read_single_keys(self._fd, self._before)
        return platform.in_foreground(self._fd)

    def _restore(self) -> None:
        if self._active and platform.in_foreground(self._fd):
            platform.restore_terminal(self._fd, self._before)
        self._active = False

    def _reactivate(self) -> None:
        """Set the terminal again: a shell has used it since the process was stopped."""
        self._active = False
        self._activate()


def _is_terminal(stream: TextIO | None) -> bool:
    """False also for streams that are closed, missing or no files."""
    try:
        return stream is not None and os.isatty(stream.fileno())
    except (OSError, ValueError):
        return False


class AltScreen:
    """The alternate screen, opened by the first frame; `stop` and Ctrl-Z restore the terminal.

    The next frame after the program continues opens the screen again, unless the program runs in the background.
    """

    def __init__(self, screen: Screen) -> None:
        self.console = screen.stderr
        self.keys = KeyReader()
        self._live: Live | None = None
        self._away = False
        self._asked_to_stop = False
        self._next_read = self._next_frame = 0.0

    @property
    def away(self) -> bool:
        """Whether the next frame has to open the screen again."""
        return self._away and platform.in_foreground(self.console.file.fileno())

    def start(self) -> None:
        """Start to read keys. The first frame is delayed, as short trainings need none."""
        self.keys.__enter__()
        self._next_frame = time.monotonic() + FIRST_FRAME_SECONDS

    def update(self, draw: Callable[[], Text]) -> None:
        """Read keys and show what `draw` returns, each when it is due; to be called often."""
        if (now := time.monotonic()) < self._next_read:
            return
        self._next_read = now + KEY_SECONDS
        if now >= self._next_frame:
            begun = time.thread_time()
            self.show(draw())
            self._next_frame = now + max(FRAME_SECONDS, FRAME_INTERVAL * (time.thread_time() - begun))
        self.handle_keys()

    def show(self, frame: Text) -> None:
        """Draw a frame, if the program is in the foreground."""
        with SUSPEND_HOOKS.postpone():  # half a frame would be left on the shell's screen
            if not platform.in_foreground(self.console.file.fileno()):
                return
            if self._live is None:
                from rich.live import Live

                self._live = Live(console=self.console, screen=True, auto_refresh=False)
                EXIT_HOOKS[self] = self._leave
                SUSPEND_HOOKS.add(self, self._leave, self._note_absence)
                self._live.start()
            elif self._away:
                self._send(ENTER)
            self._away = False
            self._live.update(frame, refresh=True)

    def handle_keys(self) -> None:
        """Handle the first `q` as a Ctrl-C; a second one would end the program at once."""
        while key := self.keys.read():
            if key == "q" and not self._asked_to_stop:
                self._asked_to_stop = True
                signal.raise_signal(signal.SIGINT)

    def stop(self) -> None:
        """Restore the terminal."""
        while self.keys.read():  # keys pressed too late are not for the shell
            pass
        if self._live is not None:
            if self._away:
                self._send(ENTER)  # or the cursor would return to where it was when the screen opened
            self.console.clear()  # some terminals keep a part of it after a change of size
            self._live.stop()
            self._live = None
            del EXIT_HOOKS[self]
            SUSPEND_HOOKS.discard(self)
        self.keys.__exit__(None, None, None)

    def _note_absence(self) -> None:
        self._away = True

    def _leave(self) -> None:
        if not self._away:
            self._away = True
            self._send(LEAVE)

    def _send(self, codes: str) -> None:
        self.console.file.write(codes)
        self.console.file.flush()
