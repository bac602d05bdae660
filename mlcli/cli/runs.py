"""`mlcli runs`: list, compare, label, copy and delete."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli import completion
from mlcli.cli.options import JsonOption, QuietOption, RunArgument, output_option
from mlcli.cli.session import Session
from mlcli.errors import UsageError
from mlcli.terminal.help import Command, DefaultGroup, examples

RunsArgument = Annotated[
    list[str],
    typer.Argument(metavar="RUN", help="Runs such as iris/001, or their folders.", autocompletion=completion.runs),
]


def runs_group() -> typer.Typer:
    """The group, which lists where no command is given."""
    group = typer.Typer(cls=DefaultGroup, rich_markup_mode=None, help="List, compare, label or delete runs.")
    group.command(cls=Command, name="list", epilog=examples("runs", "runs iris", "runs --limit 0 --json"))(list_runs)
    group.command(
        cls=Command,
        epilog=examples("runs compare iris/001 iris/002", "runs compare adult/1 adult/2 adult/3 -o adult.html"),
    )(compare)
    group.command(
        cls=Command,
        epilog=examples('runs tag iris/002 baseline --note "no dropout"', "runs tag iris/2 --remove baseline"),
    )(tag)
    group.command(cls=Command, epilog=examples("runs config iris/002 -o again.yaml"))(config)
    group.command(cls=Command, epilog=examples("runs rm iris/001 iris/002", "runs rm iris/003 --yes"))(rm)
    return group


def list_runs(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Name of the runs. Default: all.", autocompletion=completion.runs),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="Maximum number of runs; 0 for all.")] = 20,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Only runs with this tag.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs, newest first, with their scores and their changes since the run before."""
    with Session(as_json, quiet=False) as session:
        from mlcli.runs.listing import list_entries
        from mlcli.terminal.runs import show_runs

        session.finish(list_entries(name, limit, tag), show_runs)


def compare(
    names: RunsArgument,
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


def tag(
    run: RunArgument,
    tags: Annotated[list[str] | None, typer.Argument(metavar="TAG", help="Tags to add.")] = None,
    remove: Annotated[list[str] | None, typer.Option(metavar="TAG", help="Remove a tag. Repeatable.")] = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help='Replace the note; "" removes it.')] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write tags and a note to a run, which `mlcli runs` shows."""
    with Session(as_json, quiet) as session:
        from mlcli.terminal.runs import show_labels
        from mlcli.use_cases.runs import label_run

        session.finish(label_run(str(run), tags or (), remove or (), note), show_labels)


def config(
    run: RunArgument = None,
    output: Annotated[Path, output_option("Write here. Default: mlcli.yaml.")] = Path("mlcli.yaml"),
    quiet: QuietOption = False,
) -> None:
    """Copy a run's configuration, with all of its keys, to a new file."""
    with Session(as_json=False, quiet=quiet) as session:
        from mlcli.use_cases.runs import copy_config

        session.screen.say(f"Configuration: {copy_config(run, output)}")
        session.screen.next_step(f"mlcli train {output}")


def rm(
    names: RunsArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Delete runs, with their models and reports."""
    with Session(as_json, quiet) as session:
        from mlcli.terminal.runs import show_deleted
        from mlcli.use_cases.runs import delete_runs, find_numbered

        runs = find_numbered(names)
        question = f"Delete {', '.join(map(str, runs))}? [y/N] "
        if not yes and session.screen.ask(question).strip().lower() not in ("y", "yes"):
            raise UsageError("nothing was deleted")
        session.finish(delete_runs(runs), show_deleted)
