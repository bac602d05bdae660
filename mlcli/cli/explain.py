"""`mlcli explain` and `mlcli schema`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from mlcli.cli import completion
from mlcli.cli.options import JsonOption, QuietOption, output_option
from mlcli.cli.session import Session
from mlcli.io.text import printable_json


def explain(
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="KEY",
            help="Such as optimizer.lr, dataset.csv, momentum. Default: all keys.",
            autocompletion=completion.keys,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a key of the configuration: its meaning, values and default, and when to change it."""
    with Session(as_json, quiet=False) as session:
        from mlcli.terminal.explain import show_explained
        from mlcli.use_cases.explain import explain as look_up

        session.finish(look_up(key), show_explained)


def schema(
    context: typer.Context,
    commands: Annotated[
        bool, typer.Option("--commands", help="Describe all commands, their options and exit codes instead, as JSON.")
    ] = False,
    output: Annotated[Path | None, output_option("Write here. Default: stdout.")] = None,
    quiet: QuietOption = False,
) -> None:
    """Write the JSON Schema by which editors complete, explain and check the YAML file."""
    with Session(as_json=False, quiet=quiet) as session:
        if commands:
            _describe(context, output)
            return
        from mlcli.config.reference.json_schema import editor_line, save_schema, schema_text

        if output is None:
            typer.echo(printable_json(schema_text(), sys.stdout.encoding), nl=False)
            return
        save_schema(output)
        session.screen.say(f"Schema: {output}. To use it in an editor, begin the configuration with the line")
        session.screen.heading(editor_line(Path(output.name)))


def _describe(context: typer.Context, output: Path | None) -> None:
    """Write what the commands are, as JSON, to a file that is not there yet or to stdout."""
    from mlcli.cli.describe import describe_commands
    from mlcli.io.atomic import write_file
    from mlcli.io.paths import refuse_overwriting

    document = (
        json.dumps(describe_commands(cast("typer.Context", context.find_root())), ensure_ascii=False, indent=2) + "\n"
    )
    if output is None:
        typer.echo(printable_json(document, sys.stdout.encoding), nl=False)
    elif output.exists():
        refuse_overwriting(output)
    else:
        write_file(output, document.encode())
