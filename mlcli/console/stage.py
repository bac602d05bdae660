"""A terminal's other screen, drawn anew as a whole, so that no change of size garbles it; and the key that stops."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from mlcli.console.keys import Keys
from mlcli.signals import LAST_ACTS

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from mlcli.console.screen import Screen

# Leave the other screen, show the cursor.
AS_BEFORE = "\x1b[?1049l\x1b[?25h"


class Stage:
    """Opens with the first picture; `stop` brings back what stood on the terminal."""

    def __init__(self, screen: Screen) -> None:
        self.console = screen.stderr
        self.keys = Keys()
        self._live: Live | None = None
        self._asked_to_stop = False

    def start(self) -> None:
        """Read keys from here on."""
        self.keys.__enter__()

    def show(self, picture: Text) -> None:
        """Draw; a `q` pressed since the last time is a Ctrl-C, of which the second would end at once."""
        if self._live is None:
            from rich.live import Live

            self._live = Live(console=self.console, screen=True, auto_refresh=False)
            LAST_ACTS[self] = self._leave
            self._live.start()
        self._live.update(picture, refresh=True)
        while key := self.keys.read():
            if key == "q" and not self._asked_to_stop:
                self._asked_to_stop = True
                signal.raise_signal(signal.SIGINT)

    def stop(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self.console.clear()  # some terminals keep a part of it after a change of size
            self._live.stop()
            self._live = None
            del LAST_ACTS[self]
        self.keys.__exit__(None, None, None)

    def _leave(self) -> None:
        self.console.file.write(AS_BEFORE)
        self.console.file.flush()
