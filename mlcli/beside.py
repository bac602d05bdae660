"""The commands beside the five steps: thin, like those in `mlcli.cli`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mlcli import completion
from mlcli.console.help import Command, examples
from mlcli.errors import UsageError
from mlcli.options import ConfigArgument, JsonOption, QuietOption, SetOption
from mlcli.runs_group import runs_group
from mlcli.session import Session

PANEL = "Beside the steps"


def add_commands(app: typer.Typer) -> None:
    """Make them commands of the program, in this order."""
    epilogs: dict[Callable[..., None], str] = {
        init: examples("init people.csv --target income", "init pictures/", "init --example iris"),
        check: examples("check", "check configs/adult.yaml -S model.hidden=[512]", "check --json"),
        explain: examples("explain", "explain optimizer.lr", "explain adam", "explain relu"),
        schema: examples("schema -o mlcli.schema.json", "schema | less"),
        doctor: examples("doctor", "doctor > report.txt"),
    }
    for command, epilog in epilogs.items():
        app.command(cls=Command, rich_help_panel=PANEL, epilog=epilog)(command)
    app.add_typer(runs_group(), name="runs", rich_help_panel=PANEL)


def init(
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="CSV, TSV, Parquet, JSON lines, npz, or a folder of pictures.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column to predict. Left out: you are asked.")
    ] = None,
    example: Annotated[
        str | None, typer.Option(metavar="NAME", help="Take an example that comes with mlcli, such as iris, instead.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write here. Left out: mlcli.yaml.")
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a configuration for your data, or take an example's: a start that trains well as it is."""
    with Session(as_json, quiet) as session:
        from mlcli.console.started import choose_target, show_example, show_started
        from mlcli.start.init import DEFAULT_OUTPUT, example_step, init_step

        if (data is None) == (example is None):
            raise UsageError("name either the data, as in `mlcli init people.csv`, or an example: `--example iris`")
        if example is not None:
            copied = example_step(example, output)
            session.finish(copied, show_example, f"mlcli train {copied.config}")
        elif data is not None:
            outcome = init_step(data, target, output or DEFAULT_OUTPUT, partial(choose_target, session.screen))
            session.finish(
                outcome, show_started, "mlcli check, or mlcli train" if output is None else f"mlcli train {output}"
            )


def check(
    config: ConfigArgument = None, sets: SetOption = None, as_json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """Tell what a training would do, its time and memory too, without training: only prepared data is written."""
    with Session(as_json, quiet) as session:
        loaded = session.config(config, sets)
        prepared = session.prepared(loaded)
        from mlcli.console.checked import show_checked
        from mlcli.steps.check import check_step

        outcome = check_step(loaded, session.screen, prepared)
        session.finish(outcome, show_checked, f"mlcli train {config}" if config else "mlcli train")


def explain(
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="KEY",
            help="Such as optimizer.lr, dataset.csv, momentum. Left out: every key.",
            autocompletion=completion.keys,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a key of the configuration: what it does, what it takes, its default and when to change it."""
    with Session(as_json, quiet=False) as session:
        from mlcli.config.lookup import explain as look_up
        from mlcli.console.explained import show_explained

        session.finish(look_up(key), show_explained)


def schema(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write here. Left out: to stdout.")
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Write the configuration's JSON Schema, by which editors complete, explain and check the YAML file."""
    with Session(as_json=False, quiet=quiet) as session:
        from mlcli.config.json_schema import schema_text
        from mlcli.start.schema_file import editor_line, save_schema

        if output is None:
            typer.echo(schema_text(), nl=False)
            return
        save_schema(output)
        session.screen.say(f"Schema: {output}. An editor uses it where a configuration beside it begins with the line")
        session.screen.heading(editor_line(Path(output.name)))


def doctor(as_json: JsonOption = False) -> None:
    """Examine this installation and machine: text for a bug report that names no person and no place."""
    with Session(as_json, quiet=False) as session:
        from mlcli.console.examined import show_examined
        from mlcli.steps.doctor import doctor_step

        outcome = doctor_step()
        session.finish(outcome, show_examined)
        sys.exit(outcome.exit_code)
