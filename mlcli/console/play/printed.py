"""A game without a player, printed: the plane once, and the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from mlcli.console.canvas import line, paint, standard_output
from mlcli.console.play.ink import Ink
from mlcli.console.play.plane import draw_plane, places_of
from mlcli.console.screen import Screen
from mlcli.console.training_view import describe_numbers
from mlcli.evaluation.show import show_seconds
from mlcli.play.trainer import Trainer
from mlcli.printable import printable
from mlcli.steps.play import PlayOutcome

WIDTH, HEIGHT = 48, 24


def show_played(screen: Screen, outcome: PlayOutcome) -> None:
    """The plane goes to stdout, what is said of it to the messages."""
    trainer = outcome.trainer
    screen.heading(f"{trainer.config.name}: {describe_network(trainer)}")
    numbers = describe_numbers(trainer.record) if trainer.record else "not trained"
    screen.say(f"{trainer.epoch:,} epochs in {show_seconds(outcome.seconds)}: {numbers}")
    console, _ = standard_output()
    ink = Ink.of(console)
    shades = trainer.plane(*places_of(ink, WIDTH, HEIGHT))
    plane = draw_plane(shades, [("training", trainer.training)], WIDTH, HEIGHT, ink)
    paint([*_boxed(plane), describe_axes(trainer), describe_kinds(trainer, ink)], console)
    if outcome.written is not None:
        screen.say(f"Configuration: {outcome.written}")


def describe_network(trainer: Trainer) -> str:
    """Inputs, units of each layer and outputs; how many numbers are learned."""
    shape = (trainer.job.train.x.shape[1], *trainer.config.model.hidden, trainer.task.n_outputs)
    return f"{'-'.join(map(str, shape))} network, {trainer.job.n_parameters:,} parameters"


def describe_axes(trainer: Trainer) -> Text:
    """Names and ends of both axes."""
    limits, (x, y) = trainer.limits, map(printable, trainer.columns)
    return line(f"→ {x} {limits.left:.4g} … {limits.right:.4g}   ↑ {y} {limits.bottom:.4g} … {limits.top:.4g}")


def describe_kinds(trainer: Trainer, ink: Ink) -> Text:
    """Each kind in its colour, or by its sign."""
    parts: list[str | tuple[str, str]] = []
    for kind, name in enumerate(trainer.shader.names):
        parts += ["  "] if parts else []
        parts.append((f"{ink.mark(kind)} {printable(name)}", ink.style(kind)))
    return line(*parts)


def _boxed(lines: Sequence[Text]) -> Iterator[Text]:
    yield line(f"┌{'─' * WIDTH}┐")
    yield from (Text.assemble("│", one, "│", end="") for one in lines)
    yield line(f"└{'─' * WIDTH}┘")
