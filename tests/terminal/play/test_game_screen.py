"""The screen of a game keeps within the terminal and tells what is so."""

from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.color import Color, ColorSystem

from mlcli.playground.controls import apply_key
from mlcli.playground.state import PlayRequest, start_play
from mlcli.playground.trainer import Trainer
from mlcli.reporter import Silent
from mlcli.terminal.play.game import LEAST_HEIGHT, LEAST_WIDTH, draw_game
from mlcli.terminal.play.panel import Losses
from mlcli.terminal.play.plane import Palette, colours
from tests.conftest import CONFIGS

SIZES = [(80, 24), (200, 50), (LEAST_WIDTH, LEAST_HEIGHT), (300, 20), (64, 90), (30, 10), (1, 1)]
INKS = {
    "colours": Palette(True, True),
    "256 colours": Palette(True, True, exact=False),
    "few colours": Palette(False, True),
    "none": Palette(False, False),
}
GAMES = {
    "circle": ("circle", ()),
    "no validation rows": ("circle", ("dataset.split={test: 0, valid: 0}",), "k"),
    "numbers": ("multi_gauss", (), "-"),
    "three classes": (str(CONFIGS / "iris.yaml"), (), "3", "4", "5", "6", "7", "+", "+", "+", "+"),
    "no hidden layer": ("plane", (), "-", "-"),
    "a diverged one": ("gauss", ("optimizer.lr=1e30", "model.activation=relu")),
}


@pytest.fixture(scope="module", params=GAMES.values(), ids=GAMES)
def game(request):
    what, sets, *keys = request.param
    state = start_play(PlayRequest(what, sets=sets), Silent())
    for key in keys:
        state = apply_key(state, key)
    trainer = Trainer(state.config, state.columns)
    for _ in range(3):
        trainer.advance()
    losses = Losses()
    losses.follow(trainer)
    return state, trainer, losses


@pytest.mark.parametrize("ink", INKS.values(), ids=INKS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_screen_keeps_within_the_terminal(game, size, ink):
    state, trainer, losses = game
    for one in (state, replace(state, helping=True), replace(state, shown="both", message="x" * 300)):
        lines = draw_game(one, trainer, losses, *size, ink).plain.split("\n")
        assert len(lines) <= size[1]
        assert max(map(cell_len, lines)) <= size[0]


@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=str)
def test_every_knob_and_both_losses_are_seen(game, size):
    state, trainer, losses = game
    text = draw_game(state, trainer, losses, *size, Palette(True, True)).plain
    config = state.config
    told = [f"{config.optimizer.lr:g}", config.optimizer.name, config.model.activation, "loss  train", "valid"]
    units = [f" {n} " if index == state.layer else f"{n}" for index, n in enumerate(config.model.hidden)]
    told += ["space", "quit", "sin x2", "-".join(units)]
    assert [word for word in told if word not in text] == []


def test_a_small_terminal_is_told_what_is_needed(game):
    text = draw_game(*game, 50, 15, Palette(True, True)).plain
    assert "needs 64 × 20" in text.replace("\n", "")
    assert "50 × 15" in text.replace("\n", "")


def test_help_tells_every_key(game):
    state, trainer, losses = game
    text = draw_game(replace(state, helping=True), trainer, losses, 80, 24, Palette(True, True)).plain
    assert all(word in text for word in ("learning rate up, down", "write a config", "quit"))


def test_names_from_a_table_cannot_steer_the_terminal(workspace):
    labels = ["a\x1b[2J", "b"]
    rows = "\n".join(f"{i % 9}.5,{i % 7}.5,{labels[i % 9 // 5]}" for i in range(80))
    (workspace / "nasty.csv").write_text(f"x\x1b[31m,y,label\n{rows}\n")
    state = start_play(PlayRequest("nasty.csv"), Silent())
    trainer = Trainer(state.config, state.columns)
    losses = Losses()
    losses.follow(trainer)
    text = draw_game(replace(state, message="\x1b[2J"), trainer, losses, 80, 24, Palette(False, False)).plain
    assert "\x1b" not in text
    assert r"\x1b[31m" in text


@pytest.mark.parametrize("drawn", ["plane", "training", "validation"])
def test_a_terminal_of_256_colours_has_the_colours_that_are_meant(drawn):
    for red, green, blue in colours(drawn, exact=False).reshape(-1, 3).tolist():
        shown = Color.from_rgb(red, green, blue).downgrade(ColorSystem.EIGHT_BIT).get_truecolor()
        assert max(abs(a - b) for a, b in zip(shown, (red, green, blue), strict=True)) <= 10  # the greys are near
