"""The network of a game where there is room for it: what each input and each unit makes of the plane."""

from __future__ import annotations

from rich.text import Text

from mlcli.console.canvas import FAINT, line
from mlcli.console.cells import fitted
from mlcli.console.play.ink import Ink
from mlcli.console.play.plane import draw_plane, places_of
from mlcli.play.shades import Shades
from mlcli.play.state import PlayState
from mlcli.play.trainer import Trainer

GAP = 2
SMALLEST, LARGEST = 4, 14


def network_cells(state: PlayState, trainer: Trainer, width: int, height: int) -> int:
    """Cells across of a unit's picture, which is half as high; 0 where there is no room for all of them."""
    layers = (trainer.job.train.x.shape[1], *state.config.model.hidden)
    across = (width + GAP) // len(layers) - GAP
    down = 2 * ((height - 1) // max(layers) - 1)
    cells = min(across, down, LARGEST) // 2 * 2
    return cells if cells >= SMALLEST else 0


def draw_network(state: PlayState, trainer: Trainer, cells: int, height: int, ink: Ink) -> list[Text]:
    """Columns for the inputs and for each hidden layer, the units one below the other; the selected layer marked."""
    layers = trainer.neurons(*places_of(ink, cells, cells // 2))
    columns = [_column(shades, cells, height, ink) for shades in layers]
    heads = [line((fitted("inputs", cells), FAINT))]
    for index in range(len(layers) - 1):
        style = "reverse" if index == state.layer else FAINT
        heads.append(line((fitted(f"layer {index + 1}", cells), style)))
    return [Text(" " * GAP, end="").join(row) for row in (heads, *zip(*columns, strict=True))]


def _column(units: list[Shades], cells: int, height: int, ink: Ink) -> list[Text]:
    lines: list[Text] = []
    for shades in units:
        lines += [*draw_plane(shades, [], cells, cells // 2, ink), line(" " * cells)]
    return [*lines, *(line(" " * cells) for _ in range(height - 1 - len(lines)))][: height - 1]
