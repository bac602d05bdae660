"""A game without a player, printed: the plane once, and the numbers."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mlcli.console.play.ink import MARKS, Ink
from mlcli.console.play.plane import draw_plane, places_of
from mlcli.console.screen import Screen
from mlcli.evaluation.show import show_seconds
from mlcli.printable import printable

if TYPE_CHECKING:
    from rich.text import Text

    from mlcli.play.trainer import Trainer
    from mlcli.steps.play import PlayOutcome

WIDTH, HEIGHT = 48, 24


def show_played(screen: Screen, outcome: PlayOutcome) -> None:
    """The plane goes to stdout, what is said of it to the messages."""
    from mlcli.console.training_view import describe_numbers

    trainer = outcome.trainer
    hidden = "-".join(map(str, (trainer.job.train.x.shape[1], *trainer.config.model.hidden, trainer.task.n_outputs)))
    screen.heading(f"{trainer.config.name}: {hidden} network, {trainer.job.n_parameters:,} parameters")
    numbers = describe_numbers(trainer.record) if trainer.record else "not trained"
    screen.say(f"{trainer.epoch:,} epochs in {show_seconds(outcome.seconds)}: {numbers}")
    print_plane(trainer)
    if outcome.written is not None:
        screen.say(f"Configuration: {outcome.written}")


def print_plane(trainer: Trainer) -> None:
    """The plane with its training rows, and what its signs mean."""
    from rich.console import Console

    out = Console(file=sys.stdout, highlight=False)
    ink = Ink.of(out)
    shades = trainer.plane(*places_of(ink, WIDTH, HEIGHT))
    lines = draw_plane(shades, [("training", trainer.training)], WIDTH, HEIGHT, ink)
    for line in [*framed(lines, WIDTH), legend(trainer, ink)]:
        out.print(line, soft_wrap=True)


def framed(lines: Sequence[Text], width: int) -> Iterator[Text]:
    """Lines of this width within a frame."""
    from rich.text import Text

    yield Text(f"┌{'─' * width}┐")
    yield from (Text.assemble("│", line, "│") for line in lines)
    yield Text(f"└{'─' * width}┘")


def legend(trainer: Trainer, ink: Ink) -> Text:
    """The axes, and each kind in its colour or by its sign."""
    from rich.text import Text

    limits = trainer.limits
    x, y = (printable(name) for name in trainer.columns)
    text = Text(f"{x} {limits.left:.4g} … {limits.right:.4g}   {y} {limits.bottom:.4g} … {limits.top:.4g}  ")
    for kind, name in enumerate(trainer.shader.names):
        mark = "■" if ink.pixels else MARKS[kind % len(MARKS)]
        text.append(f"  {mark} ", kind_style(ink, kind))
        text.append(printable(name))
    return text


def kind_style(ink: Ink, kind: int) -> str:
    """The colour that a kind is written in."""
    from mlcli.console.play.ink import PALETTE

    return PALETTE[kind % len(PALETTE)] if ink.pixels else str(ink.style("training", kind))
