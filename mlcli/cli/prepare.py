"""`mlcli prepare` and `mlcli features`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli import completion
from mlcli.cli.options import (
    ConfigArgument,
    JsonOption,
    QuietOption,
    SetOption,
    StrictOption,
    VerboseOption,
    train_command,
)
from mlcli.cli.session import Session
from mlcli.errors import UsageError


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
        from mlcli.config.loading.load import load_config

        paths = configs or [*Path().glob("mlcli.yaml"), *sorted(Path("configs").glob("*.yaml"))]
        if not paths:
            raise UsageError("no configuration given, and neither mlcli.yaml nor configs/*.yaml here; name a YAML file")
        loaded = [load_config(path, sets or (), session.screen) for path in paths]
        from mlcli.terminal.preparation import show_prepared
        from mlcli.use_cases.prepare import prepare as run_prepare

        result = run_prepare(loaded, session.screen, only_available=not configs)
        following = "mlcli train CONFIG" if len(paths) > 1 else train_command(configs[0] if configs else None)
        session.finish(result, show_prepared, following)
        session.refuse(result.serious if strict else ())


def features(
    config: ConfigArgument = None,
    sets: SetOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Step 2: derive, impute, scale, encode, select and extract features, fitted on the training rows."""
    with Session(as_json, quiet, verbose) as session:
        loaded = session.config(config, sets)
        from mlcli.terminal.preparation import show_features
        from mlcli.use_cases.features import features as run_features

        result = run_features(loaded, session.screen)
        session.finish(result, show_features, train_command(config))
