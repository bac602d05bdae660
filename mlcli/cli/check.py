"""`mlcli check`."""

from __future__ import annotations

from mlcli.cli.options import ConfigArgument, JsonOption, QuietOption, SetOption
from mlcli.cli.session import Session


def check(
    config: ConfigArgument = None, sets: SetOption = None, as_json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """Show what training would do, with its time and memory. It writes only the prepared data."""
    with Session(as_json, quiet) as session:
        loaded, prepared = session.training_config(session.config(config, sets), config, sets)
        from mlcli.terminal.check import show_checked
        from mlcli.use_cases.check import check as run_check

        result = run_check(loaded, session.screen, prepared)
        session.finish(result, show_checked, f"mlcli train {config}" if config else "mlcli train")
