"""`mlcli init`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli.options import JsonOption, QuietOption, output_option
from mlcli.cli.session import Session
from mlcli.errors import UsageError
from mlcli.suggest import MINUTES


def init(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="CSV, TSV, Excel, Parquet, JSON lines, npz, or a folder of images; - reads a table from stdin.",
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column to predict. Default: mlcli asks for it.")
    ] = None,
    example: Annotated[
        str | None, typer.Option(metavar="NAME", help="Copy an example of mlcli instead, such as iris.")
    ] = None,
    clipboard: Annotated[
        bool, typer.Option("--clipboard", help="Read the table from the clipboard, such as cells of a spreadsheet.")
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep a table from stdin or the clipboard here. Default: table.csv beside the configuration, with the "
            "suffix of what it is.",
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0.1, metavar="MINUTES", help="That training a table may take, on one core of a laptop.")
    ] = MINUTES,
    output: Annotated[Path | None, output_option("Write here. Default: mlcli.yaml.")] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a configuration that suits your data, or copy an example."""
    with Session(as_json, quiet) as session:
        from mlcli.terminal.preparation import choose_target, show_example, show_started
        from mlcli.use_cases.init import DEFAULT_OUTPUT, copy_example, keep_table
        from mlcli.use_cases.init import init as run_init

        if (data is not None) + (example is not None) + clipboard != 1:
            raise UsageError(
                "name either the data, as in `mlcli init people.csv`, or --clipboard, or an example: `--example iris`"
            )
        if save is not None and data != "-" and not clipboard:
            raise UsageError("--save: keeps a table from stdin (`mlcli init -`) or --clipboard; the data is in a file")
        config = output or DEFAULT_OUTPUT
        if clipboard:
            from mlcli.io.clipboard import read_clipboard

            data = str(keep_table(read_clipboard().encode(), "the clipboard", save, config, session.screen))
        elif data == "-":
            data = str(keep_table(sys.stdin.buffer.read(), "stdin", save, config, session.screen))
        if example is not None:
            copied = copy_example(example, output)
            session.finish(copied, show_example, f"mlcli train {copied.config}")
        elif data is not None:
            choose = partial(choose_target, session.screen)
            result = run_init(data, target, config, choose, minutes, session.screen)
            session.finish(
                result, show_started, "mlcli check, or mlcli train" if output is None else f"mlcli train {output}"
            )
