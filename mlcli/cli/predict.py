"""`mlcli predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli import completion
from mlcli.cli.options import IntervalOption, JsonOption, QuietOption, ThresholdOption, VerboseOption, output_option
from mlcli.cli.session import Session


def predict(
    source: Annotated[
        str | None,
        typer.Argument(metavar="INPUT", help="File of rows or images; - is stdin. Default: the run's test rows."),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="Run or bundle folder. Default: the latest run.", autocompletion=completion.runs
        ),
    ] = None,
    output: Annotated[Path | None, output_option("Write here (.csv, .parquet or .jsonl).")] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="csv, parquet or jsonl; needed without a suffix.")
    ] = None,
    input_format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="csv, parquet, jsonl, npz, excel; needed without a suffix. stdin is CSV."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Copy this input column beside the prediction. Repeatable."),
    ] = None,
    threshold: ThresholdOption = None,
    interval: IntervalOption = None,
    explain: Annotated[
        int | None,
        typer.Option(metavar="K", help="Add each row's K largest contributions of columns to its prediction."),
    ] = None,
    invert: Annotated[
        bool, typer.Option("--invert", help="Images: make dark pixels light and light ones dark, as in a negative.")
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Predict new rows. They need no target; their columns may be in any order."""
    with Session(as_json, quiet, verbose) as session:
        from mlcli.runs.folder import find_bundle, is_run, open_run

        folder = find_bundle(run)
        from mlcli.runs.bundle_manifest import prediction_portions, read_bundle_manifest, read_prediction_input

        bundle, found = read_bundle_manifest(folder), open_run(folder.parent) if is_run(folder.parent) else None
        session.screen.say(f"Model: {found or bundle.folder}")
        if source is None:
            given = None
        elif explain is None:
            given = prediction_portions(bundle, source, input_format)
        else:  # rows are compared with each other
            given = iter([read_prediction_input(bundle, source, input_format)])
        from mlcli.terminal.predict import show_predictions
        from mlcli.use_cases.predict import PredictRequest
        from mlcli.use_cases.predict import predict as run_predict

        request = PredictRequest(given, output, file_format, tuple(keep or ()), threshold, interval, invert, explain)
        session.finish(run_predict(bundle, found, request, session.screen), show_predictions)
