"""The commands beside the five steps: thin, like those in `mlcli.cli`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlcli.console.help import Command
from mlcli.options import JsonOption
from mlcli.session import Session

PANEL = "Beside the steps"


def add_commands(app: typer.Typer) -> None:
    """Make them commands of the program."""
    app.command(
        cls=Command,
        rich_help_panel=PANEL,
        epilog="Examples:  mlcli explain  ·  mlcli explain optimizer.lr  ·  mlcli explain adam  ·  mlcli explain relu",
    )(explain)


def explain(
    key: Annotated[
        str | None,
        typer.Argument(metavar="KEY", help="Such as optimizer.lr, dataset.csv, momentum. Left out: every key."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a key of the configuration: what it does, what it takes, its default and when to change it."""
    with Session(as_json, quiet=False) as session:
        from mlcli.config import guide
        from mlcli.console.explained import show_explained

        session.finish(guide.explain(key), show_explained)
