"""Every command as data: what scripts and agents need to know instead of reading help texts."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from mlcli import errors
from mlcli.io.platform import CLOSED_PIPE_CODE


def describe_commands(root: typer.Context) -> dict[str, Any]:
    """The document of `schema --commands`: version, exit codes, and each command with its arguments and options."""
    return {
        "program": "mlcli",
        "version": version("mlcli"),
        "exit_codes": _exit_codes(),
        "commands": [_describe(context) for context in leaf_commands(root)],
    }


def leaf_commands(context: typer.Context) -> Iterator[typer.Context]:
    """The context of each command below a group's, in the order of its help; of a command, its own."""
    command: Any = context.command
    if not isinstance(command, TyperGroup):
        yield context
        return
    for name in command.list_commands(context):
        inner: Any = command.get_command(context, name)
        yield from leaf_commands(inner.make_context(name, [], parent=context, resilient_parsing=True))


def examples_of(command: TyperCommand) -> tuple[str, list[str]]:
    """The title of a command's examples, and their lines; both empty where it has none."""
    title, _, lines = (command.epilog or "").partition(":")
    return title, [line.strip() for line in lines.split("·")] if lines else []


def _describe(context: typer.Context) -> dict[str, Any]:
    command: Any = context.command
    parameters: list[Any] = [one for one in command.get_params(context) if not getattr(one, "hidden", False)]
    arguments = [one for one in parameters if isinstance(one, TyperArgument)]
    return {
        "command": context.command_path,
        "meaning": inspect.cleandoc(command.help or ""),
        "usage": command.get_usage(context).removeprefix("Usage: "),
        "arguments": [_parameter(one, context) for one in arguments],
        "options": [
            {"flags": [*one.opts, *one.secondary_opts], **_parameter(one, context)}
            for one in parameters
            if one not in arguments
        ],
        "examples": examples_of(command)[1],
    }


def _parameter(parameter: TyperArgument | TyperOption, context: typer.Context) -> dict[str, Any]:
    """What is given in its place, how often, and its default (null: none, or found as its meaning says)."""
    default = parameter.get_default(context)
    return {
        "name": parameter.metavar or parameter.name,
        "type": "flag" if getattr(parameter, "is_flag", False) else _type_name(vars(parameter)),
        "required": parameter.required,
        "repeatable": parameter.nargs == -1 or bool(getattr(parameter, "multiple", False)),
        "default": default if isinstance(default, bool | int | float | str) else None,
        "meaning": parameter.help or "",
    }


def _type_name(parameter: dict[str, Any]) -> str:
    """text, int, float or path; earlier versions of Typer have Click's type."""
    descriptor = parameter.get("type_descriptor")
    name = parameter["type"].name if descriptor is None else getattr(descriptor.annotation, "__name__", "text").lower()
    return {"str": "text", "list": "text", "integer": "int", "file": "path"}.get(name, name)


def _exit_codes() -> dict[str, str]:
    """What each exit code means: of an error, the first line of its class."""
    found = {0: "Done.", 1: "A bug in mlcli; the traceback goes to a file."}
    kinds = [errors.MlcliError]
    while kinds:
        kind = kinds.pop(0)
        kinds += kind.__subclasses__()
        meaning = inspect.cleandoc(kind.__doc__ or "").partition("\n")[0]
        if kind is not errors.MlcliError:
            found[kind.exit_code] = f"{found.get(kind.exit_code, '')} {meaning}".strip()
    signals = {130: "Interrupted (SIGINT).", 143: "Terminated (SIGTERM).", CLOSED_PIPE_CODE: "The output was closed."}
    return {str(code): meaning for code, meaning in sorted({**found, **signals}.items())}
