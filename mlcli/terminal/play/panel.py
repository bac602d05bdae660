"""The panel beside the plane: losses, curves, and each control with its key and its value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from mlcli.config.sections.dataset import PlaygroundConfig
from mlcli.io.text import counted, printable, show_number, show_seconds
from mlcli.playground.controls import penalty_of
from mlcli.playground.inputs import count_others, play_inputs
from mlcli.playground.state import PlayState
from mlcli.playground.trainer import Trainer
from mlcli.reports.scales import AxisScale
from mlcli.terminal.drawing import FAINT, HEADING, cut_to, fitted, line, paint, standard_output
from mlcli.terminal.play.plane import Palette, draw_heatmap, points_in
from mlcli.terminal.plot import Curve, Point, draw_chart
from mlcli.terminal.screen import Screen
from mlcli.terminal.train import add_losses, describe_numbers
from mlcli.use_cases.play import PlayResult

# Cells of the plane that is printed.
WIDTH, HEIGHT = 48, 24
# Cells of a key, and of a label in a line of its own; of the left one of two controls in a line.
KEY_CELLS, LABEL_CELLS, LEFT_CELLS = 4, 15, 21
# Lines of the curves, at least and at most.
FEWEST_CURVE_LINES, MOST_CURVE_LINES = 6, 20


class Losses:
    """Both losses of a trainer as curves; they restart with each network."""

    def __init__(self) -> None:
        self._beginning = 0
        self.noted = 0
        self._curves: dict[str, Curve] = {}

    @property
    def points(self) -> Mapping[str, Sequence[Point]]:
        """Points of both curves by their names."""
        return {name: curve.points for name, curve in self._curves.items()}

    def follow(self, trainer: Trainer) -> None:
        """Add the epochs that have ended since."""
        if self._beginning != trainer.beginnings:
            self._beginning, self.noted = trainer.beginnings, 0
            self._curves = {"train": Curve(), "valid": Curve()}
        for record in trainer.state.history[self.noted :]:
            add_losses(self._curves, record)
        self.noted = len(trainer.state.history)


def show_played(screen: Screen, result: PlayResult) -> None:
    """The plane on stdout, the numbers on stderr."""
    trainer = result.trainer
    screen.heading(f"{trainer.config.name}: {describe_network(trainer)}")
    numbers = describe_numbers(trainer.record) if trainer.record else "not trained"
    screen.say(f"{counted(trainer.epoch, 'epoch')} in {show_seconds(result.seconds)}: {numbers}")
    console, _ = standard_output()
    palette = Palette.of(console)
    heatmap = trainer.plane(*points_in(palette, WIDTH, HEIGHT))
    plane = draw_heatmap(heatmap, [("training", trainer.training)], WIDTH, HEIGHT, palette)
    boxed = [Text.assemble("│", one, "│", end="") for one in plane]
    frame = line(f"┌{'─' * WIDTH}┐"), line(f"└{'─' * WIDTH}┘")
    paint([frame[0], *boxed, frame[1], describe_axes(trainer), describe_kinds(trainer, palette)], console)
    if result.written is not None:
        screen.say(f"Configuration: {result.written}")


def describe_network(trainer: Trainer) -> str:
    """Sizes of the layers, and the number of parameters."""
    sizes = trainer.context.layer_sizes(trainer.task)
    return f"{'-'.join(map(str, sizes))} network, {counted(trainer.context.n_parameters, 'parameter')}"


def describe_axes(trainer: Trainer) -> Text:
    """Names and ends of both axes."""
    limits, (x, y) = trainer.limits, map(printable, trainer.columns)
    return line(f"→ {x} {limits.left:.4g} … {limits.right:.4g}   ↑ {y} {limits.bottom:.4g} … {limits.top:.4g}")


def describe_kinds(trainer: Trainer, palette: Palette) -> Text:
    """Each kind in its colour, or by its mark."""
    parts: list[str | tuple[str, str]] = []
    for kind, name in enumerate(trainer.scale.names):
        parts += ["  "] if parts else []
        parts.append((f"{palette.mark(kind)} {printable(name)}", palette.style(kind)))
    return line(*parts)


def draw_facts(state: PlayState, trainer: Trainer, losses: Losses, width: int, height: int) -> list[Text]:
    """At most `height` lines of at most `width` cells: numbers, curves where they fit, and controls."""
    numbers, controls = [*_numbers(trainer)], [*_controls(state, trainer)]
    room = height - len(numbers) - len(controls) - 1
    curves = draw_curves(losses, width, min(room, MOST_CURVE_LINES)) if room >= FEWEST_CURVE_LINES else []
    lines = [*numbers, *curves, line(), *controls][:height]
    for one in lines:
        one.align("left", width)
    return lines


def draw_curves(losses: Losses, width: int, height: int) -> list[Text]:
    """Both losses over the epochs; a blank plot before there are any."""
    last = max(10, losses.noted)
    text = draw_chart("loss", losses.points, AxisScale(1, last), ("1", "epoch", f"{last:,}"), width, height)
    return [one for one in text.split("\n") if one.plain.strip()][:height]


def _numbers(trainer: Trainer) -> Iterator[Text]:
    """The epoch, with the share of it that is done; the first validation metric; both losses."""
    record, steps = trainer.record, trainer.context.steps_per_epoch
    parts: list[str | tuple[str, str]] = [("epoch ", FAINT), (f"{trainer.epoch:,}", "bold")]
    if trainer.state.batch and steps > 1:
        parts.append((f" + {trainer.state.batch / steps:.0%}", FAINT))
    for name, value in list(record.valid_metrics.items())[:1] if record else ():
        parts += [(f"   {name} ", FAINT), show_number(value)]
    yield line(*parts)
    losses = (None, None) if record is None else (record.train_loss, record.valid_loss)
    train, valid = map(show_number, losses)
    yield line(("loss  train ", FAINT), f"{train}  ", ("valid ", FAINT), valid)


def _controls(state: PlayState, trainer: Trainer) -> Iterator[Text]:
    config, dataset = state.config, state.config.dataset
    if isinstance(dataset, PlaygroundConfig):
        yield _two(("d", "data", dataset.name), ("n", "noise", f"{dataset.noise:.0%}"))
    else:
        yield _two(("d", "data", str(getattr(dataset, "path", dataset.name))), ("n", "noise", "–"))
    size = config.training.batch_size
    batch = f"{size}" if size == trainer.context.batch_size else f"{size} ({trainer.context.batch_size})"
    rows = f"{_count(len(trainer.context.train))} + {_count(len(trainer.context.valid))}"
    yield _two(("t", "rows", rows), ("b", "batch", batch))
    yield _control("l L", "learning rate", f"{config.optimizer.lr:g}")
    yield _control("o", "optimizer", config.optimizer.name)
    yield _control("a A", "activation", config.model.activation)
    kind, rate = penalty_of(state)
    yield _control("e E", "regularisation", kind if kind == "none" else f"{kind} {rate:g}")
    yield Text.assemble(_control("+ -", "layers", ""), _layers(state), end="")
    yield from _inputs(state)
    yield _two(("v", "drawn", state.shown), ("f", "speed", state.speed))


def _count(rows: int) -> str:
    """250, 9,999 or 40k."""
    return f"{rows:,}" if rows < 10_000 else f"{rows / 1000:,.0f}k"


def _control(key: str, label: str, value: str) -> Text:
    return line((f"{key:<{KEY_CELLS}}", HEADING), (f"{label:<{LABEL_CELLS}}", FAINT), value)


def _two(left: tuple[str, str, str], right: tuple[str, str, str]) -> Text:
    """Two controls on a line: key, label and value of each."""
    (key, label, value), (other, other_label, other_value) = left, right
    room = LEFT_CELLS - len(key) - len(label) - 3
    return line(
        *((f"{key} ", HEADING), (f"{label} ", FAINT), f"{fitted(value, room)} "),
        *((f"{other} ", HEADING), (f"{other_label} ", FAINT), cut_to(other_value, LEFT_CELLS)),
    )


def _layers(state: PlayState) -> Text:
    """Units of each hidden layer, the selected one marked."""
    hidden = state.config.model.hidden
    if not hidden:
        return line(("none (linear)", ""))
    parts: list[str | tuple[str, str]] = []
    for index, units in enumerate(hidden):
        parts += ["-"] if index else []
        parts += [(f" {units} ", "reverse")] if index == state.layer else [f"{units}"]
    return line(*parts)


def _inputs(state: PlayState) -> Iterator[Text]:
    """The seven inputs with their keys, the used ones reversed; and the number of others."""
    features = state.config.features
    chips = [
        (f" {key} {one.label} ", "reverse" if one.is_on(features) else FAINT)
        for key, one in enumerate(play_inputs(state.columns), start=1)
    ]
    others = count_others(state.columns, features)
    chips += [(f" +{others} ", "reverse")] if others else []
    for row in (chips[:4], chips[4:]):
        yield line(*(part for chip in row for part in (chip, " ")))
