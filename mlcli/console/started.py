"""`mlcli init` on the screen: which column to predict, and what became of each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mlcli.console.screen import Screen
from mlcli.errors import UsageError
from mlcli.printable import printable

if TYPE_CHECKING:
    from mlcli.start.init import ExampleOutcome, InitOutcome
    from mlcli.start.sources import TableFound

_KINDS = {"Float64": "numbers", "String": "text"}
_CELL = 24


def choose_target(screen: Screen, data: str, found: TableFound) -> str:
    """The column that the user names, by its name or number. Raises UsageError where nobody can be asked."""
    names = found.raw.columns
    if screen.as_json or not (screen.live and sys.stdin.isatty()):
        listed = ", ".join(map(printable, names))
        raise UsageError(f"--target: name the column to predict; {data} has: {listed}")
    screen.table(("", "column", "holds", "such as"), [_row(found, index, name) for index, name in enumerate(names, 1)])
    while True:
        answer = screen.ask("Which column is to be predicted? Its name or number: ").strip()
        if answer in names:
            return answer
        if answer.isdigit() and 1 <= int(answer) <= len(names):
            return names[int(answer) - 1]
        screen.warn(f"{answer!r} is no column")


def show_started(screen: Screen, outcome: InitOutcome) -> None:
    """The columns left out, and what was written."""
    for line in outcome.proposal.summary:
        screen.heading(line)
    for verdict in outcome.proposal.columns:
        if verdict.why:
            screen.say(f"· {verdict.name}: {'left out: ' if verdict.use == 'drop' else ''}{verdict.why}")
    screen.say(f"Configuration: {outcome.config}, for an editor described by {outcome.schema}")


def show_example(screen: Screen, outcome: ExampleOutcome) -> None:
    """What was copied."""
    tables = f", with {', '.join(map(str, outcome.tables))}" if outcome.tables else ""
    screen.heading(f"Configuration: {outcome.config}{tables}")


def _row(found: TableFound, index: int, name: str) -> tuple[str, str, str, str]:
    kind = _KINDS[str(found.frame.schema[name])] if name in found.frame.columns else "?"
    cells = [str(cell) for cell in found.raw[name].drop_nulls().unique(maintain_order=True).head(3)]
    return str(index), name, kind, ", ".join(cell[:_CELL] for cell in cells)
