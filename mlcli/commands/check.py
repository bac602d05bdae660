"""A training foretold."""

from __future__ import annotations

from mlcli.commands.options import ConfigArgument, JsonOption, QuietOption, SetOption
from mlcli.session import Session


def check(
    config: ConfigArgument = None, sets: SetOption = None, as_json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """Tell what a training would do, its time and memory too, without training: only prepared data is written."""
    with Session(as_json, quiet) as session:
        loaded = session.config(config, sets)
        prepared = session.prepared(loaded)
        from mlcli.console.checked import show_checked
        from mlcli.steps.check import check_step

        outcome = check_step(loaded, session.screen, prepared)
        session.finish(outcome, show_checked, f"mlcli train {config}" if config else "mlcli train")
