"""`mlcli explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlcli.cli import completion
from mlcli.cli.options import JsonOption
from mlcli.cli.session import Session


def explain(
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="KEY",
            help="Such as optimizer.lr, dataset.csv, momentum. Default: all keys.",
            autocompletion=completion.keys,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a key of the configuration: its meaning, values and default, and when to change it."""
    with Session(as_json, quiet=False) as session:
        from mlcli.terminal.explain import show_explained
        from mlcli.use_cases.explain import explain as look_up

        session.finish(look_up(key), show_explained)
