"""`mlcli features`."""

from __future__ import annotations

from mlcli.cli.options import ConfigArgument, JsonOption, QuietOption, SetOption, VerboseOption, train_command
from mlcli.cli.session import Session


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
        from mlcli.terminal.prepare import show_features
        from mlcli.use_cases.features import features as run_features

        result = run_features(loaded, session.screen)
        session.finish(result, show_features, train_command([config] if config else []))
