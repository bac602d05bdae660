"""The machine and the installation, examined."""

from __future__ import annotations

import sys

from mlcli.commands.options import JsonOption
from mlcli.session import Session


def doctor(as_json: JsonOption = False) -> None:
    """Examine this installation and machine: text for a bug report that names no person and no place."""
    with Session(as_json, quiet=False) as session:
        from mlcli.console.examined import show_examined
        from mlcli.steps.doctor import doctor_step

        outcome = doctor_step()
        session.finish(outcome, show_examined)
        sys.exit(outcome.exit_code)
