"""`mlcli explain` and `mlcli schema`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

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
    output: Annotated[Path | None, output_option("Write here. Default: stdout.")] = None, quiet: QuietOption = False
) -> None:
    """Write the JSON Schema by which editors complete, explain and check the YAML file."""
    with Session(as_json=False, quiet=quiet) as session:
        from mlcli.config.reference.json_schema import editor_line, save_schema, schema_text

        if output is None:
            typer.echo(printable_json(schema_text(), sys.stdout.encoding), nl=False)
            return
        save_schema(output)
        session.screen.say(f"Schema: {output}. To use it in an editor, begin the configuration with the line")
        session.screen.heading(editor_line(Path(output.name)))
