"""The result of predict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlcli.io.text import counted, show_number, show_signed
from mlcli.terminal.screen import Screen, columns_that_fit

if TYPE_CHECKING:
    from mlcli.use_cases.predict import PredictResult

# Rows whose contributions are shown, and contributions of each.
SHOWN_ROWS, SHOWN_PARTS = 5, 5


def show_predictions(screen: Screen, result: PredictResult) -> None:
    """A few rows and where all are; nothing when they went to stdout."""
    if result.path is None:
        screen.say(f"{counted(result.n_rows, 'row')} predicted")
        return
    if screen.quiet:
        return
    columns = result.preview.columns
    rows = [list(map(_show_cell, row)) for row in result.preview.rows()]
    shown = columns_that_fit(columns, rows, screen.stderr.width)
    some = f"First {len(rows)} of {result.n_rows:,} predictions" if len(rows) < result.n_rows else "Predictions"
    screen.table(columns[:shown], [row[:shown] for row in rows], some)
    more = f", with {counted(len(columns) - shown, 'more column')}" if shown < len(columns) else ""
    screen.say(f"{counted(result.n_rows, 'prediction')}: {result.path}{more}")
    if result.explanation is not None:
        _show_contributions(screen, result.explanation)
    if result.page is not None:
        screen.say(f"Heat maps: {result.page}")


def _show_contributions(screen: Screen, explanation: Mapping[str, Any]) -> None:
    """From base to output, the largest contributions of the first rows."""
    screen.heading(f"Contributions to the {explanation['quantity']}")
    for row in explanation["rows"][:SHOWN_ROWS]:
        added = [f"{one['column']} {show_signed(one['contribution'])}" for one in row["contributions"][:SHOWN_PARTS]]
        target = f", {row['target']}" if "target" in row else ""
        rest = row["others"] + sum(one["contribution"] for one in row["contributions"][SHOWN_PARTS:])
        steps = [show_number(row["base"]), *added, *([f"others {show_signed(rest)}"] if rest else [])]
        screen.say(f"row {row['row'] + 1}{target}: {', '.join(steps)} → {show_number(row['output'])}")


def _show_cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return show_number(value) if isinstance(value, float) else str(value)
