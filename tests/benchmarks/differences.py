"""Two runs on the same test rows, as JSON: python -m tests.benchmarks.differences OURS THEIRS METRIC."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from mlcli.data.tables.types import Dataset
from mlcli.metrics.measure import measure
from mlcli.metrics.paired import compare_predictions
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask
from mlcli.reporter import Silent
from mlcli.runs.bundle import load_bundle
from mlcli.runs.folder import Run, find_run
from mlcli.runs.rows import prepare_data_of

CLASSES, NUMBERS = ("log_loss", "accuracy"), ("rmse", "mae")


def main() -> None:
    """Predict with both, compare, print."""
    ours, theirs, metric = sys.argv[1:]
    run = find_run(ours)
    rows = prepare_data_of(run, Silent()).splits.test
    task, improved = predict(run, rows)
    _, untuned = predict(find_run(theirs), rows)
    truth, names = task.truth(rows), wanted(task, metric)
    values = [[score.value for score in measure(task, truth, one, names)] for one in (improved, untuned)]
    found = [
        {**asdict(difference), "verdict": difference.verdict, "improved": new, "untuned": old}
        for difference, new, old in zip(
            compare_predictions(task, truth, improved, untuned, names, 0.95), *values, strict=True
        )
    ]
    print(json.dumps({"rows": len(rows), "differences": found}))


def predict(run: Run, rows: Dataset) -> tuple[FittedTask, Predictions]:
    """A run's task and its answers for the rows."""
    bundle = load_bundle(run.model)
    return bundle.task, bundle.predict(rows)


def wanted(task: FittedTask, metric: str) -> tuple[str, ...]:
    """The metric that trials were compared by, then the usual ones."""
    usual = CLASSES if isinstance(task, Classification) else NUMBERS
    first = usual[0] if metric == "loss" else metric
    return tuple(dict.fromkeys((first, *usual)))


if __name__ == "__main__":
    main()
