"""`mlcli predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli import completion
from mlcli.cli.options import JsonOption, QuietOption, VerboseOption
from mlcli.cli.session import Session


def predict(
    source: Annotated[
        str | None,
        typer.Argument(metavar="INPUT", help="File of rows or images; - is stdin. Left out: the run's test rows."),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Run or bundle folder. Left out: the latest run.",
            autocompletion=completion.runs,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write here (.csv, .parquet or .jsonl).")
    ] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="csv, parquet or jsonl, where no suffix tells.")
    ] = None,
    input_format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="csv, parquet, jsonl or npz, where no suffix tells; stdin is CSV."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Copy this input column beside the prediction. Repeatable."),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Predict new rows: the target is not needed, columns may stand in any order."""
    with Session(as_json, quiet, verbose) as session:
        outline, found = session.outline(run)
        given = None if source is None else session.given(outline, source, input_format)
        from mlcli.terminal.results import show_predictions
        from mlcli.use_cases.predict import PredictRequest
        from mlcli.use_cases.predict import predict as run_predict

        request = PredictRequest(given, output, file_format, tuple(keep or ()))
        session.finish(run_predict(outline, found, request, session.screen), show_predictions)
