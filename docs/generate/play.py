"""The picture of a game: `mlcli play` on a terminal of 80 × 24 characters, after some epochs."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

from mlcli.playground.state import PlayRequest, start_play
from mlcli.playground.trainer import Trainer
from mlcli.reporter import Silent
from mlcli.terminal.play.game import draw_game
from mlcli.terminal.play.panel import Losses
from mlcli.terminal.play.plane import Palette

SIZE = (80, 24)
EPOCHS = 120


def picture_game(picture: Path) -> None:
    """The circle while it is learned, as an SVG that fetches nothing."""
    state = start_play(PlayRequest("circle"), Silent()).edit({"dataset.noise": 0.1})
    trainer, losses = Trainer(state.config, state.columns), Losses()
    while trainer.epoch < EPOCHS:
        trainer.advance()
    losses.follow(trainer)
    console = Console(
        file=io.StringIO(), record=True, width=SIZE[0], height=SIZE[1], force_terminal=True, color_system="truecolor"
    )
    console.print(draw_game(state, trainer, losses, *SIZE, Palette(pixels=True, coloured=True)))
    svg = console.export_svg(title="mlcli play circle -S dataset.noise=0.1")
    picture.write_text(without_fonts(svg))


def without_fonts(svg: str) -> str:
    """Rich's SVG without what it would fetch."""
    return re.sub(r"@font-face \{.*?\}|<!--.*?-->", "", svg, flags=re.DOTALL)
