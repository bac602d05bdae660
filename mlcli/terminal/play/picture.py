"""The whole screen of a game, within the terminal's size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.text import Text

from mlcli.io.text import printable
from mlcli.playground.controls import CONTROLS
from mlcli.playground.heatmap import Points
from mlcli.playground.state import PlayState
from mlcli.playground.trainer import Trainer
from mlcli.terminal.drawing import FAINT, HEADING, line
from mlcli.terminal.play.panel import Losses, describe_axes, describe_kinds, draw_facts
from mlcli.terminal.play.plane import Layer, Palette, draw_heatmap, draw_network, network_cells, points_in

LEAST_WIDTH, LEAST_HEIGHT = 64, 20
FACTS_CELLS, WIDEST_FACTS, GAP = 37, 48, 2
# Lines beside the plane's: the title above; the axes, the message and the keys below.
OTHER_LINES = 4
KEYS = (
    ("space", "run"),
    ("s", "step"),
    ("r", "reset"),
    ("g", "new data"),
    ("w", "write"),
    ("?", "keys"),
    ("q", "quit"),
)


def draw_game(state: PlayState, trainer: Trainer, losses: Losses, width: int, height: int, palette: Palette) -> Text:
    """Lines of at most `width` cells, at most `height` of them."""
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return _too_small(width, height)
    if state.helping:
        return _page(_help(), width, height)
    rows = height - OTHER_LINES
    columns = min(2 * rows, width - FACTS_CELLS - GAP)
    rows = min(rows, columns // 2)
    plane = draw_heatmap(
        trainer.plane(*points_in(palette, columns, rows)),
        _drawn(state, trainer),
        columns,
        rows,
        palette,
        sharp=state.sharp,
    )
    beside = width - columns - GAP
    network = network_cells(state, trainer, beside - WIDEST_FACTS - GAP, rows)
    facts = draw_facts(state, trainer, losses, WIDEST_FACTS if network else beside, rows)
    blocks = [(plane, columns), (facts, WIDEST_FACTS if network else beside)]
    if network:
        blocks.append((draw_network(state, trainer, network, rows, palette), beside - WIDEST_FACTS - GAP))
    lines = [
        _title(state, trainer, palette),
        *_side_by_side(blocks),
        describe_axes(trainer),
        _message(state, trainer),
        _keys(state),
    ]
    return _page(lines, width, height)


def _drawn(state: PlayState, trainer: Trainer) -> list[tuple[Layer, Points]]:
    rows: dict[Layer, Points] = {"training": trainer.training, "validation": trainer.validation}
    return [(name, points) for name, points in rows.items() if state.shown in (name, "both")]


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
    words = dict(KEYS) | ({"space": "pause"} if state.running else {})
    return line(*(part for key, word in words.items() for part in ((key, HEADING), (f" {word}   ", FAINT))))


def _help() -> list[Text]:
    head = [line(("Keys", "bold"), ("   any key goes back", FAINT)), line()]
    return [*head, *(line((f"{one.shown:<8}", HEADING), one.words) for one in CONTROLS)]


def _too_small(width: int, height: int) -> Text:
    needed = f"mlcli play needs {LEAST_WIDTH} × {LEAST_HEIGHT} characters"
    words = f"{needed}; the terminal has {width} × {height}. Enlarge it, or press q."
    return _page([line(words[start : start + width]) for start in range(0, len(words), max(1, width))], width, height)


def _side_by_side(blocks: Sequence[tuple[Sequence[Text], int]]) -> list[Text]:
    """Blocks of lines with a gap between, each filled up to its width."""
    joined = []
    for row in zip_longest(*(lines for lines, _ in blocks)):
        parts = [_filled(part, width) for part, (_, width) in zip(row, blocks, strict=True)]
        joined.append(Text.assemble(*_apart(parts), end=""))
    return joined


def _apart(parts: Sequence[Text]) -> list[Text | str]:
    return [piece for index, part in enumerate(parts) for piece in ((" " * GAP, part) if index else (part,))]


def _filled(part: Text | None, width: int) -> Text:
    filled = line() if part is None else part.copy()
    filled.align("left", width)
    return filled


def _page(lines: Sequence[Text], width: int, height: int) -> Text:
    page = Text(no_wrap=True, overflow="crop", end="")
    for index, one in enumerate(lines[:height]):
        one.align("left", width)
        page.append("\n" if index else "")
        page.append_text(one)
    return page
