"""A first configuration."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mlcli.commands.options import JsonOption, QuietOption
from mlcli.errors import UsageError
from mlcli.session import Session


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
