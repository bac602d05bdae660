"""`mlcli evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlcli.cli.options import (
    IntervalOption,
    JsonOption,
    QuietOption,
    RunArgument,
    SetOption,
    StrictOption,
    ThresholdOption,
    VerboseOption,
)
from mlcli.cli.session import Session
from mlcli.errors import BoundMissedError


def evaluate(
    run: RunArgument = None,
    split: Annotated[str, typer.Option(metavar="SPLIT", help="Rows to measure on: test, valid or train.")] = "test",
    fail_under: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC=VALUE", help="Exit 8 if the metric is worse than this. Repeatable."),
    ] = None,
    threshold: ThresholdOption = None,
    save_threshold: Annotated[
        bool, typer.Option("--save-threshold", help="Keep the threshold in the model, for later commands.")
    ] = False,
    interval: IntervalOption = None,
    strict: StrictOption = False,
    sets: SetOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Step 4: measure on the test rows, compare with baselines, write figures and a report."""
    with Session(as_json, quiet, verbose) as session:
        from mlcli.runs.folder import find_run

        found = find_run(run)
        from mlcli.evaluation.certainty import Certainty
        from mlcli.terminal.results import show_evaluation
        from mlcli.use_cases.evaluate import evaluate as run_evaluate

        certainty = Certainty(threshold, save_threshold, interval)
        result = run_evaluate(found, split, fail_under or (), sets or (), session.screen, certainty)
        session.finish(result, show_evaluation, "mlcli improve, or mlcli predict NEW_ROWS")
        session.refuse(result.serious if strict else ())
        if result.misses:
            raise BoundMissedError("; ".join(result.misses))
