"""`mlcli check` and `mlcli doctor`."""

from __future__ import annotations

import sys

from mlcli.cli.options import ConfigArgument, JsonOption, QuietOption, SetOption, train_command
from mlcli.cli.session import Session


def check(
    config: ConfigArgument = None, sets: SetOption = None, as_json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """Show what training would do, with its time and memory. It writes only the prepared data."""
    with Session(as_json, quiet) as session:
        loaded, prepared = session.training_config(session.config(config, sets), config, sets)
        from mlcli.terminal.preparation import show_checked
        from mlcli.use_cases.check import check as run_check

        result = run_check(loaded, session.screen, prepared)
        session.finish(result, show_checked, train_command(config))


def doctor(as_json: JsonOption = False) -> None:
    """Check this installation and machine, as text for a bug report that names no person and no place."""
    with Session(as_json, quiet=False) as session:
        from mlcli.terminal.preparation import show_examined
        from mlcli.use_cases.doctor import doctor as run_doctor

        result = run_doctor()
        session.finish(result, show_examined)
        sys.exit(result.exit_code)
