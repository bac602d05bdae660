"""A game of `mlcli play`: it trains, draws and handles keys in turn."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from mlcli.errors import MlcliError
from mlcli.io.paths import free_path
from mlcli.playground.controls import apply_key
from mlcli.playground.state import PlayState, Speed, describe_played, write_played
from mlcli.playground.trainer import Trainer
from mlcli.terminal.alt_screen import AltScreen
from mlcli.terminal.play.panel import Losses, describe_network
from mlcli.terminal.play.picture import draw_game
from mlcli.terminal.play.plane import Palette
from mlcli.terminal.screen import Screen
from mlcli.terminal.train import describe_numbers

# From one picture to the next, and of that at most for training; between two epochs when slow; between two looks at
# the terminal's size where nothing moves.
FRAME_SECONDS, TRAINING_SECONDS, SLOW_SECONDS, IDLE_SECONDS = 1 / 15, 0.05, 0.5, 0.25
EPOCHS_A_FRAME: dict[Speed, int] = {"slow": 1, "normal": 1, "fast": 10, "fastest": 1_000_000}


def can_play(screen: Screen) -> bool:
    """Whether stdin, stdout and stderr are terminals that can be redrawn."""
    terminals = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
    return screen.live and terminals and not screen.stderr.is_dumb_terminal


class Game:
    """Connects the keyboard, the training and the screen.

    written : the configuration file written last
    """

    def __init__(self, screen: Screen, state: PlayState, output: Path | None) -> None:
        self.screen, self.state, self.output = screen, state, output
        self.trainer = Trainer(state.config, state.columns)
        self.written: Path | None = None
        self._losses = Losses()
        self._alt_screen = AltScreen(screen)
        self._palette = Palette.of(screen.stderr)
        self._goal = self._next_slow = 0.0

    def play(self) -> None:
        """Play until the key that quits."""
        self.screen.open_view(self._alt_screen)
        while self.state.wish != "quit":
            begun = time.monotonic()
            self._train(begun + TRAINING_SECONDS)
            self._draw()
            self._wait(begun + FRAME_SECONDS)
        self.screen.close()

    def tell(self) -> None:
        """Print the result in two lines."""
        trainer = self.trainer
        numbers = describe_numbers(trainer.record) if trainer.record else "not trained"
        self.screen.heading(f"{trainer.config.name}: {describe_network(trainer)}")
        self.screen.say(f"{trainer.epoch:,} epochs: {numbers}")

    @property
    def _moving(self) -> bool:
        return not self.trainer.diverged and (self.state.running or self.trainer.epoch < self._goal)

    def _train(self, until: float) -> None:
        """The epochs that are due, as far as there is time."""
        for _ in range(self._due_epochs()):
            if not self._moving or not self.trainer.advance(lambda: time.monotonic() >= until):
                break
            if time.monotonic() >= until:
                break
        if self.trainer.diverged:
            self.state = replace(self.state, running=False)

    def _due_epochs(self) -> int:
        if not self.state.running:
            return 1  # the rest of a step
        if self.state.speed == "slow" and not self.trainer.state.batch:
            if time.monotonic() < self._next_slow:
                return 0
            self._next_slow = time.monotonic() + SLOW_SECONDS
        return EPOCHS_A_FRAME[self.state.speed]

    def _draw(self) -> None:
        self._size = self.screen.stderr.size
        self._losses.follow(self.trainer)
        self._alt_screen.show(draw_game(self.state, self.trainer, self._losses, *self._size, self._palette))

    def _wait(self, until: float) -> None:
        """Until the next picture is due: when time is up, at keys, or where the terminal has changed."""
        while True:
            if key := self._alt_screen.keys.read(max(0.0, until - time.monotonic())):
                while key and self.state.wish != "quit":
                    self._apply(apply_key(self.state, key))
                    key = self._alt_screen.keys.read()
                return
            if self._moving or self._alt_screen.away or self.screen.stderr.size != self._size:
                return
            until = time.monotonic() + IDLE_SECONDS

    def _apply(self, state: PlayState) -> None:
        """Take up a state; where its configuration cannot be trained, the one before stays, and the screen says why."""
        try:
            self.trainer.follow(state.config)
        except MlcliError as error:
            state = replace(state, config=self.state.config, layer=self.state.layer, message=str(error))
        if state.wish == "step":
            self._goal = self.trainer.epoch + 1
        if state.wish == "write":
            state = self._write(state)
        self.state = state if state.wish == "quit" else replace(state, wish="")

    def _write(self, state: PlayState) -> PlayState:
        path = self.output or free_path(Path(f"{state.config.name}.yaml"))
        try:
            write_played(path, describe_played(state.config, self.trainer.epoch, self.trainer.rates))
        except MlcliError as error:
            return state.say(str(error))
        self.written = path
        return state.say(f"{path} is written; mlcli train {path} trains it")
