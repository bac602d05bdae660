"""`mlcli init` on the screen: which column to predict, and the role of each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mlcli.errors import UsageError
from mlcli.io.text import printable
from mlcli.terminal.screen import Screen

if TYPE_CHECKING:
    from mlcli.suggest.source import TableFound
    from mlcli.use_cases.init import ExampleResult, InitResult

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
        answer = screen.ask("Column to predict (name or number): ").strip()
        if answer in names:
            return answer
        if answer.isdigit() and 1 <= int(answer) <= len(names):
            return names[int(answer) - 1]
        screen.heading(f"{answer!r} is not a column")


def show_started(screen: Screen, result: InitResult) -> None:
    """The columns left out, and what was written."""
    for line in result.summary:
        screen.heading(line)
    for role in result.columns:
        if role.why:
            screen.say(f"· {role.name}: {'left out: ' if role.use == 'drop' else ''}{role.why}")
    screen.say(f"Configuration: {result.config}; schema for editors: {result.schema}")


def show_example(screen: Screen, result: ExampleResult) -> None:
    """What was copied."""
    tables = f", with {', '.join(map(str, result.tables))}" if result.tables else ""
    screen.heading(f"Configuration: {result.config}{tables}")


def _row(found: TableFound, index: int, name: str) -> tuple[str, str, str, str]:
    kind = _KINDS[str(found.frame.schema[name])] if name in found.frame.columns else "?"
    cells = [str(cell) for cell in found.raw[name].drop_nulls().unique(maintain_order=True).head(3)]
    return str(index), name, kind, ", ".join(cell[:_CELL] for cell in cells)
