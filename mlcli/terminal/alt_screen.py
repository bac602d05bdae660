"""A terminal's other screen, drawn anew as a whole, so that no change of size garbles it; and the key that stops."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlcli.io.platform import in_foreground
from mlcli.io.signals import EXIT_HOOKS
from mlcli.terminal.keys import SUSPEND_HOOKS, KeyReader

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from mlcli.terminal.screen import Screen

# Until the first picture, between two pictures at least, and between two looks at the keys.
PATIENCE_SECONDS, PICTURE_SECONDS, LOOK_SECONDS = 0.4, 0.25, 0.1
# A picture on a large terminal takes long: so many times as long passes from one to the next.
RARENESS = 40
# Onto the other screen, without the cursor; and off it, with the cursor.
ASIDE = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J"
AS_BEFORE = "\x1b[?1049l\x1b[?25h"


class AltScreen:
    """Opens with the first picture; `stop` brings back what stood on the terminal.

    Ctrl-Z brings it back, too; the next picture after the program goes on opens the stage again, unless that is in the
    background.
    """

    def __init__(self, screen: Screen) -> None:
        self.console = screen.stderr
        self.keys = KeyReader()
        self._live: Live | None = None
        self._away = False
        self._asked_to_stop = False
        self._next_look = self._next_picture = 0.0

    @property
    def away(self) -> bool:
        """Whether a picture is needed for the stage to be seen again."""
        return self._away and in_foreground(self.console.file.fileno())

    def start(self) -> None:
        """Read keys from here on. What is over in a moment needs no picture."""
        self.keys.__enter__()
        self._next_picture = time.monotonic() + PATIENCE_SECONDS

    def attend(self, draw: Callable[[], Text]) -> None:
        """Heed keys and show what `draw` makes, each where it is due; to be called often."""
        if (now := time.monotonic()) < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        if now >= self._next_picture:
            begun = time.thread_time()
            self.show(draw())
            self._next_picture = now + max(PICTURE_SECONDS, RARENESS * (time.thread_time() - begun))
        self.heed()

    def show(self, picture: Text) -> None:
        """Draw, where the terminal is this program's at present."""
        with SUSPEND_HOOKS.put_off():  # half a picture would be left on the shell's screen
            if in_foreground(self.console.file.fileno()):
                self._draw(picture)

    def heed(self) -> None:
        """Take a `q` pressed since the last time as a Ctrl-C, of which the second would end at once."""
        while key := self.keys.read():
            if key == "q" and not self._asked_to_stop:
                self._asked_to_stop = True
                signal.raise_signal(signal.SIGINT)

    def stop(self) -> None:
        """Give the terminal back."""
        while self.keys.read():  # what came too late to be heeded is not the shell's
            pass
        if self._live is not None:
            if self._away:
                self._send(ASIDE)  # or the cursor would be put where it was when the stage opened
            self.console.clear()  # some terminals keep a part of it after a change of size
            self._live.stop()
            self._live = None
            del EXIT_HOOKS[self]
            SUSPEND_HOOKS.forget(self)
        self.keys.__exit__(None, None, None)

    def _draw(self, picture: Text) -> None:
        if self._live is None:
            from rich.live import Live

            self._live = Live(console=self.console, screen=True, auto_refresh=False)
            EXIT_HOOKS[self] = self._leave
            SUSPEND_HOOKS.expect(self, self._leave, self._note_absence)
            self._live.start()
        elif self._away:
            self._send(ASIDE)
        self._away = False
        self._live.update(picture, refresh=True)

    def _leave(self) -> None:
        if not self._away:
            self._away = True
            self._send(AS_BEFORE)

    def _note_absence(self) -> None:
        self._away = True

    def _send(self, codes: str) -> None:
        self.console.file.write(codes)
        self.console.file.flush()
