"""The arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli import completion


def train_command(configs: list[Path] | None) -> str:
    """The command that trains with the configuration just used."""
    if configs is None or len(configs) > 1:
        return "mlcli train CONFIG"
    return f"mlcli train {configs[0]}" if configs else "mlcli train"


ConfigArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="CONFIG",
        help="YAML file. Left out: mlcli.yaml here, else the latest run's config.",
        autocompletion=completion.configs,
    ),
]
RunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="Run: iris, iris/003, or a folder. Left out: the latest run.",
        autocompletion=completion.runs,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-S",
        metavar="KEY=VALUE",
        help="Change a config key, e.g. -S optimizer.lr=0.01. Repeatable.",
        autocompletion=completion.settings,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout, nothing else there.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors only.")]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Explain each step in the course's words, with this run's numbers.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit 3 when the checks of the data warn of something.")]
