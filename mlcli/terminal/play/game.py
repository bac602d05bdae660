"""A game of `mlcli play`: it trains, draws and handles keys in turn; and its whole screen."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from rich.text import Text

from mlcli.errors import MlcliError
from mlcli.io.paths import free_path
from mlcli.io.text import counted, printable
from mlcli.playground.controls import CONTROLS, apply_key
from mlcli.playground.heatmap import Points
from mlcli.playground.state import PlayState, Speed, describe_played, write_played
from mlcli.playground.trainer import Trainer
from mlcli.terminal.drawing import FAINT, HEADING, line
from mlcli.terminal.live import AltScreen
from mlcli.terminal.play.panel import Losses, describe_axes, describe_kinds, describe_network, draw_facts
from mlcli.terminal.play.plane import Layer, Palette, draw_heatmap, draw_network, network_cells, points_in
from mlcli.terminal.screen import Screen
from mlcli.terminal.train import describe_numbers

# From one frame to the next; of that at most for training; between two epochs when slow; between two checks of the
# terminal's size while nothing changes.
FRAME_SECONDS, TRAINING_SECONDS, SLOW_SECONDS, IDLE_SECONDS = 1 / 15, 0.05, 0.5, 0.25
EPOCHS_A_FRAME: dict[Speed, int] = {"slow": 1, "normal": 1, "fast": 10, "fastest": 1_000_000}
LEAST_WIDTH, LEAST_HEIGHT = 64, 20
FACTS_CELLS, WIDEST_FACTS, GAP = 37, 48, 2
# Lines beside the plane's: the title above; the axes, the message and the keys below.
OTHER_LINES = 4
KEYS = {
    **{"space": "run", "s": "step", "r": "reset", "g": "new data"},
    **{"w": "write", "?": "keys", "q": "quit"},
}


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
            self._size = self.screen.stderr.size
            self._losses.follow(self.trainer)
            self._alt_screen.show(draw_game(self.state, self.trainer, self._losses, *self._size, self._palette))
            self._wait(begun + FRAME_SECONDS)
        self.screen.close()

    def show_result(self) -> None:
        """Print the result in two lines."""
        trainer = self.trainer
        numbers = describe_numbers(trainer.record) if trainer.record else "not trained"
        self.screen.heading(f"{trainer.config.name}: {describe_network(trainer)}")
        self.screen.say(f"{counted(trainer.epoch, 'epoch')}: {numbers}")

    @property
    def _moving(self) -> bool:
        return not self.trainer.diverged and (self.state.running or self.trainer.epoch < self._goal)

    def _train(self, until: float) -> None:
        """Train the epochs that are due, as far as there is time."""
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

    def _wait(self, until: float) -> None:
        """Wait until the next frame is due: when time is up, after keys, or where the terminal's size has changed."""
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
        """Change to a state; where its configuration cannot be trained, keep the one before and show the error."""
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


def draw_game(state: PlayState, trainer: Trainer, losses: Losses, width: int, height: int, palette: Palette) -> Text:
    """Lines of at most `width` cells, at most `height` of them."""
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        needed = f"mlcli play needs {LEAST_WIDTH} × {LEAST_HEIGHT} characters"
        text = f"{needed}; the terminal has {width} × {height}. Enlarge it, or press q."
        return _page([line(text[at : at + width]) for at in range(0, len(text), max(1, width))], width, height)
    if state.helping:
        controls = [line((f"{one.shown:<8}", HEADING), one.words) for one in CONTROLS]
        return _page([line(("Keys", "bold"), ("   any key goes back", FAINT)), line(), *controls], width, height)
    rows = height - OTHER_LINES
    columns = min(2 * rows, width - FACTS_CELLS - GAP)
    rows = min(rows, columns // 2)
    splits: dict[Layer, Points] = {"training": trainer.training, "validation": trainer.validation}
    shown = [(name, points) for name, points in splits.items() if state.shown in (name, "both")]
    heatmap = trainer.plane(*points_in(palette, columns, rows))
    plane = draw_heatmap(heatmap, shown, columns, rows, palette, sharp=state.sharp)
    beside = width - columns - GAP
    network = network_cells(state, trainer, beside - WIDEST_FACTS - GAP, rows)
    facts = WIDEST_FACTS if network else beside
    blocks = [(plane, columns), (draw_facts(state, trainer, losses, facts, rows), facts)]
    if network:
        blocks.append((draw_network(state, trainer, network, rows, palette), beside - WIDEST_FACTS - GAP))
    title, below = _title(state, trainer, palette), (describe_axes(trainer), _message(state, trainer), _keys(state))
    return _page([title, *_side_by_side(blocks), *below], width, height)


def _title(state: PlayState, trainer: Trainer, palette: Palette) -> Text:
    running = ("▶ running", "bold green") if state.running else ("‖ paused", "bold yellow")
    return Text.assemble(
        line((" mlcli play ", "reverse bold"), "  ", running, "   "), describe_kinds(trainer, palette), end=""
    )


def _message(state: PlayState, trainer: Trainer) -> Text:
    if trainer.diverged:
        return line(("training diverged: L lowers the learning rate and restarts", "bold red"))
    return line((printable(state.message), "yellow"))


def _keys(state: PlayState) -> Text:
    words = KEYS | ({"space": "pause"} if state.running else {})
    return line(*(part for key, word in words.items() for part in ((key, HEADING), (f" {word}   ", FAINT))))


def _side_by_side(blocks: Sequence[tuple[Sequence[Text], int]]) -> list[Text]:
    """Blocks of lines with a gap between, each filled up to its width."""
    joined = []
    for row in zip_longest(*(lines for lines, _ in blocks)):
        parts = [line() if part is None else part.copy() for part in row]
        for part, (_, width) in zip(parts, blocks, strict=True):
            part.align("left", width)
        joined.append(Text(" " * GAP, end="").join(parts))
    return joined


def _page(lines: Sequence[Text], width: int, height: int) -> Text:
    page = Text(no_wrap=True, overflow="crop", end="")
    for index, one in enumerate(lines[:height]):
        one.align("left", width)
        page.append("\n" if index else "")
        page.append_text(one)
    return page
