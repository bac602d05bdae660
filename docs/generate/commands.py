"""The page of commands: what each does, its arguments and options, examples."""

from __future__ import annotations

import inspect
from typing import Any

import typer

from docs.generate.table import table
from mlcli.cli.app import make_app
from mlcli.cli.describe import examples_of, leaf_commands

HEAD = """# Commands

Made from the program by `python -m docs.generate`; `mlcli COMMAND --help` says the same, and `mlcli schema --commands`
prints it for programs, as one JSON document with the exit codes.
"""


def commands_page() -> str:
    """The page, in the order of `mlcli --help`."""
    program = typer.main.get_command(make_app())
    root = program.make_context("mlcli", [], resilient_parsing=True)
    return HEAD + "".join(map(_section, leaf_commands(root)))


def _section(context: typer.Context) -> str:
    command: Any = context.command
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    rows = [(f"`{name.split(' <')[0]}`", meaning) for name, meaning in filter(None, records)]
    title, examples = examples_of(command)
    shown = "\n{}:\n\n```text\n{}\n```\n".format(title, "\n".join(examples)) if examples else ""
    usage = command.get_usage(context).removeprefix("Usage: ")
    help_text = inspect.cleandoc(command.help or "")
    return f"\n## {context.command_path}\n\n{help_text}\n\n`{usage}`\n\n{table(('', 'meaning'), rows)}{shown}"
