"""The help of a command as text, and what is wrong with a command line."""

from __future__ import annotations

import inspect
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

if TYPE_CHECKING:
    from typer._click import Command as AnyCommand
    from typer._click import Context, HelpFormatter, Parameter

Row = tuple[str, str]

# As wide as the terminal, within these limits.
MIN_WIDTH, MAX_WIDTH = 60, 100
# Characters of a panel beside its two columns: borders, the blanks along them, and the gap.
FRAME = 6
EXAMPLE_MARK = "  ·  "
# What typer would make by pydantic, by the annotation.
MADE_OF_TEXT: dict[str, Callable[[Any], object]] = {
    str(str): str,
    str(Path): Path,
    str(list[str]): list,
    str(list[Path]): lambda texts: [Path(text) for text in texts],
}
# The panel of a command that names none.
STEPS = "Steps"


class Command(TyperCommand):
    """A command with this help."""

    def get_params(self, ctx: Context) -> list[Parameter]:
        return _settled(super().get_params(ctx), ctx)

    def format_help(self, ctx: Context, formatter: HelpFormatter) -> None:
        formatter.write(help_text(self, ctx, {}))


class Group(TyperGroup):
    """The program with this help; commands are listed in the order of their definition."""

    def get_params(self, ctx: Context) -> list[Parameter]:
        return _settled(super().get_params(ctx), ctx)

    def format_help(self, ctx: Context, formatter: HelpFormatter) -> None:
        commands = [self.get_command(ctx, name) for name in self.list_commands(ctx)]
        panels: dict[str, list[Row]] = {}
        for command in commands:
            if command is not None:
                panel = getattr(command, "rich_help_panel", None) or STEPS
                panels.setdefault(panel, []).append((command.name or "", command.help or ""))
        formatter.write(help_text(self, ctx, panels))


class DefaultGroup(Group):
    """A group whose first command runs where none is named; its help is that command's, and lists the others."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        asked = args[0] if args else ""
        given = asked in self.commands or asked in ctx.help_option_names
        return super().parse_args(ctx, args if given else [self._default, *args])

    def format_help(self, ctx: Context, formatter: HelpFormatter) -> None:
        others = [(name, command.help or "") for name, command in self.commands.items() if name != self._default]
        formatter.write(help_text(self.commands[self._default], ctx, {"Commands": others}))

    @property
    def _default(self) -> str:
        return next(iter(self.commands))


def help_text(command: AnyCommand, ctx: Context, commands: Mapping[str, Sequence[Row]]) -> str:
    """The whole help, laid out for this terminal."""
    width = max(MIN_WIDTH, min(MAX_WIDTH, shutil.get_terminal_size().columns))
    panels: dict[str, list[Row]] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(ctx):  # defaults and bounds follow the meaning
        name, meaning = parameter.get_help_record(ctx) or ("", "")
        title = "Arguments" if isinstance(parameter, TyperArgument) else "Options"
        panels[title].append((name.split(" <")[0], meaning))
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    blocks = [
        [" " + typer.style(command.get_usage(ctx), bold=True)],
        *([f" {line}" for line in wrap(text, width - 2)] for text in paragraphs),
        [line for title, rows in {**panels, **commands}.items() if rows for line in _panel(title, rows, width)],
    ]
    if command.epilog:  # examples, each on a line of its own so that it can be copied whole
        title, _, listed = command.epilog.partition(":")
        lines = [f"   {example.strip()}" for example in listed.split(EXAMPLE_MARK)]
        blocks.append([" " + typer.style(f"{title}:", bold=True), *lines])
    return "\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n"


def _settled(parameters: list[Parameter], ctx: Context) -> list[Parameter]:
    """Parameters for which typer need not import pydantic.

    Its own flags are false by default; what is not given, texts, lists of them and paths are made without it; and words
    that a shell completes are not converted.
    """
    for parameter in parameters:
        if isinstance(parameter, TyperOption) and parameter.is_flag and parameter.default is None:
            parameter.default = False
        if ctx.resilient_parsing:
            parameter.process_value = lambda ctx, value: value  # type: ignore[method-assign]
        elif parameter.callback is None and not parameter.required and "process_value" not in vars(parameter):
            _make_plainly(parameter)
    return parameters


def _make_plainly(parameter: Parameter) -> None:
    """Let its value be made of text by Python's own types, or be what is given where that is no text; else by typer."""
    process = parameter.process_value
    make = MADE_OF_TEXT.get(str(getattr(getattr(parameter, "type_descriptor", None), "annotation", None)))

    def process_value(ctx: Context, value: Any) -> object:  # noqa: ANN401 (text, or texts)
        if not isinstance(value, str | tuple):  # a default, or a flag
            return value
        return make(value) if make else process(ctx, value)

    parameter.process_value = process_value  # type: ignore[method-assign]


def _panel(title: str, rows: Sequence[Row], width: int) -> Iterator[str]:
    """Names and what they mean in two columns, in a frame."""
    left = max(len(name) for name, _ in rows)
    border = typer.style("│", dim=True)
    yield typer.style(f"╭─ {title} {'─' * (width - len(title) - 5)}╮", dim=True)
    for name, meaning in rows:
        for at, line in enumerate(wrap(meaning, width - left - FRAME, break_on_hyphens=False)):
            shown = typer.style((name if at == 0 else "").ljust(left), fg="cyan", bold=True)
            yield f"{border} {shown}  {line.ljust(width - left - FRAME)} {border}"
    yield typer.style(f"╰{'─' * (width - 2)}╯", dim=True)


def examples(*lines: str) -> str:
    """The epilog that shows these command lines, each without the program's name."""
    return "Examples:  " + EXAMPLE_MARK.join(f"mlcli {line}" for line in lines)


# Typer's messages, and those shown instead.
WORDINGS = (
    (r"Invalid value for '([^']+)': Input should be a valid integer.*", r"\1: must be a whole number"),
    (r"Invalid value for '([^']+)': Input should be a valid number.*", r"\1: must be a number"),
    (r"Invalid value for '([^']+)': Input should be (.*)", r"\1: must be \2"),
    (r"Invalid value for '([^']+)': (.*)", r"\1: \2"),
    (r"Got unexpected extra arguments? ?(?:\(s\) )?\((.*)\)", r"unexpected: \1"),
    (r"No such (command|option):? (.*)", r"no such \1: \2"),
    (r"(Missing|Option|Got|Invalid)\b(.*)", lambda found: found[1].lower() + found[2]),
)


def describe_usage(message: str, command: str) -> str:
    """One message with its remedy.

    message : typer's message
    command : whose help lists what is accepted, such as `mlcli train`
    """
    message = message.strip().rstrip(".")
    message = re.sub(r"[.,]? ?\(?(?:Did you mean|Possible options:) ([^?)]*)[?)]*", r"; did you mean \1?", message)
    for pattern, wording in WORDINGS:
        if re.match(pattern, message):
            message = re.sub(pattern, wording, message, count=1)
            break
    from mlcli.config.tree import key_words

    option = re.match(r"no such option: --([\w-]+)", message)
    name = option[1].replace("-", "_") if option else ""
    keys = [key for key in key_words() if key.rpartition(".")[2] == name]
    if option and keys:
        message = f"{option[0]}; the configuration's {keys[0]} is set by -S {keys[0]}=…"
    return f"{message}{'' if message.endswith('?') else ';'} see {command} --help"
