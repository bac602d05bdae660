"""`mlcli predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli import completion
from mlcli.cli.options import JsonOption, QuietOption, VerboseOption, output_option
from mlcli.cli.session import Session


def predict(
    source: Annotated[
        str | None,
        typer.Argument(metavar="INPUT", help="File of rows or images; - is stdin. Default: the run's test rows."),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Run or bundle folder. Default: the latest run.",
            autocompletion=completion.runs,
        ),
    ] = None,
    output: Annotated[Path | None, output_option("Write here (.csv, .parquet or .jsonl).")] = None,
    file_format: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="csv, parquet or jsonl; needed without a suffix."),
    ] = None,
    input_format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="csv, parquet, jsonl or npz; needed without a suffix. stdin is CSV."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Copy this input column beside the prediction. Repeatable."),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Predict new rows. They need no target; their columns may be in any order."""
    with Session(as_json, quiet, verbose) as session:
        outline, found = session.outline(run)
        given = None if source is None else session.given(outline, source, input_format)
        from mlcli.terminal.results import show_predictions
        from mlcli.use_cases.predict import PredictRequest
        from mlcli.use_cases.predict import predict as run_predict

        request = PredictRequest(given, output, file_format, tuple(keep or ()))
        session.finish(run_predict(outline, found, request, session.screen), show_predictions)
