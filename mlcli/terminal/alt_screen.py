"""The alternate screen of a terminal, redrawn as a whole after each change of size; and the key that stops."""

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

# Until the first frame, between two frames at least, and between two reads of keys.
FIRST_FRAME_SECONDS, FRAME_SECONDS, KEY_SECONDS = 0.4, 0.25, 0.1
# Drawing a frame takes at most this share of the time, which matters on large terminals: 1 / FRAME_INTERVAL.
FRAME_INTERVAL = 40
# To the alternate screen, without the cursor; and back, with the cursor.
ENTER = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J"
LEAVE = "\x1b[?1049l\x1b[?25h"


class AltScreen:
    """Opens with the first frame; `stop` restores the terminal.

    Ctrl-Z restores it, too. The next frame after the program continues opens the screen again, unless the program runs
    in the background.
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
        return self._away and in_foreground(self.console.file.fileno())

    def start(self) -> None:
        """Start to read keys. The first frame waits, as short trainings need none."""
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

    def show(self, picture: Text) -> None:
        """Draw a frame, if the program is in the foreground."""
        with SUSPEND_HOOKS.put_off():  # half a frame would be left on the shell's screen
            if in_foreground(self.console.file.fileno()):
                self._draw(picture)

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
            self._send(ENTER)
        self._away = False
        self._live.update(picture, refresh=True)

    def _leave(self) -> None:
        if not self._away:
            self._away = True
            self._send(LEAVE)

    def _note_absence(self) -> None:
        self._away = True

    def _send(self, codes: str) -> None:
        self.console.file.write(codes)
        self.console.file.flush()
