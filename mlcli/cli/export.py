"""`mlcli export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli import completion
from mlcli.cli.options import JsonOption, QuietOption, output_option
from mlcli.cli.session import Session


def export(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN", help="Run or bundle folder. Default: the latest run.", autocompletion=completion.runs
        ),
    ] = None,
    output: Annotated[
        Path | None, output_option("Write here (.onnx). Default: model.onnx in the run's folder.")
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a trained model as one ONNX file that takes raw columns and runs in other languages."""
    with Session(as_json, quiet) as session:
        from mlcli.runs.folder import find_bundle, is_run, open_run

        folder = find_bundle(run)
        from mlcli.runs.bundle_manifest import read_bundle_manifest
        from mlcli.terminal.results import show_exported
        from mlcli.use_cases.export import export as run_export

        found = open_run(folder.parent) if is_run(folder.parent) else None
        session.finish(run_export(read_bundle_manifest(folder), found, output, session.screen), show_exported)
