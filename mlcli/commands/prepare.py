"""Step 1 from the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlcli import completion
from mlcli.commands.next_command import train_command
from mlcli.commands.options import JsonOption, QuietOption, SetOption, StrictOption, VerboseOption
from mlcli.session import Session


def prepare(
    configs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CONFIG",
            help="YAML files. Left out: every configs/*.yaml whose data is at hand.",
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
        from mlcli.console.results import show_prepared
        from mlcli.steps.prepare import prepare_step

        outcome = prepare_step(loaded, session.screen, only_at_hand=not configs)
        session.finish(outcome, show_prepared, train_command(configs if configs or len(loaded) > 1 else []))
        session.refuse(outcome.serious if strict else ())
