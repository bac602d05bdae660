"""A training's plan on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlcli.console.screen import Screen
from mlcli.data.notes import profile_notes
from mlcli.memory import shown_size

if TYPE_CHECKING:
    from mlcli.steps.check import CheckOutcome

# Columns of the data that are listed one by one.
MOST_COLUMNS = 40


def show_checked(screen: Screen, outcome: CheckOutcome) -> None:
    """Rows, columns, layers, steps, cost, and where files would go."""
    rows = ", ".join(f"{count:,} {split}" for split, count in outcome.rows.items())
    screen.heading(f"{outcome.config}: {outcome.task}; rows: {rows}")
    for note in profile_notes(outcome.prepared.profile):
        screen.say(f"· {note}")
    _show_columns(screen, outcome)
    layers = [(one.name, f"{one.inputs:,}", f"{one.units:,}", f"{one.parameters:,}") for one in outcome.layers]
    screen.table(("layer", "inputs", "units", "parameters"), layers, f"Network: {outcome.n_parameters:,} parameters")
    _show_cost(screen, outcome)


def _show_columns(screen: Screen, outcome: CheckOutcome) -> None:
    listed = outcome.columns[:MOST_COLUMNS]
    rows = [
        (one.name, one.role, one.kind, one.becomes, "–" if one.inputs is None else str(one.inputs)) for one in listed
    ]
    if rows:
        screen.table(("column", "role", "kind", "becomes", "inputs"), rows, "Columns")
    if len(outcome.columns) > len(listed):
        screen.say(f"… and {len(outcome.columns) - len(listed)} more columns; --json lists all")


def _show_cost(screen: Screen, outcome: CheckOutcome) -> None:
    job = outcome.job
    free = f" of {shown_size(outcome.available)} free" if outcome.available is not None else ""
    lines = {
        "steps": f"{job.steps:,}: at most {job.epochs:,} epochs of {job.steps_per_epoch:,}, "
        f"{job.batch_size:,} rows each, lr {job.lr:.3g}",
        "on": f"{job.device}, {job.precision}, threads: {job.threads}",
        "memory": f"about {shown_size(outcome.memory)}{free}, besides PyTorch's own",
        "time": f"at most about {_seconds(outcome.seconds)} here ({_seconds(outcome.seconds_per_epoch)} an epoch)",
        "data": f"{outcome.prepared.folder}",
        "run": f"{outcome.run} (not made yet)",
    }
    screen.table(("plan", ""), list(lines.items()))


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
