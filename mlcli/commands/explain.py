"""The keys of the configuration."""

from __future__ import annotations

from typing import Annotated

import typer

from mlcli import completion
from mlcli.commands.options import JsonOption
from mlcli.session import Session


def explain(
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="KEY",
            help="Such as optimizer.lr, dataset.csv, momentum. Left out: every key.",
            autocompletion=completion.keys,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a key of the configuration: what it does, what it takes, its default and when to change it."""
    with Session(as_json, quiet=False) as session:
        from mlcli.config.lookup import explain as look_up
        from mlcli.console.explained import show_explained

        session.finish(look_up(key), show_explained)
