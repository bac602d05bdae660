"""Step 2 from the terminal."""

from __future__ import annotations

from mlcli.commands.next_command import train_command
from mlcli.commands.options import ConfigArgument, JsonOption, QuietOption, SetOption, VerboseOption
from mlcli.session import Session


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
        from mlcli.console.results import show_features
        from mlcli.steps.features import features_step

        outcome = features_step(loaded, session.screen)
        session.finish(outcome, show_features, train_command([config] if config else []))
