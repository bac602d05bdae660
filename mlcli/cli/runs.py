"""`mlcli runs` and `mlcli runs compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli import completion
from mlcli.cli.options import JsonOption, QuietOption, output_option
from mlcli.cli.session import Session
from mlcli.terminal.help import Command, DefaultGroup, examples


def runs_group() -> typer.Typer:
    """The group, which lists where no command is given."""
    group = typer.Typer(cls=DefaultGroup, rich_markup_mode=None, help="List the runs, or compare some of them.")
    group.command(cls=Command, name="list", epilog=examples("runs", "runs iris", "runs --limit 0 --json"))(list_runs)
    group.command(
        cls=Command,
        epilog=examples("runs compare iris/001 iris/002", "runs compare adult/1 adult/2 adult/3 -o adult.html"),
    )(compare)
    return group


def list_runs(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Name of the runs. Default: all.", autocompletion=completion.runs),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="Maximum number of runs; 0 for all.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the runs, newest first, with their scores and their changes since the run before."""
    with Session(as_json, quiet=False) as session:
        from mlcli.runs.listing import list_entries
        from mlcli.terminal.runs import show_runs

        session.finish(list_entries(name, limit), show_runs)


def compare(
    names: Annotated[
        list[str],
        typer.Argument(metavar="RUN", help="Runs such as iris/001, or their folders.", autocompletion=completion.runs),
    ],
    output: Annotated[Path | None, output_option("Write a page with the tables and curves (.html).")] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare runs with the first: configuration, data, scores with intervals, predictions on the same rows."""
    with Session(as_json, quiet) as session:
        from mlcli.runs.comparison import compare_runs
        from mlcli.terminal.runs import show_comparison

        comparison = compare_runs(names)
        if output is not None:
            from mlcli.reports.comparison_page import write_comparison

            write_comparison(comparison, output)
        session.finish(comparison, show_comparison)
        if output is not None:
            session.screen.say(f"Page: {output}")
