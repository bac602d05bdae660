"""`mlcli doctor`: text to paste into a bug report, on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mlcli.console.screen import Screen
from mlcli.printable import printable

if TYPE_CHECKING:
    from mlcli.steps.doctor import DoctorOutcome


def show_examined(screen: Screen, outcome: DoctorOutcome) -> None:
    """The report as plain text, then what is wrong."""
    left = max(len(name) for section in outcome.report.values() for name in section)
    for title, section in outcome.report.items():
        if section:
            typer.echo(f"{title}:")
        for name, value in section.items():
            typer.echo(f"  {name.ljust(left)}  {printable(value)}")
    for problem in outcome.problems:
        screen.warn(problem)
    if not outcome.problems:
        screen.heading(
            "Everything is fine. A bug report can be begun with the text above; it names no person and no place."
        )
