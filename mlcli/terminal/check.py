"""A training's plan, and the installation examined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mlcli.data.notes import profile_notes
from mlcli.io.memory import shown_size
from mlcli.io.text import printable
from mlcli.terminal.screen import Screen

if TYPE_CHECKING:
    from mlcli.use_cases.check import CheckResult
    from mlcli.use_cases.doctor import DoctorResult

# Columns of the data that are listed one by one.
MOST_COLUMNS = 40


def show_checked(screen: Screen, result: CheckResult) -> None:
    """Rows, columns, layers, steps, cost, and where files would go."""
    rows = ", ".join(f"{count:,} {split}" for split, count in result.rows.items())
    screen.heading(f"{result.config}: {result.task}; rows: {rows}")
    for note in profile_notes(result.prepared.profile):
        screen.say(f"· {note}")
    _show_columns(screen, result)
    layers = [(one.name, f"{one.inputs:,}", f"{one.units:,}", f"{one.parameters:,}") for one in result.layers]
    screen.table(("layer", "inputs", "units", "parameters"), layers, f"Network: {result.n_parameters:,} parameters")
    _show_cost(screen, result)


def _show_columns(screen: Screen, result: CheckResult) -> None:
    listed = result.columns[:MOST_COLUMNS]
    rows = [
        (one.name, one.role, one.kind, one.becomes, "–" if one.inputs is None else str(one.inputs)) for one in listed
    ]
    if rows:
        screen.table(("column", "role", "kind", "becomes", "inputs"), rows, "Columns")
    if len(result.columns) > len(listed):
        screen.say(f"… and {len(result.columns) - len(listed)} more columns; --json lists all")


def _show_cost(screen: Screen, result: CheckResult) -> None:
    context = result.context
    free = f" of {shown_size(result.available)} free" if result.available is not None else ""
    lines = {
        "steps": f"{context.steps:,}: at most {context.epochs:,} epochs of {context.steps_per_epoch:,}, "
        f"{context.batch_size:,} rows each, lr {context.lr:.3g}",
        "on": f"{context.device}, {context.precision}, threads: {context.threads}",
        "memory": f"about {shown_size(result.memory)}{free}, plus PyTorch's own",
        "time": f"at most about {_seconds(result.seconds)} here ({_seconds(result.seconds_per_epoch)} per epoch)",
        "data": f"{result.prepared.folder}",
        "run": f"{result.run} (not created yet)",
    }
    screen.table(("plan", ""), list(lines.items()))


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def show_examined(screen: Screen, result: DoctorResult) -> None:
    """The report as plain text, then the problems."""
    left = max(len(name) for section in result.report.values() for name in section)
    for title, section in result.report.items():
        if section:
            typer.echo(f"{title}:")
        for name, value in section.items():
            typer.echo(f"  {name.ljust(left)}  {printable(value)}")
    for problem in result.problems:
        screen.warn(problem)
    if not result.problems:
        screen.heading("No problems found. The text above can start a bug report; it names no person and no place.")
