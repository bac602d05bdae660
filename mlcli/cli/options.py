"""The arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlcli.cli import completion

if TYPE_CHECKING:
    from typer.models import OptionInfo


def train_command(config: Path | None) -> str:
    """The command that trains with the configuration just used."""
    return f"mlcli train {config}" if config else "mlcli train"


def output_option(help: str) -> OptionInfo:
    """`-o FILE`, whose meaning each command words."""
    option: OptionInfo = typer.Option("-o", "--output", metavar="FILE", help=help)
    return option


CONFIG_DEFAULT = "Default: mlcli.yaml here, or the latest run's config."
ConfigArgument = Annotated[
    Path | None,
    typer.Argument(metavar="CONFIG", help=f"YAML file. {CONFIG_DEFAULT}", autocompletion=completion.configs),
]
ConfigOrRunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="CONFIG|RUN", help=f"YAML file or run. {CONFIG_DEFAULT}", autocompletion=completion.configs_or_runs
    ),
]
RunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN", help="Run: iris, iris/003, or a folder. Default: the latest run.", autocompletion=completion.runs
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-S",
        metavar="KEY=VALUE",
        help="Override a config key, e.g. -S optimizer.lr=0.01. Repeatable.",
        autocompletion=completion.settings,
    ),
]
ThresholdOption = Annotated[
    str | None,
    typer.Option(
        metavar="RULE",
        help="Two classes: a number, or chosen on the validation rows: f1, balanced_accuracy, recall=0.9, "
        "precision=0.9, cost=fp:1,fn:5.",
    ),
]
IntervalOption = Annotated[
    float | None,
    typer.Option(metavar="LEVEL", help="Intervals, or sets of classes, that hold the truth this often, such as 0.9."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout and nothing else.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors only.")]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Explain each step in the course's words, with this run's numbers.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit 3 if the data checks give a warning.")]
