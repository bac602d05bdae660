"""`mlcli prepare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli import completion
from mlcli.cli.options import JsonOption, QuietOption, SetOption, StrictOption, VerboseOption, train_command
from mlcli.cli.session import Session


def prepare(
    configs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CONFIG",
            help="YAML files. Default: mlcli.yaml and all configs/*.yaml whose data is available.",
            autocompletion=completion.configs,
        ),
    ] = None,
    strict: StrictOption = False,
    sets: SetOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Step 1: acquire, clean and split the data; check it for leaks."""
    with Session(as_json, quiet, verbose) as session:
        loaded = session.configs(configs, sets)
        from mlcli.terminal.prepare import show_prepared
        from mlcli.use_cases.prepare import prepare as run_prepare

        result = run_prepare(loaded, session.screen, only_available=not configs)
        session.finish(result, show_prepared, train_command(configs if configs or len(loaded) > 1 else []))
        session.refuse(result.serious if strict else ())
