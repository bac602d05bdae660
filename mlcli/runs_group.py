"""The commands under `mlcli runs`: thin, like those in `mlcli.cli`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlcli.console.help import Command, DefaultGroup
from mlcli.options import JsonOption
from mlcli.session import Session


def runs_group() -> typer.Typer:
    """The group; to list is what is meant where nothing else is asked for."""
    group = typer.Typer(cls=DefaultGroup, rich_markup_mode=None, help="List the runs, or compare some of them.")
    group.command(
        cls=Command,
        name="list",
        epilog="Examples:  mlcli runs  ·  mlcli runs iris  ·  mlcli runs --limit 0 --json",
    )(list_runs)
    return group


def list_runs(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Name of the runs. Left out: all.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="Runs at most; 0 is all.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the runs, the newest first: how each went, and what it did otherwise than the one before."""
    with Session(as_json, quiet=False) as session:
        from mlcli.console.runs import show_runs
        from mlcli.ledger.listing import list_entries

        session.finish(list_entries(name, limit), show_runs)
