"""`mlcli doctor`."""

from __future__ import annotations

import sys

from mlcli.cli.options import JsonOption
from mlcli.cli.session import Session


def doctor(as_json: JsonOption = False) -> None:
    """Check this installation and machine, as text for a bug report that names no person and no place."""
    with Session(as_json, quiet=False) as session:
        from mlcli.terminal.check import show_examined
        from mlcli.use_cases.doctor import doctor as run_doctor

        result = run_doctor()
        session.finish(result, show_examined)
        sys.exit(result.exit_code)
