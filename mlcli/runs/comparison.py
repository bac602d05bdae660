"""Runs side by side: configurations, data, environments, scores and curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mlcli.config.loading.dump import Difference, differing_facts, differing_keys
from mlcli.errors import ArtefactError, UsageError
from mlcli.io.json import strict_json, to_json
from mlcli.metrics.catalog import Score
from mlcli.runs.folder import find_run
from mlcli.runs.history import read_metrics
from mlcli.runs.listing import ListedRun, RunRecord, read_record
from mlcli.runs.manifest import RunManifest

if TYPE_CHECKING:
    from mlcli.runs.predictions import Pair
    from mlcli.training.state import EpochRecord


@dataclass(frozen=True)
class Comparison:
    """Runs side by side; the others are compared with the first.

    keys, environment : what is not the same in all
    pairs             : each other run with the first
    """

    records: tuple[RunRecord, ...]
    manifests: tuple[RunManifest, ...]
    keys: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    pairs: tuple[Pair, ...]
    histories: tuple[tuple[EpochRecord, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(record.run) for record in self.records)

    @property
    def labels(self) -> tuple[str, ...]:
        """What each run is called beside a curve: its note, or its name where it has none; names unless all differ."""
        labels = tuple(one.note or name for name, one in zip(self.names, self.manifests, strict=True))
        return labels if len(set(labels)) == len(labels) else self.names

    @property
    def same_data(self) -> bool:
        """Whether all were trained on the same prepared data, and so on the same split of it."""
        return len({manifest.data_fingerprint for manifest in self.manifests}) == 1

    @property
    def scores(self) -> dict[str, tuple[Score | None, ...]]:
        """Every metric that was measured, with each run's score."""
        measured = [
            {} if record.measured is None else {score.name: score for score in record.measured.scores}
            for record in self.records
        ]
        return {
            name: tuple(one.get(name) for one in measured) for name in dict.fromkeys(n for one in measured for n in one)
        }

    def to_json(self) -> dict[str, Any]:
        """The document of `runs compare --json`."""
        return {
            "runs": [ListedRun(record, None).to_json() for record in self.records],
            "configuration": to_json(self.keys),
            "same_data": self.same_data,
            "data_fingerprints": [manifest.data_fingerprint for manifest in self.manifests],
            "environment": to_json(self.environment),
            "scores": to_json(self.scores),
            "measured_on": [record.measured and record.measured.split for record in self.records],
            "pairs": to_json(self.pairs),
            "curves": [[strict_json(asdict(epoch)) for epoch in history] for history in self.histories],
        }


def compare_runs(specs: Sequence[str]) -> Comparison:
    """Read the runs and compare them. Raises UsageError for fewer than two, ArtefactError for a damaged one."""
    runs = [find_run(spec) for spec in specs]
    if len({run.folder.resolve() for run in runs}) < max(2, len(runs)):
        raise UsageError(f"expected two or more different runs; got {', '.join(map(str, runs))}")
    records = tuple(map(read_record, runs))
    if problems := [problem for record in records for problem in record.problems]:
        raise ArtefactError(problems[0])
    from mlcli.runs.predictions import compare_pairs  # imports torch

    manifests = tuple(record.manifest for record in records if record.manifest is not None)
    configs = [record.config for record in records if record.config is not None]
    return Comparison(
        records=records,
        manifests=manifests,
        keys=tuple(differing_keys(configs)),
        environment=tuple(differing_facts([manifest.environment for manifest in manifests])),
        pairs=compare_pairs(records),
        histories=tuple(tuple(read_metrics(run)) for run in runs),
    )


# Of one quantity, each run's values epoch by epoch.
Series = Mapping[str, Sequence[float | None]]


def runs_beyond(series: Series, span: tuple[float, float]) -> list[str]:
    """The runs that have finite values outside the span, or none but infinite ones."""
    low, high = span
    return [run for run, values in series.items() if any(one is not None and not low <= one <= high for one in values)]


def curves_of(comparison: Comparison) -> dict[str, Series]:
    """By quantity, each run's values epoch by epoch, by its label; quantities that no run has are left out."""
    histories = dict(zip(comparison.labels, comparison.histories, strict=True))
    metrics = dict.fromkeys(
        name for history in histories.values() for name in (history[0].valid_metrics if history else ())
    )
    found: dict[str, Series] = {
        "training loss": {run: [one.train_loss for one in history] for run, history in histories.items()},
        "validation loss": {run: [one.valid_loss for one in history] for run, history in histories.items()},
    }
    for name in metrics:
        values = {run: [one.valid_metrics.get(name) for one in history] for run, history in histories.items()}
        found[f"validation {name}"] = values
    return {
        quantity: series
        for quantity, series in found.items()
        if any(value is not None and math.isfinite(value) for values in series.values() for value in values)
    }
