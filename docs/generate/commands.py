"""The page of commands: what each does, its arguments and options, examples."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import typer
from typer.core import TyperGroup

from docs.generate.table import table
from mlcli.cli.app import app

HEAD = """# Commands

Made from the program by `python -m docs.generate`; `mlcli COMMAND --help` says the same.
"""


def commands_page() -> str:
    """The page, in the order of `mlcli --help`."""
    program = typer.main.get_command(app)
    context = program.make_context("mlcli", [], resilient_parsing=True)
    return HEAD + "".join(_sections(program, context))


def _sections(group: TyperGroup, context: typer.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = command.make_context(name, [], parent=context, resilient_parsing=True)
        if isinstance(command, TyperGroup):
            yield from _sections(command, inner)
        else:
            yield _section(command, inner)


def _section(command: typer.core.TyperCommand, context: typer.Context) -> str:
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    rows = [(f"`{name.split(' <')[0]}`", meaning) for name, meaning in filter(None, records)]
    title, _, examples = (command.epilog or "").partition(":")
    lines = "\n".join(line.strip() for line in examples.split("·"))
    shown = f"\n{title}:\n\n```text\n{lines}\n```\n" if lines else ""
    usage = command.get_usage(context).removeprefix("Usage: ")
    help_text = inspect.cleandoc(command.help or "")
    return f"\n## {context.command_path}\n\n{help_text}\n\n`{usage}`\n\n{table(('', 'meaning'), rows)}{shown}"
